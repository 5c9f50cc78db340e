"""What a sweep's store knows of its data sets: sizes, lengths, and a few sequences of each class to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seqsweep.results.store import Sweep


@dataclass(frozen=True, eq=False)
class Specimen:
    """A sequence of the training part. `values` [tokens, features]: every `token_step`-th token of its `length`, every
    `feature_step`-th feature, normalised as the models see them.
    """

    sequence: str
    length: int
    token_step: int
    feature_step: int
    values: npt.NDArray[np.float32]


@dataclass(frozen=True)
class ClassFacts:
    """A class: sequences in each part, shortest, median and longest length in tokens (None: not recorded)."""

    name: str
    train: int | None
    validation: int | None
    test: int | None
    lengths: tuple[float, float, float] | None
    specimens: tuple[Specimen, ...]


@dataclass(frozen=True)
class DatasetFacts:
    """A data set. None, and no specimens, where the sweep was begun by a version that did not record it.

    `format`: of its files, or that an embedded data set imitates. `normalization`: what was done to the raw numbers, several
    kinds with commas between them.
    `lengths`: shortest, median and longest sequence. `groups`: speakers or writers. `notes`: what was passed over or filled in
    when the files were read. `drawing`: how the format wants a sequence drawn.
    """

    name: str
    synthetic: bool
    format: str | None
    normalization: str | None
    features: int | None
    tokens: int | None
    groups: int | None
    fingerprint: str | None
    lengths: tuple[float, float, float] | None
    train: int | None
    validation: int | None
    test: int | None
    classes: tuple[ClassFacts, ...]
    notes: tuple[str, ...] = ()
    drawing: str | None = None

    @property
    def recorded(self) -> bool:
        """Whether there are examples of its classes."""
        return any(each.specimens for each in self.classes)


def datasets(sweep: Sweep) -> tuple[DatasetFacts, ...]:
    """The data sets of a sweep, in the spec's order. Raises `StoreError` where the examples are damaged."""
    table = sweep.examples()
    found: dict[tuple[str, str], list[Specimen]] = {}
    for row in table.to_pylist() if table is not None else ():
        values = np.array(row["values"], np.float32).reshape(-1, row["features"])
        specimen = Specimen(row["sequence"], row["length"], row["token_step"], row["feature_step"], values)
        found.setdefault((row["dataset"], row["class"]), []).append(specimen)
    return tuple(_facts(entry, found) for entry in sweep.info.get("datasets") or ())


def _facts(entry: Mapping[str, Any], found: Mapping[tuple[str, str], Sequence[Specimen]]) -> DatasetFacts:
    name = entry["name"]
    counts = entry.get("class_counts") or {}
    lengths = entry.get("class_lengths") or ()
    return DatasetFacts(
        name=name,
        synthetic=bool(entry.get("synthetic", False)),
        format=entry.get("format"),
        drawing=entry.get("drawing"),
        normalization=_kinds(entry.get("normalization") or {}),
        features=entry.get("features"),
        tokens=entry.get("tokens"),
        groups=entry.get("groups"),
        fingerprint=entry.get("fingerprint"),
        lengths=_three([entry.get(f"length_{which}") for which in ("min", "median", "max")]),
        train=entry.get("train"),
        validation=entry.get("validation"),
        test=entry.get("test"),
        notes=tuple(entry.get("notes") or ()),
        classes=tuple(
            ClassFacts(
                label,
                **{part: _at(counts.get(part) or (), place) for part in ("train", "validation", "test")},
                lengths=_three(_at(lengths, place) or ()),
                specimens=tuple(found.get((name, label), ())),
            )
            for place, label in enumerate(entry.get("classes") or ())
        ),
    )


def _kinds(normalization: Mapping[str, Any]) -> str | None:
    steps = normalization.get("steps") or [normalization]
    return ", ".join(step["kind"] for step in steps if "kind" in step) or None


def _at(values: Sequence[Any], place: int) -> Any:
    return values[place] if place < len(values) else None


def _three(values: Sequence[Any]) -> tuple[float, float, float] | None:
    if len(values) != 3 or None in values:
        return None
    shortest, median, longest = values
    return shortest, median, longest
