"""Whether the probabilities mean what they say, and how often the right class is among the likeliest."""

from dataclasses import dataclass

import numpy as np

from seqsweep.results.statistics.answers import Answers
from seqsweep.results.statistics.interval import Interval, interval

BINS = 15  # of equal width over 0..1, by the probability of the predicted class (Guo et al. 2017)
TOP = (3, 5)  # top-k accuracies, where there are at least twice as many classes


@dataclass(frozen=True)
class Bin:
    """Sequences (all seeds) that were answered with a probability in `low`..`high`, their mean of it and their accuracy."""

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Calibration:
    """Figures over seeds. `bins`: seeds pooled, empty ones left out.

    `expected_error` (ECE): |accuracy - mean probability of the predicted class|, averaged over `BINS` bins of equal width,
    each weighing as much as it has sequences. `brier`: squared distance of the probabilities from 0 and 1, summed over the
    classes (0..2). `log_loss`: nats. `top`: accuracy when the right class need only be among the k likeliest; by k.
    """

    expected_error: Interval
    brier: Interval
    log_loss: Interval
    top: dict[int, Interval]
    bins: tuple[Bin, ...]


def calibration(answers: Answers) -> Calibration | None:
    """Measure; None where the probabilities are not those of the classes."""
    classes = answers.probabilities.shape[1]
    if (answers.true < 0).any() or (answers.true >= classes).any():
        return None
    seeds = np.unique(answers.seed)
    each = [_figures(answers, answers.seed == seed) for seed in seeds]
    return Calibration(
        expected_error=interval(figures["error"] for figures in each),
        brier=interval(figures["brier"] for figures in each),
        log_loss=interval(figures["log_loss"] for figures in each),
        top={k: interval(figures[f"top {k}"] for figures in each) for k in TOP if classes >= 2 * k},
        bins=_bins(answers, np.full(len(answers.seed), True)),
    )


def _figures(answers: Answers, rows: np.ndarray) -> dict[str, float]:
    probabilities, true = answers.probabilities[rows], answers.true[rows]
    right = probabilities[np.arange(len(true)), true]
    hit = np.eye(probabilities.shape[1])[true]
    # ties go against us: a class counts as likelier unless it is less likely
    above = (probabilities >= right[:, None]).sum(axis=1)
    bins = _bins(answers, rows)
    return {
        "error": sum(each.count * abs(each.accuracy - each.confidence) for each in bins) / len(true),
        "brier": float(((probabilities - hit) ** 2).sum(axis=1).mean()),
        "log_loss": float(-np.log(np.maximum(right, np.finfo(np.float64).eps)).mean()),
    } | {f"top {k}": float((above <= k).mean()) for k in TOP}


def _bins(answers: Answers, rows: np.ndarray) -> tuple[Bin, ...]:
    confidence = answers.probabilities[rows].max(axis=1)
    correct = answers.predicted[rows] == answers.true[rows]
    edges = np.linspace(0, 1, BINS + 1)
    place = np.searchsorted(edges[1:-1], confidence)
    return tuple(
        Bin(
            low=float(edges[number]),
            high=float(edges[number + 1]),
            count=int(inside.sum()),
            confidence=float(confidence[inside].mean()),
            accuracy=float(correct[inside].mean()),
        )
        for number in range(BINS)
        if (inside := place == number).any()
    )
