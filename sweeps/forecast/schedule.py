"""The schedule of a sweep, simulated: each trial takes the first place that gets free."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """When trials run.

    Args:
        seconds: from the first start to the last end.
        start: of each trial, in the given order.
        last: which trial ends last.
        idle_from: when a place has nothing left to do for the first time; `seconds` - `idle_from` is the tail.
    """

    seconds: float
    start: tuple[float, ...]
    last: int
    idle_from: float


def simulate(seconds: Sequence[float], slots: int) -> Schedule:
    """List scheduling: trials start in the given order, at most `slots` at a time. All places are alike.

    Args:
        seconds: what each trial takes; at least one.
        slots: trials at a time, at least 1.
    """
    free = [0.0] * min(slots, len(seconds))
    start = []
    for each in seconds:
        begun = free[0]
        start.append(begun)
        heapq.heapreplace(free, begun + each)
    ends = [begun + each for begun, each in zip(start, seconds, strict=True)]
    last = max(range(len(ends)), key=ends.__getitem__)
    return Schedule(ends[last], tuple(start), last, 0.0 if slots > len(seconds) else free[0])
