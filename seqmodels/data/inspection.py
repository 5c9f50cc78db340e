"""Looks at a data set before anything is trained: what it was recognised as, and its numbers as they were written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seqsweep.seqmodels.data.collection import PARTS, TEST, TRAIN, Collection, Values
from seqsweep.seqmodels.data.dataset import SequenceDataset
from seqsweep.seqmodels.data.formats.base import Format
from seqsweep.seqmodels.data.registry import format_named
from seqsweep.seqmodels.data.source import load, read_source, source_name

TOGETHER = 1 << 16  # tokens that are looked at in one go


@dataclass(frozen=True)
class ClassFacts:
    """One class: how many sequences, in which of the data's own parts, and how long they are in tokens."""

    name: str
    sequences: int
    parts: Mapping[str, int]
    shortest: int
    median: float
    longest: int


@dataclass(frozen=True)
class FeatureFacts:
    """One column of the raw numbers, over all tokens; the figures leave missing values out, and are NaN where all are."""

    name: str
    low: float
    mean: float
    deviation: float
    high: float
    missing: int


@dataclass(frozen=True)
class Inspection:
    """What a data set is.

    `recognised` says how the format was found where the table did not name it; `reading` is the format and all its options, by
    which new files are read too. `parts` counts the sequences of the data's own parts; it is empty where they have none.
    """

    name: str
    path: str
    format: str
    recognised: str | None
    reading: Mapping[str, Any]
    drawing: str
    sequences: int
    tokens: int
    parts: Mapping[str, int]
    classes: tuple[ClassFacts, ...]
    features: tuple[FeatureFacts, ...]
    groups: int | None
    shortest: int
    median: float
    longest: int
    notes: tuple[str, ...]


def inspect(source: str | Mapping[str, Any], *, base: Path = Path()) -> tuple[Inspection, Collection]:
    """Read a data set (see `source.load`) as it is written, and count what it holds. Raises DataError."""
    if isinstance(source, str):
        made = load(source)
        found = _as_written(made)
        form = format_named(made.reading["format"])
        return facts(found, form, made.reading, source, "embedded, synthetic"), found
    found, form, options, recognised = read_source(source, base=base)
    found.check_shapes()
    reading = {"format": form.name, **options.model_dump(exclude_none=True, mode="json")}
    return facts(found, form, reading, source, recognised), found


def _as_written(dataset: SequenceDataset) -> Collection:
    """Take an embedded data set, whose numbers are made at their scale, as if it had been read."""
    return Collection(
        [dataset.sequence(place) for place in range(dataset.sequence_count)],
        [dataset.class_names[label] for label in dataset.label],
        dataset.ids,
        dataset.ids,
        [TEST if test else TRAIN for test in dataset.is_test],
        None if dataset.group is None else list(map(str, dataset.group.tolist())),
        notes=dataset.notes,
    )


def facts(
    found: Collection,
    form: Format,
    reading: Mapping[str, Any],
    source: str | Mapping[str, Any],
    recognised: str | None = None,
) -> Inspection:
    """Count what was read."""
    lengths = np.array([len(sequence) for sequence in found.sequences], np.int64)
    return Inspection(
        name=source_name(source),
        path=source if isinstance(source, str) else str(source["path"]),
        format=form.name,
        recognised=recognised,
        reading=reading,
        drawing=form.drawing,
        sequences=len(found),
        tokens=int(lengths.sum()),
        parts=_parts(found.parts),
        classes=tuple(_classes(found, lengths)),
        features=_features(found),
        groups=None if found.groups is None else len(set(found.groups)),
        shortest=int(lengths.min()),
        median=float(np.median(lengths)),
        longest=int(lengths.max()),
        notes=found.notes,
    )


def _parts(parts: Any) -> dict[str, int]:
    counts = Counter(parts)
    found = {part: counts[part] for part in PARTS if counts[part]}
    return {**found, "none": counts[None]} if found and counts[None] else found


def _classes(found: Collection, lengths: npt.NDArray[np.int64]) -> list[ClassFacts]:
    classes = []
    for name, members in found.classes().items():
        own = lengths[members]
        classes.append(
            ClassFacts(
                name,
                len(members),
                _parts([found.parts[place] for place in members.tolist()]),
                int(own.min()),
                float(np.median(own)),
                int(own.max()),
            )
        )
    return classes


def _together(sequences: Sequence[Values]) -> Iterator[npt.NDArray[np.float64]]:
    """Give the tokens of some sequences, then those of the next ones, [T, D]."""
    some: list[Values] = []
    tokens = 0
    for sequence in sequences:
        some.append(sequence)
        tokens += len(sequence)
        if tokens >= TOGETHER:
            yield np.concatenate(some).astype(np.float64, copy=False)
            some, tokens = [], 0
    if some:
        yield np.concatenate(some).astype(np.float64, copy=False)


def _features(found: Collection) -> tuple[FeatureFacts, ...]:
    """Go over the tokens of some sequences at a time: no copy of all of them is made."""
    width = found.sequences[0].shape[1]
    low, high = np.full(width, np.inf), np.full(width, -np.inf)
    count, total, squares = np.zeros(width, np.int64), np.zeros(width), np.zeros(width)
    missing = np.zeros(width, np.int64)
    shift = np.full(width, np.nan)  # the first value that is there
    for values in _together(found.sequences):
        there = np.isfinite(values)
        if np.isnan(shift).any():
            firsts = values[there.argmax(0), np.arange(width)]
            shift = np.where(np.isnan(shift) & there.any(0), firsts, shift)
        missing += (~there).sum(0)
        count += there.sum(0)
        low = np.minimum(low, np.where(there, values, np.inf).min(0))
        high = np.maximum(high, np.where(there, values, -np.inf).max(0))
        with np.errstate(over="ignore", invalid="ignore"):  # 1e300 squared: the deviation is infinite then
            apart = np.where(
                there, values - shift, 0
            )  # numbers far from 0 that hardly vary keep their digits
            total += apart.sum(0)
            squares += (apart * apart).sum(0)
    with np.errstate(all="ignore"):
        mean = total / count
        deviation = np.sqrt(np.maximum(squares / count - mean * mean, 0))
    names = found.features or tuple(str(place) for place in range(1, width + 1))

    def figure(values: npt.NDArray[np.float64], place: int) -> float:
        return float(values[place]) if count[place] else float("nan")

    return tuple(
        FeatureFacts(
            names[place],
            low=figure(low, place),
            mean=figure(mean + shift, place),
            deviation=figure(deviation, place),
            high=figure(high, place),
            missing=int(missing[place]),
        )
        for place in range(width)
    )
