"""Which architecture tells the most beside the best one."""

from __future__ import annotations

from dataclasses import dataclass

from seqsweep.results.analysis.verdict import DatasetVerdict
from seqsweep.results.analysis.verdict_row import Row


@dataclass(frozen=True)
class Rival:
    """The architecture `label` of `trial`, the best of its kind: `kind` says how that differs from the best of all."""

    trial: str
    label: str
    kind: str


def rival(data: DatasetVerdict) -> Rival | None:
    """The best of another cell; of one cell, with another number of layers; else the next. None: no other has results."""
    best = data.best_row
    if best is None:
        return None
    others = [row for row in data.rows if row is not best and row.test.n]
    kinds: tuple[tuple[str, list[Row]], ...] = (
        ("the best of another cell", [row for row in others if row.cell != best.cell]),
        ("the best with another number of layers", [row for row in others if row.layers != best.layers]),
        ("the next best", others),
    )
    return next((Rival(rows[0].trial, rows[0].label, kind) for kind, rows in kinds if rows), None)
