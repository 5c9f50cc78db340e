"""Each feature of a sequence to mean 0 and deviation 1, by the sequence's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from seqsweep.seqmodels.data.transforms.base import Array, Graph, Learnt, Names, Record, Transform
from seqsweep.seqmodels.data.transforms.minmax import FLAT

if TYPE_CHECKING:
    from torch import Tensor


def standardized(sequence: Array) -> Array:
    """Bring each column of [T, D] to mean 0 and deviation 1 by its own; a column that is constant (`FLAT`) becomes 0."""
    low, high = sequence.min(0), sequence.max(0)
    flat = high - low <= FLAT * np.maximum(np.abs(low), np.abs(high))
    return np.asarray((sequence - sequence.mean(0)) / np.where(flat, np.inf, sequence.std(0)))


def standardize_sequence_in_torch(
    values: Tensor, lengths: Tensor, record: Mapping[str, Any]
) -> tuple[Tensor, Tensor]:
    """Standardise each column of a sequence; one that is constant, but for rounding, becomes 0."""
    import torch

    inside = (torch.arange(values.shape[1], device=values.device) < lengths[:, None])[..., None]
    low = torch.where(inside, values, torch.inf).amin(1, keepdim=True)
    high = torch.where(inside, values, -torch.inf).amax(1, keepdim=True)
    flat = high - low <= 1e-12 * torch.maximum(low.abs(), high.abs())
    steps = lengths[:, None, None]
    apart = values - torch.where(inside, values, 0.0).sum(1, keepdim=True) / steps
    deviation = (torch.where(inside, apart * apart, 0.0).sum(1, keepdim=True) / steps).sqrt()
    return apart / torch.where(flat, torch.inf, deviation), lengths


def standardized_in_onnx(graph: Graph, values: str, lengths: str) -> str:
    """Add the same to a graph; its name."""
    axis, inside = graph.constant("axis1", np.array([1])), graph.inside(values, lengths)
    most, least = (graph.constant(f"{sign}infinity", np.array(float(f"{sign}inf"))) for sign in ("+", "-"))
    none = graph.constant("nothing", np.array(0.0))
    low = graph.node("ReduceMin", graph.node("Where", inside, values, most), axis)
    high = graph.node("ReduceMax", graph.node("Where", inside, values, least), axis)
    magnitude = graph.node("Max", graph.node("Abs", low), graph.node("Abs", high))
    bound = graph.node("Mul", graph.constant("rounding", np.array(FLAT)), magnitude)
    flat = graph.node("LessOrEqual", graph.node("Sub", high, low), bound)
    steps = graph.node(
        "Cast", graph.node("Unsqueeze", lengths, graph.constant("axes12", np.array([1, 2]))), to=11
    )
    total = graph.node("ReduceSum", graph.node("Where", inside, values, none), axis)
    apart = graph.node("Sub", values, graph.node("Div", total, steps))
    squares = graph.node("Where", inside, graph.node("Mul", apart, apart), none)
    deviation = graph.node("Sqrt", graph.node("Div", graph.node("ReduceSum", squares, axis), steps))
    return graph.node("Div", apart, graph.node("Where", flat, most, deviation))


class StandardizeSequence(Transform):
    """Each sequence on its own, so nothing is learnt from training."""

    kind = "standardize_sequence"
    words = (
        "Each column of a sequence is standardised by its own mean and deviation (a constant one becomes 0)."
    )
    in_torch = staticmethod(standardize_sequence_in_torch)

    def fit(self, train: Sequence[Array], names: Names) -> Learnt:
        """Learn nothing."""
        return {}, ()

    def apply(self, sequence: Array, record: Record) -> Array:
        """Standardise each column."""
        return standardized(sequence)

    def in_onnx(self, graph: Graph, record: Record, values: str, lengths: str) -> tuple[str, str]:
        """Add the same to a graph."""
        return standardized_in_onnx(graph, values, lengths), lengths
