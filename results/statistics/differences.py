"""Differences of two architectures' accuracies, with an interval and a test; Holm's correction for many of them.

Student (1908) for pairs, Welch (1947) where seeds are not common, Holm (1979); `docs/verdict.md` says when which is taken.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seqsweep.results.statistics.interval import CONFIDENCE

ALPHA = 0.05
PAIRED = "paired t-test over common seeds, two-sided"
WELCH = "Welch's t-test, two-sided"


@dataclass(frozen=True)
class Difference:
    """`mean` of a - b (accuracies, 0..1) and the half width of its 95 % interval, over `n` seeds.

    `p`: of no difference, two-sided; `p_holm`: corrected for all comparisons of its family. All but `mean` are None where
    fewer than two seeds are common, or nothing says how much the difference varies.
    """

    mean: float | None
    half_width: float | None
    n: int
    p: float | None
    p_holm: float | None


def least_deviation(sequences: int | None) -> float:
    """Say what a difference of two accuracies over `sequences` sequences deviates by at least.

    Each is rounded to steps of 1 / `sequences`: an error uniform over a step has variance step² / 12, that of two step² / 6.
    So a few seeds that happen to agree to the last sequence do not make a difference certain.
    """
    return 1 / (sequences * math.sqrt(6)) if sequences else 0.0


def paired(a: np.ndarray, b: np.ndarray, floor: float = 0.0, overlap: float = 0.0) -> tuple[np.ndarray, ...]:
    """Student's t of the differences a - b along the last axis; NaN (a seed that one of them lacks) is left out.

    Args:
        a: [..., seeds], broadcast against `b`.
        b: [..., seeds].
        floor: smallest standard deviation of the differences, from `least_deviation`.
        overlap: of folds instead of seeds, from `seqsweep.results.statistics.folds`.

    Returns:
        mean, half width of the 95 % interval, number of pairs, p (two-sided); NaN where there is none.
    """
    differences = a - b
    there = np.isfinite(differences)
    n = there.sum(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(there, differences, 0.0).sum(axis=-1) / n
        squares = np.where(there, differences - mean[..., None], 0.0) ** 2
        deviation = np.maximum(np.sqrt(squares.sum(axis=-1) / (n - 1)), floor)
        half, p = _students(mean, deviation * np.sqrt(1 / n + overlap), n - 1)
    return mean, half, n, p


def welch(a: Sequence[float], b: Sequence[float], floor: float = 0.0) -> tuple[float, float, float]:
    """Difference of two means of independent values, half width and p by Welch's test; NaN below two values each.

    `floor` is that of `paired`; a single mean's share of it is 1 / √2.
    """
    if not a or not b:
        return math.nan, math.nan, math.nan
    mean = math.fsum(a) / len(a) - math.fsum(b) / len(b)
    if min(len(a), len(b)) < 2:
        return mean, math.nan, math.nan
    parts = [max(float(np.var(each, ddof=1)), floor**2 / 2) / len(each) for each in (a, b)]
    error = math.sqrt(sum(parts))
    freedom = (
        error**4 / sum(part**2 / (len(each) - 1) for part, each in zip(parts, (a, b), strict=True))
        if error
        else 1.0
    )
    with np.errstate(invalid="ignore", divide="ignore"):
        half, p = _students(np.array(mean), np.array(error), np.array(freedom))
    return mean, float(half), float(p)


def _students(mean: np.ndarray, error: np.ndarray, freedom: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Half width and two-sided p; equal figures that never vary are no difference, others without a spread NaN."""
    from scipy.special import stdtr, stdtrit  # scipy.stats takes a second to import

    known = (freedom > 0) & ((error > 0) | (np.abs(mean) < 1e-12))
    t = np.where(np.abs(mean) < 1e-12, 0.0, mean / error)
    half = np.where(known, stdtrit(np.maximum(freedom, 1), 0.5 + CONFIDENCE / 2) * error, np.nan)
    return half, np.where(known, 2 * stdtr(np.maximum(freedom, 1), -np.abs(t)), np.nan)


def holm(p: np.ndarray) -> np.ndarray:
    """p-values corrected for their number by Holm's step-down method; NaN stays and does not count."""
    corrected = np.full(p.shape, np.nan)
    tested = np.flatnonzero(np.isfinite(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    scaled = p[order] * np.arange(len(order), 0, -1)
    corrected[order] = np.minimum(np.maximum.accumulate(scaled), 1.0) if len(order) else scaled
    return corrected


def certain_at(comparisons: int, seeds: int, overlap: float = 0.0) -> float:
    """Standard deviations that a paired difference must exceed to be told apart first of so many `comparisons`."""
    from scipy.special import stdtrit

    return float(stdtrit(seeds - 1, 1 - ALPHA / (2 * max(comparisons, 1)))) * math.sqrt(1 / seeds + overlap)


def number(value: float) -> float | None:
    """Give None for NaN."""
    return float(value) if math.isfinite(value) else None
