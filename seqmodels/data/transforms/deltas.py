"""Deltas as speech recognisers have them: the slope of a regression over neighbouring steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from seqsweep.seqmodels.data.transforms.base import Array, Graph, Learnt, Names, Record, Settings, Transform
from seqsweep.seqmodels.data.transforms.neighbours import shifted, shifted_in_onnx

if TYPE_CHECKING:
    from torch import Tensor


class DeltasSettings(Settings):
    """How many, over how many steps."""

    order: int = Field(2, ge=1, le=2, description="1: deltas; 2: their deltas too", examples=["order = 1"])
    window: int = Field(
        2, ge=1, le=50, description="steps to each side that the slope is taken over", examples=["window = 3"]
    )


def deltas_in_torch(values: Tensor, lengths: Tensor, record: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
    """Append slopes over neighbouring steps; beyond the ends the first and the last step go on."""
    import torch

    time = torch.arange(values.shape[1], device=values.device)[None]
    last = (lengths - 1)[:, None]
    parts, reach = [values], record["window"]
    for _ in range(record["order"]):
        total = torch.zeros_like(values)
        for apart in range(1, reach + 1):
            after, before = (time + apart).minimum(last), (time - apart).clamp(min=0).minimum(last)
            after, before = (place[..., None].expand(values.shape) for place in (after, before))
            total = total + apart * (parts[-1].gather(1, after) - parts[-1].gather(1, before))
        parts.append(total / (2 * sum(apart * apart for apart in range(1, reach + 1))))
    return torch.cat(parts, 2), lengths


class Deltas(Transform):
    """d_t = sum n (c_(t+n) - c_(t-n)) / (2 sum n^2) over n = 1..window (The HTK Book, 5.6), where c goes on at its ends.

    The second are the deltas of the first, as HTK has them; Kaldi's differ from these at the ends of a sequence.
    """

    kind = "deltas"
    words = "Each feature's slope over neighbouring steps (deltas), and with `order` 2 the slope of that, are appended."
    settings_type = DeltasSettings
    settings: DeltasSettings
    in_torch = staticmethod(deltas_in_torch)

    def fit(self, train: Sequence[Array], names: Names) -> Learnt:
        """Learn nothing."""
        return {}, ()

    def apply(self, sequence: Array, record: Record) -> Array:
        """Append the slopes."""
        parts = [sequence]
        for _ in range(self.settings.order):
            parts.append(_slope(parts[-1], self.settings.window))
        return np.concatenate(parts, axis=1)

    def features(self, names: Names, record: Record) -> Names:
        """Name the slopes."""
        marks = ("", " delta", " delta delta")[: self.settings.order + 1]
        return tuple(f"{name}{mark}" for mark in marks for name in names)

    def width(self, features: int, record: Record) -> int:
        """Count the slopes, too."""
        return features * (self.settings.order + 1)

    def in_onnx(self, graph: Graph, record: Record, values: str, lengths: str) -> tuple[str, str]:
        """Add the same to a graph."""
        squares = graph.constant("squares", np.array(float(_squares(self.settings.window))))
        parts = [values]
        for _ in range(self.settings.order):
            total = ""
            for apart in range(1, self.settings.window + 1):
                after, before = (shifted_in_onnx(graph, parts[-1], lengths, each) for each in (apart, -apart))
                weight = graph.constant("weight", np.array(float(apart)))
                part = graph.node("Mul", graph.node("Sub", after, before), weight)
                total = graph.node("Add", total, part) if total else part
            parts.append(graph.node("Div", total, squares))
        return graph.node("Concat", *parts, axis=2), lengths


def _slope(sequence: Array, reach: int) -> Array:
    total = np.zeros_like(sequence)
    for apart in range(1, reach + 1):
        total += apart * (shifted(sequence, apart) - shifted(sequence, -apart))
    return total / _squares(reach)


def _squares(reach: int) -> int:
    return 2 * sum(apart * apart for apart in range(1, reach + 1))
