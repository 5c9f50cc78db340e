"""Outliers drawn in to a number of training deviations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from seqsweep.seqmodels.data.transforms.base import Array, Graph, Learnt, Names, Record, Settings, Transform
from seqsweep.seqmodels.data.transforms.statistics import moments

if TYPE_CHECKING:
    from torch import Tensor


class ClipSettings(Settings):
    """How far is too far."""

    deviations: float = Field(
        5.0,
        gt=0,
        le=1e6,
        description="how many training deviations from the mean values may lie",
        examples=["deviations = 3"],
    )


def clip_in_torch(values: Tensor, lengths: Tensor, record: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
    """Bring values beyond the bounds to them."""
    return values.maximum(record["low"]).minimum(record["high"]), lengths


class Clip(Transform):
    """Bounds are learnt with the outliers of training in them; a feature that is constant there stays so."""

    kind = "clip"
    words = "Values beyond `low` and `high`, `deviations` training deviations from the training mean, are set to these."
    settings_type = ClipSettings
    settings: ClipSettings
    numbers = ("low", "high")
    in_torch = staticmethod(clip_in_torch)

    def fit(self, train: Sequence[Array], names: Names) -> Learnt:
        """Learn the bounds."""
        found = moments(train)
        mean = np.where(found.low == found.high, found.first, found.mean)
        reach = self.settings.deviations * np.where(found.low == found.high, 0, np.sqrt(found.variance))
        return {"low": (mean - reach).tolist(), "high": (mean + reach).tolist()}, ()

    def apply(self, sequence: Array, record: Record) -> Array:
        """Bring values beyond the bounds to them."""
        low, high = (np.array(record[name], np.float64) for name in self.numbers)
        return np.minimum(np.maximum(sequence, low), high)

    def altered(self, sequence: Array, record: Record) -> int:
        """Count values beyond the bounds."""
        low, high = (np.array(record[name], np.float64) for name in self.numbers)
        return int(((sequence < low) | (sequence > high)).sum())

    def altered_note(self, sequences: int, altered: int) -> str:
        """Say how many there were."""
        far = f"{self.settings.deviations:g} training deviations"
        return f"clip draws in {altered:,} value(s) of {sequences:,} sequence(s), which lie beyond {far}"

    def in_onnx(self, graph: Graph, record: Record, values: str, lengths: str) -> tuple[str, str]:
        """Add the same to a graph."""
        low, high = (graph.constant(name, np.array(record[name], np.float64)) for name in self.numbers)
        return graph.node("Min", graph.node("Max", values, low), high), lengths

    def check(self, record: Record, features: int) -> None:
        """Raise ValueError unless the bounds are a number a feature, in order."""
        super().check(record, features)
        if any(low > high for low, high in zip(record["low"], record["high"], strict=True)):
            raise ValueError("`normalization.low` must be at most `normalization.high`")

    def typical(self, record: Record, features: int, after: tuple[Array, Array]) -> tuple[Array, Array]:
        """Give the middle of the bounds, and a deviation by which some values lie beyond them."""
        low, high = (np.array(record[name], np.float64) for name in self.numbers)
        return (low + high) / 2, (high - low) / 4
