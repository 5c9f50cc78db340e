"""`seqsweep export`: a table of a sweep as a file."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from seqsweep.sweeps.cli.options import Dataset, StoreFolder, SweepName, find_sweep, print_bytes
from seqsweep.sweeps.store_option import DEFAULT_STORE

NAME = "export"
EXAMPLES = """\b
Examples:
  seqsweep export --format markdown
  seqsweep export reference-7f3 -o verdict.tex
  seqsweep export --table lanes -o lanes.parquet"""


class Format(StrEnum):
    """What the file is."""

    csv = "csv"
    parquet = "parquet"
    latex = "latex"
    markdown = "markdown"


ENDINGS = {
    ".csv": Format.csv,
    ".parquet": Format.parquet,
    ".tex": Format.latex,
    ".latex": Format.latex,
    ".md": Format.markdown,
    ".markdown": Format.markdown,
}


class TableName(StrEnum):
    """What is in it."""

    verdict = "verdict"
    lanes = "lanes"
    epochs = "epochs"
    confusions = "confusions"
    predictions = "predictions"


def command(
    sweep: SweepName = None,
    form: Annotated[
        Format | None,
        typer.Option("--format", help="What to write.", show_default="by the file's ending, else csv"),
    ] = None,
    table: Annotated[TableName, typer.Option("--table", help="Which table.")] = TableName.verdict,
    dataset: Dataset = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Where to.", show_default="the terminal"),
    ] = None,
    store: StoreFolder = DEFAULT_STORE,
) -> None:
    """Write a table for another program, or for a paper.

    The file's ending says what it is: .csv, .parquet, .tex, .md.

    CSV and Parquet hold every figure as it is, accuracies as fractions; LaTeX (with booktabs) and Markdown what is read. A file
    of that name is replaced.
    """
    form = _form(form, output)
    if output is None and form is Format.parquet:
        raise typer.BadParameter("Parquet is not for a terminal: name a file with -o")
    from seqsweep.results.export import encode, read_table
    from seqsweep.results.output import check_place, write

    if output is not None:
        check_place(output)
    content = encode(read_table(find_sweep(store, sweep), table.value, dataset), form.value)
    if output is not None:
        write(content, output)
    else:
        print_bytes(content)


def _form(form: Format | None, output: Path | None) -> Format:
    """Find what to write: as --format says, else as the file's ending does, where there is a file; both must agree."""
    if output is None or not (ending := output.suffix.lower()):
        return form or Format.csv
    meant = ENDINGS.get(ending)
    known = ", ".join(ENDINGS)
    if meant is None:
        raise typer.BadParameter(
            f"{output.name} ends in {ending}, which is no format here: the endings are {known}"
        )
    if form is not None and form is not meant:
        raise typer.BadParameter(
            f"{output.name} ends in {ending}, which is {meant.value}, but --format says {form.value}: name one of both"
        )
    return meant
