"""The validation accuracy against one parameter at a time, and the range of good learning rates."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from seqsweep.results.analysis.parameter_points import Points
from seqsweep.results.statistics.interval import Interval, interval

MOST_LEVELS = 8  # with more values they are put into `BINS`
BINS = 6
TOLERANCE = 0.01  # accuracy below the best that still counts as good


@dataclass(frozen=True)
class Level:
    """A value of a parameter, or the values from `low` to `high`.

    `accuracy`: validation accuracy (a diverged lane's is chance), mean over the candidates, each averaged over seeds and
    architectures, with a 95 % interval; `best`: of the best candidate in its best architecture. `diverged` of `lanes` lanes.
    """

    low: Any
    high: Any
    accuracy: Interval
    best: float | None
    lanes: int
    diverged: int


@dataclass(frozen=True)
class Rate:
    """A candidate's learning rate; `accuracy`: validation, over seeds. `diverged` of `lanes` lanes."""

    lr: float
    candidate: int
    accuracy: Interval
    lanes: int
    diverged: int


@dataclass(frozen=True)
class RateRange:
    """How an architecture takes to learning rates.

    `best`: the rate of the best candidate, and its validation `accuracy`; `low` to `high`: the rates of those within `TOLERANCE`
    of it, `good` of them. None where every lane diverged. `rates`: of every candidate, the smallest first.
    """

    trial: str
    architecture: str
    best: float | None
    accuracy: float | None
    low: float | None
    high: float | None
    good: int
    lanes: int
    diverged: int
    rates: tuple[Rate, ...]


def levels(points: Points, name: str) -> tuple[Level, ...]:
    """Levels of a parameter, the smallest first."""
    place = points.names.index(name)
    values, codes = points.values[place], points.codes[:, place]
    mean = _over_seeds(points)
    groups = [np.array([code]) for code in range(len(values))]
    if len(values) > MOST_LEVELS:
        groups = np.array_split(np.arange(len(values)), BINS)
    found = []
    for group in groups:
        rows = np.isin(codes, group)
        known = rows & np.isfinite(mean)
        candidates = np.unique(points.candidate[known])
        found.append(
            Level(
                low=values[group[0]],
                high=values[group[-1]],
                accuracy=interval(
                    float(mean[known & (points.candidate == candidate)].mean()) for candidate in candidates
                ),
                best=float(mean[known].max()) if known.any() else None,
                lanes=int(points.lanes[rows].sum()),
                diverged=int(points.diverged[rows].sum()),
            )
        )
    return tuple(found)


def rate_ranges(points: Points) -> tuple[RateRange, ...]:
    """Measure the range of each architecture, the best first; none where all have one learning rate."""
    if "lr" not in points.names:
        return ()
    place = points.names.index("lr")
    lr = np.array(points.values[place])[points.codes[:, place]]
    mean = _over_seeds(points)
    found = []
    for trial in dict.fromkeys(points.trial.tolist()):
        rows = np.flatnonzero(points.trial == trial)
        rows = rows[np.argsort(lr[rows], kind="stable")]
        known = rows[np.isfinite(mean[rows]) & (points.diverged[rows] < points.lanes[rows])]
        best = known[np.argmax(mean[known])] if len(known) else None
        good = known[mean[known] >= mean[best] - TOLERANCE - 1e-12] if best is not None else known
        found.append(
            RateRange(
                trial=trial,
                architecture=str(points.labels[rows[0]]),
                best=float(lr[best]) if best is not None else None,
                accuracy=float(mean[best]) if best is not None else None,
                low=float(lr[good].min()) if len(good) else None,
                high=float(lr[good].max()) if len(good) else None,
                good=len(good),
                lanes=int(points.lanes[rows].sum()),
                diverged=int(points.diverged[rows].sum()),
                rates=tuple(_rate(points, int(row), float(lr[row])) for row in rows),
            )
        )
    return tuple(sorted(found, key=lambda each: (-(each.accuracy or 0.0), each.architecture)))


def _rate(points: Points, row: int, lr: float) -> Rate:
    return Rate(
        lr=lr,
        candidate=int(points.candidate[row]),
        accuracy=interval(points.scores[row].tolist()),
        lanes=int(points.lanes[row]),
        diverged=int(points.diverged[row]),
    )


def _over_seeds(points: Points) -> np.ndarray:
    """Mean score of each point, NaN where no seed has one."""
    there = np.isfinite(points.scores)
    sums = np.where(there, points.scores, 0.0).sum(axis=1)
    mean = np.full(len(sums), np.nan)
    np.divide(sums, there.sum(axis=1), out=mean, where=there.any(axis=1))
    return mean
