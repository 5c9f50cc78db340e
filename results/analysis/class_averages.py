"""Macro F1 and balanced accuracy of trials' chosen candidates, over their seeds, from the store's counts."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from seqsweep.class_averages import balanced_accuracy, macro_f1
from seqsweep.results.analysis.arrays import names_equal, numbers, places_among, positions
from seqsweep.results.analysis.reading import Reading
from seqsweep.results.analysis.trials import Trial
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


def class_averages(reading: Reading, trials: Iterable[Trial]) -> dict[str, PartAverages]:
    """Read them by the trials' ids; a trial is left out where nothing was chosen or the store has no counts of it.

    Raises `StoreError` where these are damaged or out of reach.
    """
    chosen = {trial.trial: trial for trial in trials if trial.candidate is not None}
    return reading.sweep.per_trial(
        "confusions", _COLUMNS, chosen, lambda trial, table: _averages(table, chosen[trial])
    )


def _averages(table: pa.Table, trial: Trial) -> PartAverages:
    """Judge a trial's candidate; the rows are of all of its candidates."""
    table = table.take(positions(np.flatnonzero(numbers(table["candidate"]) == trial.candidate)))
    true, predicted = table["true"], table["predicted"]
    classes = sorted({*true.unique().to_pylist(), *predicted.unique().to_pylist()})
    size = len(classes)
    cell = size * places_among(true, classes) + places_among(predicted, classes)
    seed, count = numbers(table["seed"]), numbers(table["count"])
    found = []
    for part, sound in (("validation", trial.validation), ("test", trial.test)):
        rows = np.flatnonzero(names_equal(table["split"], part) & np.isin(seed, list(sound)))
        seeds, place = np.unique(seed[rows], return_inverse=True)
        counts = np.zeros((len(seeds), size * size), dtype=np.int64)
        np.add.at(counts, (place, cell[rows]), count[rows])
        found.append(ClassAverages.of(counts.reshape(-1, size, size)))
    return PartAverages(*found)
