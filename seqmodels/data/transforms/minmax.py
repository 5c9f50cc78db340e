"""Each column of a sequence to 0..1 by its own least and greatest value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from seqsweep.seqmodels.data.transforms.base import Array, Graph, Learnt, Names, Record, Transform

if TYPE_CHECKING:
    from torch import Tensor

FLAT = 1e-12
"""A column whose range within one sequence is at most this share of its greatest magnitude is constant but for rounding."""


def minmax(sequence: Array) -> Array:
    """Bring each column of [T, D] to 0..1 by its own range; a column that is constant (`FLAT`) becomes 0."""
    low, high = sequence.min(0), sequence.max(0)
    span = high - low
    flat = span <= FLAT * np.maximum(np.abs(low), np.abs(high))
    return np.asarray((sequence - low) / np.where(flat, np.inf, span))


def minmax_in_torch(values: Tensor, lengths: Tensor, record: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
    """Scale each column of a sequence to 0..1; one that is constant, but for rounding, becomes 0."""
    import torch

    inside = (torch.arange(values.shape[1], device=values.device) < lengths[:, None])[..., None]
    low = torch.where(inside, values, torch.inf).amin(1, keepdim=True)
    high = torch.where(inside, values, -torch.inf).amax(1, keepdim=True)
    flat = high - low <= 1e-12 * torch.maximum(low.abs(), high.abs())
    return (values - low) / torch.where(flat, torch.inf, high - low), lengths


class Minmax(Transform):
    """Each sequence on its own, so nothing is learnt from training."""

    kind = "per_sequence_minmax"
    name = "min_max"
    words = (
        "Each column of a sequence is scaled to 0..1 by its own least and greatest value "
        "(a constant one becomes 0)."
    )
    in_torch = staticmethod(minmax_in_torch)

    def fit(self, train: Sequence[Array], names: Names) -> Learnt:
        """Learn nothing."""
        return {}, ()

    def apply(self, sequence: Array, record: Record) -> Array:
        """Bring each column to 0..1."""
        return minmax(sequence)

    def in_onnx(self, graph: Graph, record: Record, values: str, lengths: str) -> tuple[str, str]:
        """Add the same to a graph."""
        inside = graph.inside(values, lengths)
        axis = graph.constant("axis1", np.array([1]))
        most, least = (
            graph.constant(f"{sign}infinity", np.array(float(f"{sign}inf"))) for sign in ("+", "-")
        )
        low = graph.node("ReduceMin", graph.node("Where", inside, values, most), axis)
        high = graph.node("ReduceMax", graph.node("Where", inside, values, least), axis)
        span = graph.node("Sub", high, low)
        magnitude = graph.node("Max", graph.node("Abs", low), graph.node("Abs", high))
        bound = graph.node("Mul", graph.constant("rounding", np.array(FLAT)), magnitude)
        divisor = graph.node(
            "Where", graph.node("LessOrEqual", span, bound), most, span
        )  # a constant becomes 0
        return graph.node("Div", graph.node("Sub", values, low), divisor), lengths


MINMAX = Minmax()
