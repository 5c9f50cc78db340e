"""What to beware of in a verdict: short sentences, each by a stated rule."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from seqsweep.results.analysis.caution import Caution
from seqsweep.results.analysis.summary import DatasetSummary
from seqsweep.results.statistics.differences import certain_at
from seqsweep.results.statistics.proportion import proportion

if TYPE_CHECKING:
    from seqsweep.results.analysis.data_cautions import Majority
    from seqsweep.results.analysis.search_edges import Edge
    from seqsweep.results.analysis.verdict_row import Row

FEW_SEEDS = 5
"""Fewer seeds than that are called few."""
WIDE = 0.02
"""Half width of the interval of a proportion above which a test set is called small."""
FAR = 0.05
"""Validation is far above test by more than that, and by more than `FAR_ERRORS` standard errors of the difference."""
FAR_ERRORS = 3.0


def cautions(
    dataset: DatasetSummary,
    rows: Sequence[Row],
    best: Row | None,
    comparisons: int,
    majority: Majority | None = None,
) -> tuple[Caution, ...]:
    """All that apply to the rows of one data set."""
    diverged = _most_diverged(rows)
    if best is None:
        return (diverged,) if diverged else ()
    found = (
        _validation_above_test(dataset, rows),
        _no_better_than_the_majority(dataset, best, majority),
        diverged,
        _few_seeds(rows, comparisons),
        _flattered(rows),
        _boundless(rows),
        _small_test_set(dataset, best),
        _disagreement(rows, best),
        _edge(rows, best),
        _lost(rows),
    )
    return tuple(caution for caution in found if caution)


def _flattered(rows: Sequence[Row]) -> Caution | None:
    """Beware where candidates were chosen by the very seeds that are tested: what was luck on validation is so on test."""
    if not any(row.candidates > 1 and not row.fresh and row.test.n for row in rows):
        return None
    text = (
        "test is of the seeds that the candidates were chosen by, which flatters it (by up to 4 points, where it was measured): "
        "`final_seeds` in the spec tests fresh ones"
    )
    return Caution("tested by the seeds that chose", text)


def _validation_above_test(dataset: DatasetSummary, rows: Sequence[Row]) -> Caution | None:
    """Beware where every architecture does better in validation, by more than the sequences of both parts leave to chance."""
    known = [
        (row.validation.mean, row.test.mean)
        for row in rows
        if row.validation.mean is not None and row.test.mean is not None
    ]
    if not known or not dataset.validation or not dataset.test:
        return None
    sizes = dataset.validation, dataset.test
    if not all(_far_above(*pair, *sizes) for pair in known):
        return None
    least = min(validation - test for validation, test in known)
    who = "the only architecture" if len(known) == 1 else f"all {len(known)} architectures"
    text = (
        f"validation is far above test for {who} (by {100 * least:.1f} points or more): does validation mix speakers, writers "
        "or recordings with train (see `by` of [split]), or is test of another kind?"
    )
    return Caution("validation far above test", text)


def _far_above(validation: float, test: float, validation_count: int, test_count: int) -> bool:
    pooled = (validation * validation_count + test * test_count) / (validation_count + test_count)
    error = math.sqrt(pooled * (1 - pooled) * (1 / validation_count + 1 / test_count))
    return validation - test > max(FAR, FAR_ERRORS * error)


def _no_better_than_the_majority(
    dataset: DatasetSummary, best: Row, majority: Majority | None
) -> Caution | None:
    """The best is not above always answering the largest class, or not surely."""
    if majority is None or best.test.mean is None or not dataset.test:
        return None
    always = f"always answering the largest class, `{majority.label}` ({100 * majority.share:.1f})"
    if best.test.mean <= majority.share + 1e-9:  # figures that are equal but for rounding
        where = "below" if best.test.mean < majority.share - 1e-9 else "only as good as"
        return Caution(
            "no better than the largest class",
            f"the best architecture ({100 * best.test.mean:.1f}) is {where} {always}: nothing was learnt",
        )
    n = np.array([dataset.test])
    found = proportion(best.test.mean * n, n)
    if found is None or found.low > majority.share:
        return None
    return Caution(
        "no better than the largest class",
        f"{dataset.test} test sequences do not tell the best architecture ({100 * best.test.mean:.1f}) from {always}",
    )


def _most_diverged(rows: Sequence[Row]) -> Caution | None:
    lanes, diverged = sum(row.lanes for row in rows), sum(row.diverged for row in rows)
    if 2 * diverged <= lanes:
        return None
    text = f"{diverged} of {lanes} models diverged: try lower learning rates, or a smaller `clip_norm`"
    return Caution("most models diverged", text)


def _boundless(rows: Sequence[Row]) -> Caution | None:
    """An interval that leaves any mean possible."""
    wide = [
        figure.n
        for row in rows
        for figure in (row.train, row.validation, row.test)
        if figure.half_width is not None and figure.half_width > 1
    ]
    if not wide:
        return None
    text = f"±>100 leaves any mean from 0 to 100 possible: {min(wide)} seeds that differ so much tell nothing of it"
    return Caution("interval without bounds", text)


def _few_seeds(rows: Sequence[Row], comparisons: int) -> Caution | None:
    seeds = max(row.test.n for row in rows)
    if seeds >= FEW_SEEDS or len(rows) < 2:
        return None
    if seeds < 2:
        return Caution("few seeds", "one seed cannot tell luck from merit: no ranks are told apart")
    factor, enough = certain_at(comparisons, seeds), certain_at(comparisons, FEW_SEEDS)
    text = (
        f"{seeds} seeds are few: to count, a difference must be {factor:.1f} times its standard deviation over seeds "
        f"(with {FEW_SEEDS} seeds {enough:.1f} times)"
    )
    return Caution("few seeds", text)


def _small_test_set(dataset: DatasetSummary, best: Row) -> Caution | None:
    if not dataset.test or best.test.mean is None:
        return None
    n = np.array([dataset.test])
    other = proportion(best.test.mean * n, n)
    half = (other.high - other.low) / 2 if other else 0.0
    if half <= WIDE:
        return None
    text = (
        f"{dataset.test} test sequences are few: others might move {100 * best.test.mean:.1f} by ±{100 * half:.1f}, "
        "which seeds do not show"
    )
    return Caution("small test set", text)


def _disagreement(rows: Sequence[Row], best: Row) -> Caution | None:
    """The architecture that validation puts first is told apart from the best on test."""
    known = [row for row in rows if row.validation.mean is not None]
    first = max(known, key=lambda row: row.validation.mean or 0.0)
    if first.tied or not best.tied:
        return None
    text = (
        f"validation and test disagree: validation puts {first.label} first ({100 * (first.validation.mean or 0):.1f}), "
        f"which test puts at {first.rank_low}-{first.rank_high}"
    )
    return Caution("validation and test disagree", text)


def _edge(rows: Sequence[Row], best: Row) -> Caution | None:
    """The best, or the cheapest of those tied with it, was chosen at an edge of what was searched."""
    there: dict[Edge, list[str]] = {}
    for row in rows:
        if row is best or row.cheapest:
            for edge in row.edges:
                there.setdefault(edge, []).append(row.label)
    if not there:
        return None
    parts = [
        f"{edge.name} {edge.value:.3g} of {' and '.join(labels)} ({edge.end} end of {edge.low:g} to {edge.high:g})"
        for edge, labels in there.items()
    ]
    return Caution(
        "edge of the search", f"chosen at the edge of the search, better may lie beyond: {', '.join(parts)}"
    )


def _lost(rows: Sequence[Row]) -> Caution | None:
    lost = [row for row in rows if row.diverged_seeds and row.test.n]
    if not lost:
        return None
    who = lost[0].label if len(lost) == 1 else f"{len(lost)} architectures"
    text = f"{who} lost seeds that diverged: figures are of the rest, and never count as better than others"
    return Caution("lost seeds", text)
