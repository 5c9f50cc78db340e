"""Which architectures win on each data set, and how sure that is."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from seqsweep.results.analysis.caution import Caution
from seqsweep.results.analysis.data_cautions import Majority, data_cautions, is_uneven, majority
from seqsweep.results.analysis.pick import by_test, pick_dataset
from seqsweep.results.analysis.reading import Reading
from seqsweep.results.analysis.search_cautions import search_cautions
from seqsweep.results.analysis.search_edges import Range, ranges
from seqsweep.results.analysis.summary import DatasetSummary, Summary
from seqsweep.results.analysis.trials import Trial
from seqsweep.results.analysis.verdict_cautions import cautions
from seqsweep.results.analysis.verdict_row import Row, is_unstable, row_of
from seqsweep.results.collecting import uncollected
from seqsweep.results.statistics.differences import ALPHA, PAIRED, least_deviation
from seqsweep.results.statistics.interval import CONFIDENCE
from seqsweep.results.statistics.ranks import Places, places
from seqsweep.results.store import Sweep


@dataclass(frozen=True)
class DatasetVerdict:
    """Architectures on one data set, by mean test accuracy, then by fewer parameters.

    `best`: trial of the best row whose chosen candidate lost no seed (of any, where all did); None without a test accuracy.
    `comparisons`: how many were tested and Holm's correction is for: of every pair, or of each row with the best.
    `majority`: what always answering the largest class would give; None where it is not recorded.
    `uneven`: the largest class of test has 1.5 times the sequences of the smallest, or more.
    """

    dataset: DatasetSummary
    best: str | None
    rows: tuple[Row, ...]
    comparisons: int
    every_pair: bool
    majority: Majority | None
    uneven: bool
    cautions: tuple[Caution, ...]

    @property
    def best_row(self) -> Row | None:
        """The row of `best`."""
        return next((row for row in self.rows if row.trial == self.best), None)


@dataclass(frozen=True)
class Method:
    """How the figures were made."""

    interval: str = "Student's t of the mean over seeds"
    confidence: float = CONFIDENCE
    test: str = PAIRED
    correction: str = "Holm"
    alpha: float = ALPHA


@dataclass(frozen=True)
class Verdict:
    """The outcome of a sweep so far. `seeds`: most seeds of a chosen candidate; `lanes`, `diverged`: lanes finished."""

    summary: Summary
    method: Method
    seeds: int
    lanes: int
    diverged: int
    backends: tuple[str, ...]
    datasets: tuple[DatasetVerdict, ...]


@uncollected()
def verdict(source: Sweep | Reading, dataset: str | None = None) -> Verdict:
    """Rank the architectures of a sweep on each data set, or on one. Without a finished trial `datasets` is empty.

    Raises `StoreError` for an unknown data set or a damaged file.
    """
    reading = Reading.of(source)
    sweep, found = reading.sweep, reading.trials
    names = list(found.datasets)
    names = names if dataset is None else [pick_dataset(sweep, names, dataset)]
    overall = reading.summary
    known = {entry.name: entry for entry in overall.datasets}
    described = {entry["name"]: entry for entry in sweep.info.get("datasets") or ()}
    space = ranges((sweep.info.get("spec") or {}).get("hyperparameters") or {})
    early = search_cautions(sweep.info.get("spec") or {})
    blocks = []
    for name in names:
        trials = by_test(found.datasets[name])
        entry = known.get(name) or DatasetSummary(name, trials[0].synthetic, (), None, None, None)
        block = _block(entry, trials, found.searched[name], space, described.get(name) or {})
        blocks.append(replace(block, cautions=(*block.cautions, *early)))
    rows = [row for block in blocks for row in block.rows]
    return Verdict(
        summary=overall,
        method=Method(),
        seeds=max((row.seeds for row in rows), default=0),
        lanes=sum(row.lanes for row in rows),
        diverged=sum(row.diverged for row in rows),
        backends=found.backends,
        datasets=tuple(blocks),
    )


def _block(
    entry: DatasetSummary,
    trials: Sequence[Trial],
    searched: Sequence[str],
    space: Sequence[Range],
    description: Mapping[str, Any],
) -> DatasetVerdict:
    """`trials` of one data set, best first; `description` is what `sweep.json` has on it."""
    placed = places(_accuracies(trials), [not trial.lost for trial in trials], least_deviation(entry.test))
    one_batch = len({trial.batch_size for trial in trials}) == 1
    cheapest = _cheapest(trials, placed)
    rows = tuple(
        row_of(trial, placed, place, searched, space, one_batch=one_batch, cheapest=place == cheapest)
        for place, trial in enumerate(trials)
    )
    best = rows[placed.best] if rows[placed.best].test.n else None
    always = majority(description)
    return DatasetVerdict(
        dataset=entry,
        best=best.trial if best else None,
        rows=rows,
        comparisons=placed.comparisons,
        every_pair=placed.every_pair,
        majority=always,
        uneven=is_uneven(description),
        cautions=(*data_cautions(description), *cautions(entry, rows, best, placed.comparisons, always)),
    )


def _accuracies(trials: Sequence[Trial]) -> np.ndarray:
    """Test accuracy [trials, seeds]; NaN where a seed has none."""
    seeds = {
        seed: place for place, seed in enumerate(sorted({seed for trial in trials for seed in trial.test}))
    }
    accuracy = np.full((len(trials), len(seeds)), np.nan)
    for place, trial in enumerate(trials):
        for seed, value in trial.test.items():
            accuracy[place, seeds[seed]] = math.nan if value is None else value
    return accuracy


def _cheapest(trials: Sequence[Trial], placed: Places) -> int | None:
    """Place of the cheapest of those tied with the best, if there are several; unstable ones only where all are.

    Those alone whose difference from the best could be none without Holm's correction too: among thousands of architectures
    the correction ties even bad ones with the best.
    """
    like_best = [
        place
        for place, (tied, difference) in enumerate(zip(placed.tied, placed.to_best, strict=True))
        if tied
        and (place == placed.best or (difference and difference.p is not None and difference.p >= ALPHA))
    ]
    if sum(placed.tied) < 2:
        return None
    return min(
        like_best,
        key=lambda place: (is_unstable(trials[place]), trials[place].parameters, trials[place].seconds),
    )
