"""Paired tests of two models, and Holm's correction for many of them."""

import math
from collections.abc import Sequence

import numpy as np

MOST_EXACT = 2000  # sequences that differ; beyond it the normal distribution stands in for the exact one


def paired_t(differences: Sequence[float] | np.ndarray) -> float | None:
    """Two-sided p of Student's paired t-test; None for fewer than two differences, or where they have no spread."""
    values = np.asarray(differences, dtype=np.float64)
    if len(values) < 2:
        return None
    error = float(values.std(ddof=1)) / math.sqrt(len(values))
    if error <= 1e-12 * float(np.abs(values).max()):
        return None
    from scipy.special import stdtr  # scipy.stats takes a second to import

    return 2 * float(stdtr(len(values) - 1, -abs(float(values.mean())) / error))


def sign_flip(differences: np.ndarray) -> float:
    """Two-sided p of the sign-flip test: how often flipped signs give a sum of `differences` (int64 [N]) as far from 0.

    With one seed's answers (right, wrong: 1, 0) these are -1, 0 and 1 and it is McNemar's exact test. With several, a
    sequence's difference is summed over them, as its answers are not independent: McNemar's test for clusters, by the
    statistic of Obuchowski (1998). Exact up to `MOST_EXACT` differences that are not 0.
    """
    sizes = np.abs(differences[differences != 0]).astype(np.int64)
    observed = abs(int(differences.sum()))
    if not len(sizes):
        return 1.0
    if len(sizes) > MOST_EXACT:
        return math.erfc(observed / math.sqrt(2 * float((sizes**2).sum())))
    total = int(sizes.sum())
    chances = np.zeros(2 * total + 1)  # of the sums -total..total
    chances[total] = 1.0
    for size in sizes:
        up, down = (
            np.roll(chances, size),
            np.roll(chances, -size),
        )  # nothing wraps round: the sum stays in reach
        chances = (up + down) / 2
    return min(float(chances[np.abs(np.arange(-total, total + 1)) >= observed].sum()), 1.0)


def holm(values: Sequence[float]) -> list[float]:
    """p-values corrected by Holm's step-down method (1979), in the given order."""
    order = sorted(range(len(values)), key=lambda place: values[place])
    corrected = [0.0] * len(values)
    highest = 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min((len(values) - rank) * values[place], 1.0))
        corrected[place] = highest
    return corrected
