"""Means and deviations of many sequences, a part of them at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from seqsweep.seqmodels.data.transforms.base import Array, Names

PART = 2**22
"""Numbers that are laid side by side at a time, at least: 32 MiB."""


@dataclass(frozen=True, eq=False)
class Moments:
    """Holds each column's first, least and greatest value, mean and variance (divided by `count`), over `count` frames."""

    count: int
    first: Array
    low: Array
    high: Array
    mean: Array
    variance: Array


def moments(sequences: Sequence[Array]) -> Moments:
    """Go through sequences [T, D] twice; of what is one part the bits are those of numpy's `mean` and `var` of all frames.

    Sums go on from part to part row by row, as numpy adds rows up, so the parts' size changes no bit where D is above 1.
    """
    stream = parts(sequences)
    frames = next(stream)
    count, first, low, high = len(frames), frames[0].copy(), frames.min(0), frames.max(0)
    total = np.add.reduce(frames, axis=0)
    for frames in stream:
        count += len(frames)
        low, high = np.minimum(low, frames.min(0)), np.maximum(high, frames.max(0))
        total = _added(total, frames)
    mean = np.true_divide(total, count)
    stream = parts(sequences)
    squares = np.add.reduce(_squared(next(stream) - mean), axis=0)
    for frames in stream:
        squares = _added(squares, _squared(frames - mean))
    return Moments(count, first, low, high, mean, np.true_divide(squares, count))


def parts(sequences: Iterable[Array]) -> Iterator[Array]:
    """Lay sequences one behind the other, until they are `PART` numbers, then the next."""
    waiting: list[Array] = []
    size = 0
    for each in sequences:
        waiting.append(each)
        size += each.size
        if size >= PART:
            yield np.concatenate(waiting)
            waiting, size = [], 0
    if waiting:
        yield np.concatenate(waiting)


def _added(total: Array, frames: Array) -> Array:
    return np.asarray(np.add.reduce(np.concatenate([total[None], frames]), axis=0))


def _squared(apart: Array) -> Array:
    return np.multiply(apart, apart, out=apart)


def present_means(
    sequences: Sequence[Array], names: Names, whose: str
) -> tuple[dict[str, list[float]], tuple[str, ...]]:
    """Give `mean` of the values that are not NaN, column by column, and a note where a column has none, whose mean is 0."""
    total, count = np.zeros(len(names)), np.zeros(len(names), np.int64)
    for frames in parts(sequences):
        there = ~np.isnan(frames)
        total += np.where(there, frames, 0).sum(0)
        count += there.sum(0)
    without = [f"`{name}`" for name, values in zip(names, count, strict=True) if not values]
    shown = ", ".join([*without[:5], *(["..."] if len(without) > 5 else [])])
    note = f"{whose} puts 0 where {shown} would be, of which training has no value"
    return {"mean": (total / np.maximum(count, 1)).tolist()}, (note,) * bool(without)
