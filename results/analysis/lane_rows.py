"""Rows of a table, picked, sorted and cut."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow.compute as pc

from seqsweep.results.analysis.summary import summary
from seqsweep.results.architecture import ARCHITECTURE
from seqsweep.results.columns import plain
from seqsweep.results.errors import Invalid
from seqsweep.results.query.where import column, where
from seqsweep.results.schema import HYPERPARAMETERS, SCHEMAS
from seqsweep.results.store import Sweep

ALL = "all"
_AFTER = ("validation_accuracy", "test_accuracy", "train_accuracy", "epochs", "stopped", "seconds")
DEFAULT = ("dataset", *ARCHITECTURE, "candidate", "seed", "stage", "chosen", *_AFTER, *HYPERPARAMETERS)


@dataclass(frozen=True)
class Rows:
    """`rows` of values in the order of `columns`; `matching` rows fit the condition, of `total`. `synthetic` data sets."""

    sweep: str
    synthetic: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    matching: int
    total: int


def lanes(
    sweep: Sweep,
    *,
    condition: str | None = None,
    sort: Sequence[str] = (),
    columns: Sequence[str] = (),
    limit: int | None = None,
) -> Rows:
    """Lanes of the finished trials.

    Args:
        sweep: the sweep.
        condition: see `seqsweep.results.query.where`; None: all.
        sort: columns; one with a minus before it is sorted from the greatest down. Null and NaN come last.
        columns: to keep, each once; none: `DEFAULT`; "all": all.
        limit: at most so many rows; None: all.

    Raises:
        StoreError: an unknown column, a condition that cannot be read, a damaged file.
    """
    schema = SCHEMAS["lanes"]
    kept = (
        schema.names
        if list(columns) == [ALL]
        else list(dict.fromkeys(column(name, schema, "lanes") for name in columns or DEFAULT))
    )
    keys = [(column(key.removeprefix("-"), schema, "lanes"), key.startswith("-")) for key in sort]
    expression, read = where(condition, schema, "lanes") if condition is not None else (None, ())
    if limit is not None and limit < 0:
        raise Invalid(f"the limit is {limit}, but must be at least 0")
    wanted = dict.fromkeys([*kept, *read, *(name for name, _ in keys)])
    table = plain(sweep.read("lanes", list(wanted)))
    total = table.num_rows
    if expression is not None:
        table = table.filter(expression)
    if keys:
        order = [(name, "descending" if down else "ascending") for name, down in keys]
        table = table.take(pc.sort_indices(table, sort_keys=order))
    cut = table.select(list(kept)).slice(0, limit)
    return Rows(
        sweep=sweep.id,
        synthetic=tuple(entry.name for entry in summary(sweep).datasets if entry.synthetic),
        columns=tuple(kept),
        rows=tuple(zip(*(cut[name].to_pylist() for name in kept), strict=True)),
        matching=table.num_rows,
        total=total,
    )
