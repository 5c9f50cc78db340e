"""`seqsweep export`: a table of a sweep as a file."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from sweeps.cli.options import DEFAULT_STORE, Dataset, StoreFolder, SweepName, find_sweep, print_bytes

NAME = "export"
EXAMPLES = """\b
Examples:
  seqsweep export --format markdown
  seqsweep export reference-7f3 --format latex -o verdict.tex
  seqsweep export --table lanes --format parquet -o lanes.parquet"""


class Format(StrEnum):
    """What the file is."""

    csv = "csv"
    parquet = "parquet"
    latex = "latex"
    markdown = "markdown"


class TableName(StrEnum):
    """What is in it."""

    verdict = "verdict"
    lanes = "lanes"
    epochs = "epochs"
    confusions = "confusions"
    predictions = "predictions"


def command(
    sweep: SweepName = None,
    form: Annotated[Format, typer.Option("--format", help="What to write.")] = Format.csv,
    table: Annotated[TableName, typer.Option("--table", help="Which table.")] = TableName.verdict,
    dataset: Dataset = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Where to.", show_default="the terminal"),
    ] = None,
    store: StoreFolder = DEFAULT_STORE,
) -> None:
    """Write a table for another program, or for a paper.

    CSV and Parquet hold every figure as it is, accuracies as fractions; LaTeX (with booktabs) and Markdown what is read. A file
    of that name is replaced.
    """
    if output is None and form is Format.parquet:
        raise typer.BadParameter("Parquet is not for a terminal: name a file with -o")
    from results.export import encode, read_table
    from results.output import check_place, write

    if output is not None:
        check_place(output)
    content = encode(read_table(find_sweep(store, sweep), table.value, dataset), form.value)
    if output is not None:
        write(content, output)
    else:
        print_bytes(content)
