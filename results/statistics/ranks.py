"""Ranks as ranges: which places an architecture may have, given what can be told apart."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seqsweep.results.statistics.differences import ALPHA, Difference, holm, number, paired

MOST_FOR_ALL_PAIRS = 500
"""Architectures up to which every pair is tested; with more, each is compared with the best alone."""


@dataclass(frozen=True)
class Places:
    """Outcome for architectures in the order of their means, best first. Places count from 1.

    `low`, `high`: first and last place each may have. `tied`: the best, and those not told apart from it; nobody, where
    nothing could be tested. `to_best`: its figure minus the best's; None for the best itself and where one has no figure.
    """

    best: int
    low: tuple[int, ...]
    high: tuple[int, ...]
    tied: tuple[bool, ...]
    to_best: tuple[Difference | None, ...]
    comparisons: int
    every_pair: bool


def places(accuracy: np.ndarray, whole: Sequence[bool], floor: float, overlap: float = 0.0) -> Places:
    """Test all pairs (or all against the best), correct by Holm, and count for each who is better and who is worse.

    A place range runs from 1 + the number that are significantly better to m - the number that are significantly worse, of
    the m that have a figure; those without one share the places behind.

    Args:
        accuracy: [architectures, seeds], ordered by mean, those without any figure last; NaN: this seed has none.
        whole: which lost no seed. One that did is never counted as better than another: the seeds that are left are its
            better ones. The best is the first whole one.
        floor, overlap: see `paired`.
    """
    count = len(accuracy)
    m = int(np.isfinite(accuracy).any(axis=1).sum())
    best = next((place for place in range(m) if whole[place]), 0)
    every_pair = m <= MOST_FOR_ALL_PAIRS
    if every_pair:
        first, second = np.triu_indices(m, k=1)
    else:
        second = np.array([place for place in range(m) if place != best])
        first = np.full(len(second), best)
    mean, half, n, p = paired(accuracy[first], accuracy[second], floor, overlap)
    corrected = holm(p)
    tested = int(np.isfinite(p).sum())
    apart = corrected < ALPHA
    winner, loser = np.where(mean > 0, (first, second), (second, first))
    counts = apart & np.asarray(whole, dtype=bool)[winner] if m else apart
    better = np.bincount(loser[counts], minlength=count)
    worse = np.bincount(winner[counts], minlength=count)
    to_best: list[Difference | None] = [None] * count
    tied = [False] * count
    for pair in np.flatnonzero((first == best) | (second == best)):
        other, sign = (second[pair], -1) if first[pair] == best else (first[pair], 1)
        to_best[other] = Difference(
            number(sign * mean[pair]),
            number(half[pair]),
            int(n[pair]),
            number(p[pair]),
            number(corrected[pair]),
        )
        tied[other] = tested > 0 and not (counts[pair] and loser[pair] == other)
    if m:
        tied[best] = tested > 0
    return Places(
        best=best,
        low=tuple(int(1 + better[place]) if place < m else m + 1 for place in range(count)),
        high=tuple(int(m - worse[place]) if place < m else count for place in range(count)),
        tied=tuple(tied),
        to_best=tuple(to_best),
        comparisons=tested,
        every_pair=every_pair,
    )
