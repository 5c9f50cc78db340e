"""Every hyperparameter set that was tried, with what validation said of it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seqsweep.results.analysis.reading import Reading
from seqsweep.results.architecture import ARCHITECTURE, architecture_label
from seqsweep.results.schema import HYPERPARAMETERS
from seqsweep.results.statistics.interval import CONFIDENCE, Interval
from seqsweep.results.store import Sweep

MOST = 2000
"""Candidates of a data set that are told of one by one."""


@dataclass(frozen=True)
class Candidate:
    """One setting of one architecture. `settings`: what differs within the data set, by name.

    `validation`: accuracy over the seeds that did not diverge; `diverged` of `seeds` did.
    """

    trial: str
    architecture: str
    number: int
    settings: dict[str, Any]
    chosen: bool
    seeds: int
    diverged: int
    validation: Interval


@dataclass(frozen=True)
class Candidates:
    """Candidates of a data set: the best `MOST` of `total` that have a validation accuracy, the best first.

    `axes`: names of what differs between all of them, the architecture's first. Of `lost` every seed diverged.
    """

    dataset: str
    axes: tuple[str, ...]
    total: int
    lost: int
    best: tuple[Candidate, ...]


def candidates(source: Sweep | Reading) -> tuple[Candidates, ...]:
    """List the candidates of each data set that has results, by its name."""
    lanes = Reading.of(source).lanes
    diverged = pc.equal(lanes["stopped"], "diverged")
    accuracy = pc.if_else(
        pc.or_(diverged, pc.invert(pc.is_finite(lanes["validation_accuracy"]))),
        None,
        lanes["validation_accuracy"],
    )
    lanes = lanes.append_column("accuracy", accuracy).append_column("diverged", diverged)
    names = sorted(lanes["dataset"].unique().to_pylist())
    return tuple(_of(name, lanes.filter(pc.equal(lanes["dataset"], name))) for name in names)


def _of(dataset: str, lanes: pa.Table) -> Candidates:
    """Rank the candidates of the lanes of one data set."""
    axes = [name for name in (*ARCHITECTURE, *HYPERPARAMETERS) if len(lanes[name].unique()) > 1]
    columns = {name: _plain(lanes[name]) for name in lanes.column_names}
    groups = pa.table(columns).group_by(["trial", "candidate"], use_threads=False)
    found = groups.aggregate(
        [
            *((name, "first") for name in dict.fromkeys([*ARCHITECTURE, *axes])),
            ("accuracy", "mean"),
            ("accuracy", "stddev", pc.VarianceOptions(ddof=1)),
            ("accuracy", "count"),
            ("seed", "count"),
            ("diverged", "sum"),
            ("chosen", "any"),
        ]
    )
    measured = found.filter(pc.greater(found["accuracy_count"], 0))
    order = pc.sort_indices(
        measured, [("accuracy_mean", "descending"), ("trial", "ascending"), ("candidate", "ascending")]
    )
    best = measured.take(order[:MOST]).to_pylist()
    return Candidates(
        dataset=dataset,
        axes=tuple(axes),
        total=measured.num_rows,
        lost=found.num_rows - measured.num_rows,
        best=tuple(_candidate(row, axes) for row in best),
    )


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Text where it was a dictionary, which cannot be aggregated."""
    return column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column


def _candidate(row: Mapping[str, Any], axes: Sequence[str]) -> Candidate:
    return Candidate(
        trial=row["trial"],
        architecture=architecture_label({name: row[f"{name}_first"] for name in ARCHITECTURE}),
        number=row["candidate"],
        settings={name: row[f"{name}_first"] for name in axes},
        chosen=row["chosen_any"],
        seeds=row["seed_count"],
        diverged=row["diverged_sum"],
        validation=_interval(row["accuracy_mean"], row["accuracy_stddev"], row["accuracy_count"]),
    )


def _interval(mean: float, deviation: float | None, n: int) -> Interval:
    """Make the interval that `interval` gives of the values themselves."""
    if n < 2 or deviation is None or not np.isfinite(deviation):
        return Interval(mean, None, n)
    from scipy.special import stdtrit  # scipy.stats takes a second to import

    quantile = float(stdtrit(n - 1, 0.5 + CONFIDENCE / 2))
    return Interval(mean, quantile * deviation / math.sqrt(n), n)
