"""Another number of steps: so many, or at another rate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from pydantic import Field, model_validator

from seqsweep.seqmodels.data.transforms.base import Array, Graph, Learnt, Names, Record, Settings, Transform
from seqsweep.seqmodels.data.transforms.neighbours import taken_in_onnx

if TYPE_CHECKING:
    from torch import Tensor

MOST_STEPS = 100_000
FINEST = 1000
"""A factor is taken for the nearest fraction of whole numbers up to this."""


class ResampleSettings(Settings):
    """To how many steps."""

    length: int | None = Field(
        None,
        ge=2,
        le=MOST_STEPS,
        description="steps of every sequence, the ends among them",
        examples=["length = 40"],
    )
    factor: float | None = Field(
        None,
        ge=1 / FINEST,
        le=100,
        description="instead: new steps for one old one; 0.5 is half the rate",
        examples=["factor = 0.5"],
    )

    @model_validator(mode="after")
    def _one_of_them(self) -> ResampleSettings:
        if (self.length is None) == (self.factor is None):
            raise ValueError("give `length` or `factor`, and not both")
        return self


def resample_in_torch(values: Tensor, lengths: Tensor, record: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
    """Take steps in between, on the line between the two that are there."""
    from fractions import Fraction

    import torch

    last = (lengths - 1)[:, None]
    if "length" in record:
        new = torch.arange(record["length"], device=values.device)[None]
        place = (new * last).double() / (record["length"] - 1)
        lengths = torch.full_like(lengths, record["length"])
    else:
        factor = Fraction(record["factor"]).limit_denominator(1000)
        up, down = factor.numerator, factor.denominator
        # as a multiple of what there is, as torch.export can follow no other; what is too much lies behind the ends
        new = torch.arange(values.shape[1] * -(-up // down), device=values.device)[None]
        place = (new * down).double() / up
        lengths = (lengths - 1) * up // down + 1
    low = place.floor().long().minimum(last)
    high = (low + 1).minimum(last)
    share = (place - low)[..., None]
    below, above = (values.gather(1, each[..., None].expand(-1, -1, values.shape[2])) for each in (low, high))
    return below * (1 - share) + above * share, lengths


class Resample(Transform):
    """Linear between steps; nothing is filtered, so a signal that is faster than the new rate is to be smoothed before."""

    kind = "resample"
    words = "Steps are taken anew, on the line between those that are there: `length` of them, or `factor` times as many."
    settings_type = ResampleSettings
    settings: ResampleSettings
    in_torch = staticmethod(resample_in_torch)

    def fit(self, train: Sequence[Array], names: Names) -> Learnt:
        """Learn nothing."""
        return {}, ()

    def apply(self, sequence: Array, record: Record) -> Array:
        """Take the new steps."""
        last = len(sequence) - 1
        place = self._places(last)
        low = np.minimum(np.floor(place).astype(np.int64), last)
        high = np.minimum(low + 1, last)
        share = (place - low)[:, None]
        return np.asarray(sequence[low] * (1 - share) + sequence[high] * share)

    def in_onnx(self, graph: Graph, record: Record, values: str, lengths: str) -> tuple[str, str]:
        """Add the same to a graph."""
        one = graph.constant("one", np.array(1))
        zero = graph.constant("zero", np.array(0))
        last = graph.node(
            "Unsqueeze", graph.node("Sub", lengths, one), graph.constant("axis1", np.array([1]))
        )
        if self.settings.length is not None:
            new = graph.constant("new", np.arange(self.settings.length)[None])
            above = graph.node("Cast", graph.node("Mul", new, last), to=11)
            place = graph.node("Div", above, graph.constant("spaces", np.array(self.settings.length - 1.0)))
            same = graph.constant("length", np.array(self.settings.length))
            lengths = graph.node("Add", graph.node("Mul", lengths, zero), same)
        else:
            up, down = (graph.constant(f"rate{each}", np.array(each)) for each in self._rate())
            total = graph.node("Squeeze", graph.node("Shape", values, start=1, end=2))
            count = self._counted(graph, total, up, down)
            new = graph.node("Range", zero, count, one)
            above = graph.node("Cast", graph.node("Mul", new, down), to=11)
            place = graph.node("Div", above, graph.node("Cast", up, to=11))
            place = graph.node("Unsqueeze", place, graph.constant("axis0", np.array([0])))
            lengths = self._counted(graph, lengths, up, down)
        low = graph.node("Min", graph.node("Cast", graph.node("Floor", place), to=7), last)
        high = graph.node("Min", graph.node("Add", low, one), last)
        apart = graph.node("Sub", place, graph.node("Cast", low, to=11))
        share = graph.node("Unsqueeze", apart, graph.constant("axis2", np.array([2])))
        below, above = (taken_in_onnx(graph, values, each) for each in (low, high))
        rest = graph.node("Sub", graph.constant("one_float", np.array(1.0)), share)
        return graph.node("Add", graph.node("Mul", below, rest), graph.node("Mul", above, share)), lengths

    def _rate(self) -> tuple[int, int]:
        assert self.settings.factor is not None
        return Fraction(self.settings.factor).limit_denominator(FINEST).as_integer_ratio()

    def _places(self, last: int) -> npt.NDArray[np.float64]:
        """Give where the new steps lie among the old ones, 0..last."""
        if self.settings.length is not None:
            return np.asarray(np.arange(self.settings.length) * last / (self.settings.length - 1))
        up, down = self._rate()
        return np.asarray(np.arange(last * up // down + 1) * down / up)

    def _counted(self, graph: Graph, lengths: str, up: str, down: str) -> str:
        one = graph.constant("one", np.array(1))
        return graph.node(
            "Add", graph.node("Div", graph.node("Mul", graph.node("Sub", lengths, one), up), down), one
        )
