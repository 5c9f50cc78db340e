"""What one architecture confuses and another does not, and whether that is more than chance."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from seqsweep.results.analysis.confusion import Confusion, confusion
from seqsweep.results.analysis.reading import Reading
from seqsweep.results.errors import NotFound
from seqsweep.results.statistics.answers import Answers
from seqsweep.results.statistics.differences import ALPHA, holm, least_deviation, number, paired
from seqsweep.results.statistics.interval import Interval
from seqsweep.results.statistics.sign_flip import sign_flip
from seqsweep.results.store import Sweep


@dataclass(frozen=True)
class Paired:
    """A difference, first minus second, over the seeds that both have, and two tests that it is none.

    `p_seeds`: paired t-test over seeds: would other seeds say so too? None for one seed.
    `p_sequences`: McNemar's test with a sequence's seeds taken together: would other sequences? `p`: the larger of both,
    so it is small only where both are.
    """

    difference: Interval
    p_seeds: float | None
    p_sequences: float
    p: float


@dataclass(frozen=True)
class CellContrast:
    """A cell of the matrix: share of class `true` taken for `predicted`. `p_holm`: `p` corrected for all cells listed."""

    true: str
    predicted: str
    share: Paired
    p_holm: float

    @property
    def significant(self) -> bool:
        """Whether the corrected p says that it is no chance."""
        return self.p_holm < ALPHA

    @property
    def better(self) -> bool | None:
        """Whether the first is the better one here: more often right, or less often wrong; None: both are alike."""
        mean = self.share.difference.mean
        return ((mean > 0) == (self.true == self.predicted)) if mean else None


@dataclass(frozen=True)
class Contrast:
    """Two confusion matrices on the same sequences.

    `seeds` and `sequences` that both were scored on, which alone are compared. `only_first`, `only_second`: how many of their
    answers (a seed's on a sequence) only that one had right. `cells`: all in which an answer differs, the surest first.
    """

    first: Confusion
    second: Confusion
    seeds: int
    sequences: int
    accuracy: Paired
    only_first: int
    only_second: int
    cells: tuple[CellContrast, ...]


@dataclass(frozen=True, eq=False)
class _Aligned:
    """Answers of both on the same seeds and sequences: `true` [N], `first` and `second` [S, N]; -1 where one has none."""

    true: np.ndarray
    first: np.ndarray
    second: np.ndarray


def contrast(
    source: Sweep | Reading, dataset: str | None, trial: str | None, against: str, split: str = "test"
) -> Contrast:
    """Compare two trials (ids, prefixes or labels; `trial` None: the best) of a data set.

    Raises `NotFound` when one of them has no results or no predictions, both are one, or they share no seed.
    """
    reading = Reading.of(source)
    first, second = (confusion(reading, dataset, name, split) for name in (trial, against))
    if first.trial == second.trial:
        raise NotFound(
            f"`{against}` is {first.architecture} itself: name another architecture to compare with"
        )
    both = _align(*(_answers(reading, each) for each in (first, second)))
    if not both.first.size:
        raise NotFound(
            f"{first.architecture} and {second.architecture} have no seed in common on {first.dataset}"
        )
    right, also = both.first == both.true, both.second == both.true
    known = (both.first >= 0) & (both.second >= 0)
    return Contrast(
        first=first,
        second=second,
        seeds=len(both.first),
        sequences=len(both.true),
        accuracy=_paired(right, also, known),
        only_first=int((right & ~also & known).sum()),
        only_second=int((also & ~right & known).sum()),
        cells=_cells(first.classes, both, known),
    )


def _answers(reading: Reading, data: Confusion) -> Answers:
    found = reading.answers(data.trial, data.candidate, data.split, data.classes)
    if found is None:
        raise NotFound(
            f"trial {data.trial} has no predictions of split `{data.split}`, by which two are compared"
        )
    return found


def _align(first: Answers, second: Answers) -> _Aligned:
    seeds = np.intersect1d(first.seed, second.seed)
    sequences = np.intersect1d(first.sequence, second.sequence)
    true = np.full(len(sequences), -1)

    def placed(answers: Answers) -> np.ndarray:
        said = np.full((len(seeds), len(sequences)), -1)
        rows = np.isin(answers.seed, seeds) & np.isin(answers.sequence, sequences)
        across = np.searchsorted(sequences, answers.sequence[rows])
        said[np.searchsorted(seeds, answers.seed[rows]), across] = answers.predicted[rows]
        true[across] = answers.true[rows]
        return said

    return _Aligned(first=placed(first), second=placed(second), true=true)


def _paired(first: np.ndarray, second: np.ndarray, known: np.ndarray) -> Paired:
    """`first`, `second`: whether it is so, bool [S, N]; compared where `known`."""
    counted = known.sum(axis=1)
    kept = counted > 0
    share, also = ((known & each).sum(axis=1)[kept] / counted[kept] for each in (first, second))
    figures = paired(share, also, least_deviation(int(counted.max())))
    mean, half, seeds, p = map(float, figures)
    by_seeds = number(p)
    by_sequences = sign_flip(np.where(known, first.astype(np.int64) - second, 0).sum(axis=0))
    return Paired(
        Interval(number(mean), number(half), int(seeds)),
        by_seeds,
        by_sequences,
        max(by_seeds or 0.0, by_sequences),
    )


def _cells(classes: tuple[str, ...], both: _Aligned, known: np.ndarray) -> tuple[CellContrast, ...]:
    found = list(_each_cell(classes, both, known))
    corrected = holm(np.array([cell.share.p for cell in found])).tolist()
    found = [replace(cell, p_holm=p) for cell, p in zip(found, corrected, strict=True)]
    return tuple(
        sorted(found, key=lambda cell: (cell.p_holm, cell.share.p, -abs(cell.share.difference.mean or 0.0)))
    )


def _each_cell(classes: tuple[str, ...], both: _Aligned, known: np.ndarray) -> Iterator[CellContrast]:
    for row, true in enumerate(classes):
        mine = both.true == row
        first, second = both.first[:, mine], both.second[:, mine]
        differ = known[:, mine] & (first != second)
        for column in np.union1d(first[differ], second[differ]):
            share = _paired(first == column, second == column, known[:, mine])
            yield CellContrast(true, classes[column], share, share.p)
