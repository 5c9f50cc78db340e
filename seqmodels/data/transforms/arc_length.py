"""Ink at so many points, each as far from the next along the pen's path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from seqsweep.seqmodels.data.transforms.base import Array, Learnt, Names, Record, Transform
from seqsweep.seqmodels.data.transforms.columns import PEN_UP, PlaneSettings, check_places, places_of, plane
from seqsweep.seqmodels.data.transforms.neighbours import shifted

if TYPE_CHECKING:
    from torch import Tensor


class ArcLengthSettings(PlaneSettings):
    """At how many points of which path."""

    points: int = Field(
        ge=2,
        le=100_000,
        description="points of every sequence, the ends among them",
        examples=["points = 64"],
    )
    pen: str | int | None = Field(
        None,
        description="the column that is 1 where the pen is lifted after a point: the way to the next does not count; left out: "
        f"`{PEN_UP}` where there is one",
        examples=['pen = "lifted"'],
    )


def arc_length_in_torch(values: Tensor, lengths: Tensor, record: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
    """Take points at equal distances along the path."""
    import torch

    points, last, pens = record["points"], (lengths - 1)[:, None], record["pens"]
    time = torch.arange(values.shape[1], device=values.device)[None].expand(values.shape[:2])
    inside, earlier = time <= last, (time - 1).clamp(min=0)
    lifted = torch.zeros_like(inside)
    for place in pens:
        lifted = inside & (values[:, :, place] > 0.5)
    steps = values - values.gather(1, earlier[..., None].expand(values.shape))
    x, y = (steps[:, :, place] for place in record["plane"])
    drawn = inside & ~lifted.gather(1, earlier)
    gone = torch.where(drawn, (x * x + y * y).sqrt(), 0.0).cumsum(1)
    wanted = torch.arange(points, device=values.device)[None] * gone[:, -1:] / (points - 1)
    low = (torch.searchsorted(gone, wanted, right=True) - 1).minimum(last)
    high = (low + 1).minimum(last)
    width = gone.gather(1, high) - gone.gather(1, low)
    share = torch.where(width > 0, (wanted - gone.gather(1, low)) / width, 0.0)[..., None]
    below, above = (values.gather(1, each[..., None].expand(-1, -1, values.shape[2])) for each in (low, high))
    found = below + share * (above - below)
    until = lifted.long().cumsum(1)
    before = (until - lifted.long()).gather(1, low)  # pens lifted before a point
    pen = (torch.cat([before[:, 1:], until[:, -1:]], 1) > before).double()[..., None]
    for place in pens:
        found = torch.cat([found[:, :, :place], pen, found[:, :, place + 1 :]], 2)
    return found, torch.full_like(lengths, points)


class ArcLength(Transform):
    """The record's `plane` are the places, from 0, of two columns, its `pens` that of the lifted pen's, or nothing.

    A point is new where it lies between two that the pen drew, all its columns on the line between theirs, but the pen's: that is
    1 at the last point before a way through the air. A stroke without length, such as a dot, has no place along the path.
    """

    kind = "arc_length"
    words = "The pen's path is taken at `points` points, each as far from the next along it; ways of the lifted pen do not count."
    settings_type = ArcLengthSettings
    settings: ArcLengthSettings
    in_torch = staticmethod(arc_length_in_torch)

    def fit(self, train: Sequence[Array], names: Names) -> Learnt:
        """Find the columns."""
        pen = self.settings.pen
        found = {"plane": plane(self.settings, names), "pens": []}
        if pen is not None or PEN_UP in names:
            found["pens"] = places_of([PEN_UP if pen is None else pen], names)
        if set(found["plane"]) & set(found["pens"]):
            raise ValueError("arc_length takes one column for the path and for the lifted pen")
        return found, ()

    def apply(self, sequence: Array, record: Record) -> Array:
        """Take the points."""
        points, last, pens = self.settings.points, len(sequence) - 1, record["pens"]
        lifted = np.asarray((sequence[:, pens] > 0.5).any(1), np.bool_)
        x, y = (sequence - shifted(sequence, -1))[:, record["plane"]].T
        way = np.sqrt(x * x + y * y)
        way[1:][lifted[:-1]] = 0
        gone = np.cumsum(way)
        wanted = np.arange(points) * gone[-1] / (points - 1)
        low = np.minimum(np.searchsorted(gone, wanted, side="right") - 1, last)
        high = np.minimum(low + 1, last)
        width = gone[high] - gone[low]
        share = np.where(width > 0, (wanted - gone[low]) / np.where(width > 0, width, 1), 0)[:, None]
        found = sequence[low] + share * (sequence[high] - sequence[low])
        before = np.concatenate([[0], np.cumsum(lifted)])  # pens lifted before a point
        found[:, pens] = np.not_equal(before[np.append(low[1:], last + 1)], before[low])[:, None]
        return np.asarray(found)

    def lacks_onnx(self) -> str:
        """Say that ONNX cannot look up a place."""
        return (
            "`arc_length` has no twin in ONNX, which has no operator that finds a place among sorted numbers"
        )

    def check(self, record: Record, features: int) -> None:
        """Raise ValueError unless the columns are there."""
        check_places(record, "plane", features, least=2)
        check_places(record, "pens", features, least=0)
        if len(record["plane"]) != 2 or len(record["pens"]) > 1:
            raise ValueError(
                "`normalization.plane` must be two columns, and `normalization.pens` at most one"
            )
