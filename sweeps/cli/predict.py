"""`seqsweep predict`: what an exported model says of sequences."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seqsweep.sweeps.cli.options import console

NAME = "predict"
EXAMPLES = """\b
Examples:
  seqsweep predict letters my/*.txt
  seqsweep predict letters new.jsonl --json | jq -r '[.id, .class] | @tsv'
  echo '{"id": "one", "values": [[12, 40], [13, 42], [15, 41]]}' | seqsweep predict letters -"""
STDIN = "-"


def command(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="A folder that `seqsweep export-model` wrote.")
    ],
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE",
            help="Files of the model's format, .jsonl, or - for standard input; also at s3:// or gs://.",
        ),
    ],
    json: Annotated[bool, typer.Option("--json", help="Print a JSON object a line instead.")] = False,
) -> None:
    """Print the likeliest class of each sequence, its probability, and the next two.

    Raw numbers are scaled as the training data were. A line of a .jsonl file, or of standard input, is an object with `values`, a
    list of rows, and perhaps an `id`. What cannot be read is named at the end, with its file and line; then the exit code is 2.
    """
    import sys

    from seqsweep.results.views.predictions import render, render_json
    from seqsweep.seqmodels.data.inputs import read_stream
    from seqsweep.sweeps.models.use import opened, predictions, read_file

    exported = opened(model)
    about, terminal = exported.description, console()
    sequences = (
        each
        for path in files
        for each in (
            read_stream(sys.stdin.buffer, about.format, about.options, missing_allowed=about.fills_missing)
            if path == STDIN
            else read_file(path, about)
        )
    )
    for some in predictions(exported, sequences):
        (render_json if json else render)(some, terminal)
