"""Macro F1 and balanced accuracy of a trial's chosen candidate, over its seeds, from the store's counts."""

from dataclasses import dataclass

import numpy as np

from seqsweep.class_averages import balanced_accuracy, macro_f1
from seqsweep.results.analysis.arrays import names_equal, numbers, places_among
from seqsweep.results.analysis.reading import Reading
from seqsweep.results.analysis.trials import Trial
from seqsweep.results.errors import Missing
from seqsweep.results.statistics.interval import Interval, interval

_COLUMNS = ("candidate", "seed", "split", "true", "predicted", "count")


@dataclass(frozen=True)
class ClassAverages:
    """Figures of one part, 0..1, that count its classes alike (see `seqsweep.class_averages`)."""

    macro_f1: Interval
    balanced_accuracy: Interval

    @classmethod
    def of(cls, counts: np.ndarray) -> "ClassAverages":
        """Judge the counts of each seed, int64 [seeds, C, C]."""
        return cls(interval(macro_f1(counts)), interval(balanced_accuracy(counts)))


@dataclass(frozen=True)
class PartAverages:
    """Holds the averages of validation and test; seeds that diverged are left out, as in the accuracies."""

    validation: ClassAverages
    test: ClassAverages


def class_averages(reading: Reading, trial: Trial) -> PartAverages | None:
    """Read them; None where nothing was chosen or the store has no counts of the trial.

    Raises `StoreError` where these are damaged or out of reach.
    """
    if trial.candidate is None:
        return None
    try:
        table = reading.sweep.read("confusions", _COLUMNS, trials=[trial.trial])
    except Missing:
        return None
    seed = numbers(table["seed"])
    mine = (numbers(table["candidate"]) == trial.candidate) & ~np.isin(
        seed, [*trial.lost, *trial.search_lost]
    )
    classes = sorted(
        {name for column in ("true", "predicted") for name in table[column].unique().to_pylist()}
    )
    count = numbers(table["count"])
    true, predicted = (places_among(table[column], classes) for column in ("true", "predicted"))
    found = []
    for part in ("validation", "test"):
        rows = np.flatnonzero(mine & names_equal(table["split"], part))
        seeds, place = np.unique(seed[rows], return_inverse=True)
        counts = np.zeros((len(seeds), len(classes), len(classes)), dtype=np.int64)
        np.add.at(counts, (place, true[rows], predicted[rows]), count[rows])
        found.append(ClassAverages.of(counts))
    return PartAverages(*found)
