"""A test of two models' answers to the same sequences."""

import math

import numpy as np

MOST_EXACT = 2000  # sequences that differ; beyond it the normal distribution stands in for the exact one


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
