"""`seqsweep init`: a first spec of your own data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seqsweep.sweeps.cli.data import DataPath, FormatName, Keys, source_table
from seqsweep.sweeps.cli.options import Json, console
from seqsweep.sweeps.spec.here import HERE

NAME = "init"
EXAMPLES = """\b
Examples:
  seqsweep init recordings/ && seqsweep run
  seqsweep init measurements.csv --set group=subject -o gait.toml"""


def command(
    path: DataPath,
    output: Annotated[
        Path,
        typer.Option("-o", "--output", metavar="SPEC", help="The file to write; one that is there stays."),
    ] = Path(HERE),
    form: FormatName = None,
    keys: Keys = None,
    minutes: Annotated[
        float,
        typer.Option(
            "--minutes", min=0.1, max=100_000, metavar="N", help="What the sweep may take here, at most."
        ),
    ] = 5.0,
    json: Json = False,
) -> None:
    """Look at your data and write their first spec.

    Asks nothing: what was found by looking stands in the spec, with comments, and it trains in minutes here. `seqsweep run` takes
    sweep.toml of this folder.
    """
    from seqsweep.results.output import write
    from seqsweep.results.views import layout
    from seqsweep.sweeps.cli.printing import write_json
    from seqsweep.sweeps.datasets.view import render_heading
    from seqsweep.sweeps.errors import SpecError
    from seqsweep.sweeps.starting import start

    source = source_table(path, form, keys)
    if isinstance(source, str):
        raise SpecError([f"`{source}` is an embedded data set: `seqsweep run` trains on it without a spec"])
    if output.exists() or output.is_symlink():
        raise SpecError([f"{output} is there already: name another file by -o, or remove it"])
    found = start(source, output.absolute().parent, seconds=minutes * 60)
    write(found.text.encode(), output)
    run = "seqsweep run" if output == Path(HERE) else f"seqsweep run {output}"
    if json:
        seconds = None if found.forecast is None else found.forecast.seconds
        table = {"spec": str(output), "data": found.about, "seconds": seconds, "problems": found.problems}
        write_json(table, console())
    else:
        render_heading(found.about, console())
        for note in found.about.notes:
            layout.line(console(), (note, "dim"))
        if found.forecast is not None:
            from seqsweep.results.views.formats import duration

            trained = f"{found.forecast.trials} trials, {found.forecast.models:,} models"
            layout.line(
                console(),
                f"{output} is written: {trained}, about {duration(found.forecast.seconds)} on this machine",
            )
            layout.line(console(), "next: ", (run, "bold"))
    if found.problems:
        raise SpecError([f"{output} is written, but cannot be run yet: {each}" for each in found.problems])
