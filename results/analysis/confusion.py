"""What a trial's chosen candidate takes for what, pooled over its seeds."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from seqsweep.class_averages import are_uneven
from seqsweep.results.analysis.class_averages import ClassAverages
from seqsweep.results.analysis.pick import pick
from seqsweep.results.analysis.reading import Reading
from seqsweep.results.architecture import Lane
from seqsweep.results.errors import NotFound
from seqsweep.results.statistics.answers import Answers
from seqsweep.results.statistics.calibration import Calibration, calibration
from seqsweep.results.statistics.interval import Interval, interval
from seqsweep.results.statistics.proportion import Proportion, proportion
from seqsweep.results.store import Sweep

EXAMPLES = 5  # sequences named for a pair


class Judged(Protocol):
    """Whose confusions they are."""

    @property
    def trial(self) -> str:
        """Its id."""

    @property
    def label(self) -> str:
        """Its architecture."""

    @property
    def dataset(self) -> str:
        """What it was trained on."""

    @property
    def synthetic(self) -> bool:
        """Whether that is generated."""


@dataclass(frozen=True)
class Example:
    """A sequence that `seeds` of the seeds took for the pair's wrong class."""

    sequence: str
    seeds: int


@dataclass(frozen=True)
class Pair:
    """`count` sequences of class `true` were taken for `predicted`, over all seeds: `share` of them.

    `examples`: up to `EXAMPLES` of them, those that most seeds mistook first; none where the store has no predictions.
    """

    true: str
    predicted: str
    count: int
    share: Proportion
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True)
class Average:
    """Precision, recall and F1 averaged over the classes that have sequences; one never predicted has precision 0."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True)
class Confusion:
    """Confusion matrix of the chosen candidate, `seeds` seeds pooled.

    `counts` [C][C]: rows are true classes, columns predicted ones, in the order of `classes`; `n` is their sum.
    `shares` [C][C]: of the true class, with intervals (see `seqsweep.results.statistics.proportion`); None for a class without
    sequences. `recall`, `precision`, `f1` [C]: None for a class without sequences, never predicted, or both.
    `macro` and `weighted` average them over classes alike, and by their numbers of sequences. `accuracy` and
    `by_class` (macro F1, balanced accuracy): over seeds, not pooled.
    `calibration` is None where the store has no predictions. `confused`: pairs of different classes, the most frequent
    share first.
    """

    sweep: str
    dataset: str
    synthetic: bool
    trial: str
    architecture: str
    candidate: int
    split: str
    seeds: int
    classes: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    shares: tuple[tuple[Proportion | None, ...], ...]
    recall: tuple[float | None, ...]
    precision: tuple[float | None, ...]
    f1: tuple[float | None, ...]
    macro: Average
    weighted: Average
    n: int
    accuracy: Interval
    by_class: ClassAverages
    calibration: Calibration | None
    confused: tuple[Pair, ...]

    @property
    def uneven(self) -> bool:
        """Whether some classes have many more sequences than others."""
        return are_uneven([sum(row) for row in self.counts])


def confusion(
    source: Sweep | Reading, dataset: str | None = None, trial: str | None = None, split: str = "test"
) -> Confusion:
    """Confusion matrix of a trial (its id, a prefix, or "lstm x 2 x 100"); None: the best on the data set.

    Raises `NotFound` when the data set, trial or split has no such results.
    """
    reading = Reading.of(source)
    sweep, picked = reading.sweep, pick(reading, dataset, trial)
    if picked.candidate is None:
        raise NotFound(f"trial {picked.trial} has no chosen candidate: all of its lanes diverged")
    mine = [cell for cell in reading.confusions(picked.trial) if cell["candidate"] == picked.candidate]
    splits = sorted({cell["split"] for cell in mine})
    cells = [cell for cell in mine if cell["split"] == split]
    if not cells:
        found = f"it has {', '.join(splits)}" if splits else "no lane of it was scored"
        raise NotFound(f"trial {picked.trial} has no confusions of split `{split}`; {found}")
    classes = _classes(sweep, picked.dataset, cells)
    said = reading.answers(picked.trial, picked.candidate, split, classes)
    return measure(sweep.id, picked, picked.candidate, split, classes, _counts(cells, classes), said)


def _classes(sweep: Sweep, dataset: str, cells: Sequence[Lane]) -> tuple[str, ...]:
    entries = [entry for entry in sweep.info.get("datasets") or () if entry["name"] == dataset]
    declared = tuple(entries[0].get("classes") or ()) if entries else ()
    seen = {cell["true"] for cell in cells} | {cell["predicted"] for cell in cells}
    return declared + tuple(sorted(seen.difference(declared)))


def _counts(cells: Sequence[Lane], classes: Sequence[str]) -> np.ndarray:
    """Counts of each seed, int64 [seeds, C, C]."""
    seeds = {seed: place for place, seed in enumerate(sorted({cell["seed"] for cell in cells}))}
    place = {name: index for index, name in enumerate(classes)}
    counts = np.zeros((len(seeds), len(classes), len(classes)), dtype=np.int64)
    for cell in cells:
        counts[seeds[cell["seed"]], place[cell["true"]], place[cell["predicted"]]] += cell["count"]
    return counts


def measure(
    sweep: str,
    trial: Judged,
    candidate: int,
    split: str,
    classes: tuple[str, ...],
    each: np.ndarray,
    said: Answers | None,
) -> Confusion:
    """Measure the confusion of the counts of each seed, int64 [seeds, C, C], and of the answers behind them."""
    pooled = each.sum(axis=0)
    true, predicted, hit = pooled.sum(axis=1), pooled.sum(axis=0), np.diagonal(pooled)
    totals = each.sum(axis=(1, 2))
    correct = np.trace(each, axis1=1, axis2=2)
    shares = tuple(
        tuple(proportion(each[:, row, column], each[:, row].sum(axis=1)) for column in range(len(classes)))
        for row in range(len(classes))
    )
    ratios = (hit, true), (hit, predicted), (2 * hit, true + predicted)
    recall, precision, f1 = (tuple(map(_share, *ratio)) for ratio in ratios)
    return Confusion(
        sweep=sweep,
        dataset=trial.dataset,
        synthetic=trial.synthetic,
        trial=trial.trial,
        architecture=trial.label,
        candidate=candidate,
        split=split,
        seeds=len(each),
        classes=classes,
        counts=tuple(tuple(map(int, row)) for row in pooled),
        shares=shares,
        recall=recall,
        precision=precision,
        f1=f1,
        macro=_average((true > 0).astype(int), precision, recall, f1),
        weighted=_average(true, precision, recall, f1),
        n=int(pooled.sum()),
        accuracy=interval(correct[totals > 0] / totals[totals > 0]),
        by_class=ClassAverages.of(each),
        calibration=calibration(said) if said else None,
        confused=_pairs(classes, pooled, shares, said),
    )


def _pairs(
    classes: tuple[str, ...],
    pooled: np.ndarray,
    shares: tuple[tuple[Proportion | None, ...], ...],
    said: Answers | None,
) -> tuple[Pair, ...]:
    pairs = []
    for row, column in zip(*np.nonzero(pooled), strict=True):
        share = shares[row][column]
        if row != column and share:
            examples = _examples(said, int(row), int(column)) if said else ()
            pairs.append(Pair(classes[row], classes[column], int(pooled[row, column]), share, examples))
    pairs.sort(key=lambda pair: (-pair.share.share, -pair.count, pair.true, pair.predicted))
    return tuple(pairs)


def _examples(said: Answers, true: int, predicted: int) -> tuple[Example, ...]:
    taken = Counter(said.sequence[(said.true == true) & (said.predicted == predicted)].tolist())
    first = sorted(taken.items(), key=lambda entry: (-entry[1], entry[0]))[:EXAMPLES]
    return tuple(Example(sequence, seeds) for sequence, seeds in first)


def _average(weights: np.ndarray, *figures: tuple[float | None, ...]) -> Average:
    total = max(int(weights.sum()), 1)
    return Average(
        *(
            math.fsum(weight * (value or 0.0) for weight, value in zip(weights, values, strict=True)) / total
            for values in figures
        )
    )


def _share(part: np.int64, whole: np.int64) -> float | None:
    return float(part / whole) if whole else None
