"""Estimates the time left of a sweep: measured seconds per unit of work, laid over the work that is left."""

from __future__ import annotations

import heapq
import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from seqsweep.sweeps.live.trial_state import TrialState

ENOUGH_SECONDS = 1.0  # of a trial's own work before its own speed is believed
ENOUGH_TRIALS = 3  # finished ones before a range is shown


@dataclass(frozen=True)
class TimeLeft:
    """Seconds until the end; `low` and `high` are None until enough trials have finished to know the spread."""

    likely: float
    low: float | None = None
    high: float | None = None


def estimate(trials: Collection[TrialState], slots: int) -> TimeLeft | None:
    """Estimate the time left of a sweep whose `trials` run `slots` at a time; None before anything is measured."""
    speeds = _Speeds(trial for trial in trials if trial.units > 0)
    if not speeds:
        return None
    ended = [
        trial for trial in trials if trial.status == "finished" and trial.units > 0 and not trial.work_resumed
    ]
    share = sum(t.work_done * t.cost for t in ended) / sum(t.planned for t in ended) if ended else 1.0
    overhead = fmean(max(0.0, t.wall_seconds - t.busy_seconds) for t in ended) if ended else 0.0

    running, waiting = [], []
    for trial in trials:
        if trial.status == "waiting":
            waiting.append(overhead + trial.planned * share * speeds.of(trial))
        elif trial.status == "running" and trial.work_total:
            left = (trial.work_total - trial.work_done) * trial.cost
            running.append(left * speeds.of(trial))
        elif trial.status == "running":
            running.append(overhead + trial.planned * share * speeds.of(trial))
    likely = makespan(running, waiting, slots)
    if len(ended) < ENOUGH_TRIALS:
        return TimeLeft(likely)
    # how far off would this estimate have been for the trials whose end is known?
    errors = [
        math.log(
            max(t.wall_seconds, 1e-3) / max(overhead + t.planned * share * speeds.of(t, alone=False), 1e-3)
        )
        for t in ended
    ]
    spread = math.exp(stdev(errors))
    return TimeLeft(likely, likely / spread, likely * spread)


class _Speeds:
    """Seconds per unit of work: a trial's own, else its cell's on its data set, else its cell's, else everybody's."""

    def __init__(self, trials: Iterable[TrialState]) -> None:
        self.sums: dict[tuple[str, ...], tuple[float, float]] = {}
        for trial in trials:
            for key in self._keys(trial):
                seconds, units = self.sums.get(key, (0.0, 0.0))
                self.sums[key] = (seconds + trial.busy_seconds, units + trial.units)

    def __bool__(self) -> bool:
        return bool(self.sums)

    def of(self, trial: TrialState, *, alone: bool = True) -> float:
        if alone and trial.busy_seconds >= ENOUGH_SECONDS and trial.units > 0:
            return trial.busy_seconds / trial.units
        seconds, units = next(self.sums[key] for key in self._keys(trial) if key in self.sums)
        return seconds / units

    @staticmethod
    def _keys(trial: TrialState) -> list[tuple[str, ...]]:
        return [(trial.cell, trial.dataset), (trial.cell,), ()]


def makespan(running: Sequence[float], waiting: Sequence[float], slots: int) -> float:
    """Seconds until the last ends, when each waiting trial takes the first slot that gets free.

    Where there is no slot just now (all nodes are gone), as if there were one.
    """
    slots = max(1, slots)
    ends = [*running, *[0.0] * (slots - len(running))]
    heapq.heapify(ends)
    for seconds in waiting:
        heapq.heappush(ends, heapq.heappop(ends) + seconds)
    return max(ends)
