"""A share of the sequences of a class, pooled over seeds, and its interval."""

import math
from dataclasses import dataclass

import numpy as np

from seqsweep.results.statistics.interval import CONFIDENCE


@dataclass(frozen=True)
class Proportion:
    """`share` of the sequences, and the ends `low` and `high` of its 95 % interval; all 0..1."""

    share: float
    low: float
    high: float


def proportion(hits: np.ndarray, of: np.ndarray) -> Proportion | None:
    """Pool `hits[s]` of `of[s]` sequences over the S seeds s; None where there are no sequences.

    The seeds judge the same sequences, so a share p is uncertain twice: other sequences, m of a seed, would give another, and
    so would other seeds. The interval holds every q with (p - q)² <= z² q (1 - q) / m + t² s² / S: s is the standard deviation
    of the seeds' shares, z the normal and t Student's quantile. It is Wilson's interval (1927) where all seeds agree, and
    Student's over seeds, as for accuracies, where there are many sequences.
    """
    hits, of = hits[of > 0], of[of > 0]
    seeds = len(of)
    if not seeds:
        return None
    from scipy.special import ndtri, stdtrit  # scipy.stats takes a second to import

    upper = 0.5 + CONFIDENCE / 2
    share = float(hits.sum() / of.sum())
    by_sequences = float(ndtri(upper)) ** 2 * seeds / float(of.sum())
    by_seeds = 0.0
    if seeds > 1:
        by_seeds = float(stdtrit(seeds - 1, upper)) ** 2 * float((hits / of).var(ddof=1)) / seeds
    # the ends solve q² (1 + w) - q (2 p + w) + p² - v = 0 with w = z² / m and v = t² s² / S
    half = share + by_sequences / 2
    root = math.sqrt(max(half**2 - (1 + by_sequences) * (share**2 - by_seeds), 0.0))
    low, high = (half - root) / (1 + by_sequences), (half + root) / (1 + by_sequences)
    # where none or all were hit, that end is exact
    return Proportion(share, 0.0 if share == 0 else max(low, 0.0), 1.0 if share == 1 else min(high, 1.0))
