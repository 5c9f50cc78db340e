"""`seqsweep lanes`: the lanes of a sweep as a table."""

from __future__ import annotations

from typing import Annotated

import typer

from seqsweep.sweeps.cli.options import Json, StoreFolder, SweepName, console, find_sweep
from seqsweep.sweeps.store_option import DEFAULT_STORE

NAME = "lanes"
EXAMPLES = """\b
Examples:
  seqsweep lanes
  seqsweep lanes --where "cell == 'lstm' and lr < 0.01" --sort -validation_accuracy
  seqsweep lanes --where "stopped == 'diverged' or chosen" --columns trial,lr,epochs
  seqsweep lanes --columns all --json"""
LIMIT = 50


def command(
    sweep: SweepName = None,
    where: Annotated[
        str | None,
        typer.Option("--where", metavar="CONDITION", help="Those for which this is so.", show_default="all"),
    ] = None,
    sort: Annotated[
        str | None,
        typer.Option(
            "--sort", metavar="COLUMNS", help="By these, comma between; -COLUMN from the greatest down."
        ),
    ] = None,
    columns: Annotated[
        str | None,
        typer.Option(
            "--columns",
            metavar="COLUMNS",
            help="Show these, comma between, or all.",
            show_default="the usual",
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit", min=0, metavar="N", help="At most so many rows.", show_default=f"{LIMIT}, all as JSON"
        ),
    ] = None,
    store: StoreFolder = DEFAULT_STORE,
    json: Json = False,
) -> None:
    """List the models of the search: a row (a lane) for each candidate of an architecture with each seed.

    A condition compares columns (== != < <= > >= in) with 'text', numbers, true, false and off, joined by and, or, not.
    docs/store.md says what each column means. Accuracies are fractions in a condition and in JSON.
    """
    from seqsweep.results.analysis.lane_rows import lanes
    from seqsweep.results.views.rows import render
    from seqsweep.sweeps.cli.printing import write_json

    if limit is None and not json:
        limit = LIMIT
    found = lanes(
        find_sweep(store, sweep), condition=where, sort=_names(sort), columns=_names(columns), limit=limit
    )
    if json:
        write_json(found, console())
    else:
        render(found, console())


def _names(text: str | None) -> list[str]:
    return [name.strip() for name in text.split(",")] if text is not None else []
