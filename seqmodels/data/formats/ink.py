"""Strokes of a pen joined to one sequence, in which a last column says where the pen is lifted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

PEN_UP = "pen_up"
NAMES = {"x": "x", "y": "y", "t": "time", "f": "pressure", "p": "pressure"}
"""What the formats' channels are called here."""

Points = npt.NDArray[np.floating[Any]]


def join(strokes: Sequence[Points]) -> Points:
    """Join strokes [n, D] to one sequence [T, D + 1]; its last column is 1 at the last point of each stroke, else 0.

    Strokes without points are left out. Float32 where that holds every number, else float64.
    """
    drawn = [stroke for stroke in strokes if len(stroke)]
    if not drawn:
        return np.empty((0, 3), np.float32)
    lengths = np.cumsum([len(stroke) for stroke in drawn])
    joined = np.zeros((lengths[-1], drawn[0].shape[1] + 1))
    np.concatenate(drawn, out=joined[:, :-1])
    joined[lengths - 1, -1] = 1
    with np.errstate(over="ignore", invalid="ignore"):
        small = joined.astype(np.float32)
    return small if np.array_equal(small, joined, equal_nan=True) else joined


def feature_names(channels: Sequence[str]) -> tuple[str, ...]:
    """Name the columns of joined strokes that have these channels."""
    return (*(NAMES.get(each.lower(), each.lower()) for each in channels), PEN_UP)
