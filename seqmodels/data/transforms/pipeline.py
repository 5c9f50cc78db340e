"""Several transforms, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, overload

import numpy as np
import numpy.typing as npt

from seqsweep.seqmodels.data.transforms.base import Array, Graph, Learnt, Names, Record, Transform
from seqsweep.seqmodels.data.transforms.unscaled import UNSCALED

MOST_STEPS, MOST_FEATURES = 32, 1_000_000


class Changed(Sequence[Array]):
    """Sequences that are read, and changed, each time that one is asked for: none is held."""

    def __init__(self, sequences: Sequence[npt.NDArray[Any]], change: Callable[[Array], Array]) -> None:
        self.sequences, self.change = sequences, change

    def __len__(self) -> int:
        return len(self.sequences)

    @overload
    def __getitem__(self, place: int) -> Array: ...
    @overload
    def __getitem__(self, place: slice) -> Changed: ...
    def __getitem__(self, place: int | slice) -> Array | Changed:
        if isinstance(place, slice):
            return Changed(self.sequences[place], self.change)
        return self.change(np.asarray(self.sequences[place], np.float64))


class Pipeline(Transform):
    """Each step learns from what the steps before it make of the training sequences."""

    kind = "pipeline"

    def __init__(self, transforms: Sequence[Transform]) -> None:
        super().__init__()
        self.transforms = tuple(transforms)

    def steps(self, record: Record) -> list[tuple[Transform, Record]]:
        """Pair each step with its own record."""
        return list(zip(self.transforms, record["steps"], strict=True))

    def fit(self, train: Sequence[Array], names: Names) -> Learnt:
        """Fit each step."""
        records: list[dict[str, Any]] = []
        notes: list[str] = []
        features = len(names)
        for place, transform in enumerate(self.transforms):
            record, said = transform.record(train, names)
            records.append(record)
            notes += said
            names = transform.features(names, record)
            if not 1 <= len(names) <= MOST_FEATURES:
                raise ValueError(
                    f"{transform.name} leaves {len(names):,} features, but at least 1 and at most "
                    f"{MOST_FEATURES:,} can be had"
                )
            if place + 1 < len(self.transforms):
                train = Changed(train, _applied(transform, record))
        return {"features": features, "steps": records}, tuple(notes)

    def apply(self, sequence: Array, record: Record) -> Array:
        """Do each step."""
        for transform, own in self.steps(record):
            sequence = transform.apply(sequence, own)
        return sequence

    def in_onnx(self, graph: Graph, record: Record, values: str, lengths: str) -> tuple[str, str]:
        """Add the twins of all steps."""
        for transform, own in self.steps(record):
            values, lengths = transform.in_onnx(graph, own, values, lengths)
        return values, lengths

    def lacks_onnx(self) -> str:
        """Say which step has no twin in ONNX."""
        return next(filter(None, (each.lacks_onnx() for each in self.transforms)), "")

    @property
    def fills_missing(self) -> bool:
        """Whether missing values are filled before any step that cannot have them."""
        return next((each.fills_missing for each in self.transforms if each.missing != "kept"), False)

    @property
    def exportable(self) -> bool:
        """Whether all steps have a twin in torch."""
        return all(each.exportable for each in self.transforms)

    def features(self, names: Names, record: Record) -> Names:
        """Name what comes out of the last step."""
        for transform, own in self.steps(record):
            names = transform.features(names, own)
        return names

    def width(self, features: int, record: Record) -> int:
        """Count what comes out of the last step."""
        for transform, own in self.steps(record):
            features = transform.width(features, own)
        return features

    def check(self, record: Record, features: int) -> None:
        """Check each step's record for the features that the step before it gives."""
        if type(record.get("features")) is not int or record["features"] != features:
            raise ValueError(f"`normalization.features` must be {features}, as the model reads so many")
        for transform, own in self.steps(record):
            transform.check(own, features)
            features = transform.width(features, own)
            if not 1 <= features <= MOST_FEATURES:
                raise ValueError(
                    f"`normalization.steps` lead to {features} features, but at most {MOST_FEATURES} can be had"
                )

    def describe(self, record: Record) -> str:
        """Number the steps."""
        return " ".join(
            f"({place}) {transform.describe(own)}"
            for place, (transform, own) in enumerate(self.steps(record), 1)
        )

    def is_far(self, tokens: npt.NDArray[np.float32]) -> bool:
        """Ask the last step."""
        return self.transforms[-1].is_far(tokens)

    def typical(self, record: Record, features: int, after: tuple[Array, Array]) -> tuple[Array, Array]:
        """Ask step by step, from the last one on."""
        widths = [features]
        for transform, own in self.steps(record):
            widths.append(transform.width(widths[-1], own))
        for width, (transform, own) in reversed(list(zip(widths[:-1], self.steps(record), strict=True))):
            after = transform.typical(own, width, after)
        return after


def joined(transforms: Sequence[Transform]) -> Transform:
    """Make one of several, or of none; one that keeps the number of features stands for itself."""
    if not transforms:
        return UNSCALED
    [first, *rest] = transforms
    widens = type(first).width is not Transform.width
    return Pipeline(transforms) if rest or widens else first


def raw_features(record: Record, width: int) -> int:
    """Count the features that go in, where `width` come out."""
    return int(record["features"]) if record.get("kind") == Pipeline.kind else width


def _applied(transform: Transform, record: Record) -> Callable[[Array], Array]:
    return lambda sequence: transform.apply(sequence, record)
