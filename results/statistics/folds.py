"""Architectures over outer folds: each fold is tested by models that were trained on the others.

Any two folds' models share most of what they were trained on, so that figures of folds vary less than figures of new data
would: Student's t takes far too much for certain. Nadeau and Bengio (2003) add to the variance of the mean of n figures, which
is s² / n, s² times the share of test among what is trained on; Bouckaert and Frank (2004) found the same right for folds that
are drawn several times. `paired`, `interval`, `places` and `certain_at` take that share as their `overlap`; for independent
values it is 0, and they are Student's.

A fold's figure is the mean over its seeds: these tell apart what luck in training does, which is part of a fold's spread.
"""

from collections.abc import Sequence

import numpy as np

RESAMPLED = "corrected resampled t-test over outer folds (Nadeau and Bengio 2003), two-sided"


def overlap(tested: Sequence[int], trained: Sequence[int]) -> float:
    """Give the sequences that are tested for each one that is trained on, over all folds.

    1 / (k - 1) for k folds where all that is not tested is trained on, of like size or not, drawn once or several times.
    """
    if not sum(trained):
        raise ValueError("no fold has training sequences")
    return sum(tested) / sum(trained)


def over_seeds(figures: np.ndarray) -> np.ndarray:
    """Average `figures` [..., folds, seeds] over the seeds that are there [..., folds]; NaN where a fold has none."""
    there = np.isfinite(figures)
    mean: np.ndarray
    with np.errstate(invalid="ignore"):
        mean = np.where(there, figures, 0.0).sum(axis=-1) / there.sum(axis=-1)
    return mean
