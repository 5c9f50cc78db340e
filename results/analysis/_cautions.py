"""What to beware of in a verdict: short sentences, each by a stated rule."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from results.analysis._caution import Caution
from results.analysis._comparison import certain_at
from results.analysis._proportion import proportion
from results.analysis._summary import DatasetSummary

if TYPE_CHECKING:
    from results.analysis._edges import Edge
    from results.analysis._verdict import Row

FEW_SEEDS = 5
"""Fewer seeds than that are called few."""
WIDE = 0.02
"""Half width of the interval of a proportion above which a test set is called small."""


def cautions(
    dataset: DatasetSummary, rows: Sequence[Row], best: Row | None, comparisons: int
) -> tuple[Caution, ...]:
    """All that apply to the rows of one data set."""
    if best is None:
        return ()
    found = (
        _few_seeds(rows, comparisons),
        _small_test_set(dataset, best),
        _disagreement(rows, best),
        _edge(rows, best),
        _lost(rows),
    )
    return tuple(caution for caution in found if caution)


def _few_seeds(rows: Sequence[Row], comparisons: int) -> Caution | None:
    seeds = max(row.test.n for row in rows)
    if seeds >= FEW_SEEDS or len(rows) < 2:
        return None
    if seeds < 2:
        return Caution("few seeds", "one seed cannot tell luck from merit: no ranks are told apart")
    factor = certain_at(comparisons, seeds)
    text = f"{seeds} seeds are few: to count, a difference must be {factor:.1f} times its standard deviation over seeds"
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
