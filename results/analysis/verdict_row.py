"""A row of a verdict: one architecture on one data set, with its place."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from seqsweep.results.analysis.class_averages import PartAverages
from seqsweep.results.analysis.search_edges import Edge, Range, edges
from seqsweep.results.analysis.trials import Trial
from seqsweep.results.architecture import ARCHITECTURE, ArchitectureRow
from seqsweep.results.statistics.differences import Difference
from seqsweep.results.statistics.interval import Interval, interval
from seqsweep.results.statistics.ranks import Places

_AS_THE_TRIAL = (
    *("trial", *ARCHITECTURE, "parameters", "seconds"),
    *("candidates", "cut", "agreement", "candidate", "refit", "fresh", "lanes", "diverged"),
)
UNSTABLE_DEVIATION = (
    0.03  # standard deviation of test accuracy over seeds above which a row is called unstable
)


@dataclass(frozen=True)
class Placed:
    """How a trial did: what comes before its architecture in a row.

    `rank` is its place by mean test accuracy, `rank_low` and `rank_high` the first and last place that it may have: 1 + the
    number that are significantly better, and the number that have a test accuracy - the number that are significantly worse.
    `tied`: the best, or not told apart from it; `cheapest`: the one of them with the fewest parameters, then the least time, that
    is stable and whose difference from the best has p >= 0.05 without correction, too.
    """

    rank: int
    rank_low: int
    rank_high: int
    tied: bool
    cheapest: bool
    label: str
    extras: str
    trial: str


@dataclass(frozen=True)
class Row(ArchitectureRow, Placed):  # fields come from the right: `--json` has its keys in this order
    """One architecture on one data set: the candidate chosen on validation, over its seeds.

    `to_best`: its test accuracy minus the best's; None for the best.
    `train`, `validation`, `test`: accuracy, 0..1. `seconds`: training time of all its lanes together.
    `chosen`: the searched hyperparameters of the chosen candidate (`candidate`; None when every lane diverged); `edges`:
    those at the edge of what was searched.
    Of `candidates`, `cut` were dropped in the middle of the search; `agreement`: Kendall's tau between the order of the others
    then and at the end. `fresh`: train and test are of the `seeds` that had no part
    in the search, and validation is of those `validation_seeds` that had; otherwise all are of the search's.
    `diverged` of `lanes` lanes diverged; `diverged_seeds` of them are the chosen candidate's.
    `by_class`: macro F1 and balanced accuracy; None unless `seqsweep.results.analysis.verdict_averages` read them.
    """

    parameters: int
    seconds: float
    train: Interval
    validation: Interval
    test: Interval
    to_best: Difference | None
    candidates: int
    cut: int
    agreement: float | None
    seeds: int
    validation_seeds: int
    candidate: int | None
    chosen: dict[str, Any]
    edges: tuple[Edge, ...]
    refit: bool
    fresh: bool
    lanes: int
    diverged: int
    diverged_seeds: int
    unstable: bool
    by_class: PartAverages | None = None


def row_of(
    trial: Trial,
    placed: Places,
    place: int,
    searched: Sequence[str],
    space: Sequence[Range],
    *,
    one_batch: bool,
    cheapest: bool,
) -> Row:
    """Make the row of a trial that `placed` puts at `place`, of which `searched` are the hyperparameters that vary."""
    batch = "" if one_batch else f" batch {trial.batch_size}"
    chosen = {name: trial.settings[name] for name in searched if name in trial.settings}
    return Row(
        rank=place + 1,
        rank_low=placed.low[place],
        rank_high=placed.high[place],
        tied=placed.tied[place],
        cheapest=cheapest,
        label=trial.label + batch,
        extras=(trial.extras + batch).lstrip(),
        train=interval(trial.train.values()),
        validation=interval(trial.validation.values()),
        test=interval(trial.test.values()),
        to_best=placed.to_best[place],
        seeds=len(trial.seeds),
        validation_seeds=len(trial.validation) + len(trial.search_lost),
        chosen=chosen,
        edges=edges(chosen, space),
        diverged_seeds=len(trial.lost),
        unstable=is_unstable(trial),
        **{name: getattr(trial, name) for name in _AS_THE_TRIAL},
    )


def is_unstable(trial: Trial) -> bool:
    """Tell whether a trial lost seeds, or differs much between them."""
    return bool(trial.lost) or _deviation(trial.test.values()) > UNSTABLE_DEVIATION


def _deviation(values: Iterable[float | None]) -> float:
    finite = [value for value in values if value is not None and math.isfinite(value)]
    if len(finite) < 2:
        return 0.0
    mean = math.fsum(finite) / len(finite)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in finite) / (len(finite) - 1))
