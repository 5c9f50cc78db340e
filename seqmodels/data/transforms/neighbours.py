"""The steps before and after each step, where a sequence goes on at its ends with its first and its last one."""

from __future__ import annotations

import numpy as np

from seqsweep.seqmodels.data.transforms.base import Array, Graph


def shifted(sequence: Array, apart: int) -> Array:
    """Give of each step of [T, D] the one that is `apart` steps after it (before it, where that is negative)."""
    places = np.clip(np.arange(len(sequence)) + apart, 0, len(sequence) - 1)
    return np.asarray(sequence[places])


def shifted_in_onnx(graph: Graph, values: str, lengths: str, apart: int) -> str:
    """Add the same of `values` [batch, length, D] to a graph; its name."""
    zero, one = graph.constant("zero", np.array(0)), graph.constant("one", np.array(1))
    last = graph.node("Unsqueeze", graph.node("Sub", lengths, one), graph.constant("axis1", np.array([1])))
    total = graph.node("Squeeze", graph.node("Shape", values, start=1, end=2))
    time = graph.node("Add", graph.node("Range", zero, total, one), graph.constant("apart", np.array(apart)))
    places = graph.node("Min", graph.node("Max", time, zero), last)
    return taken_in_onnx(graph, values, places)


def taken_in_onnx(graph: Graph, values: str, places: str) -> str:
    """Add the steps of `values` [batch, length, D] at `places` [batch, L]; its name."""
    features = graph.node("Shape", values, start=2, end=3)
    wide = graph.node("Concat", graph.constant("ones", np.array([1, 1])), features, axis=0)
    column = graph.node("Unsqueeze", places, graph.constant("axis2", np.array([2])))
    return graph.node("GatherElements", values, graph.node("Expand", column, wide), axis=1)
