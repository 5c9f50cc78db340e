"""`seqsweep evaluate`: how an exported model does on labelled data."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from seqsweep.sweeps.cli.options import Json, console

NAME = "evaluate"
EXAMPLES = """\b
Examples:
  seqsweep evaluate letters data/letters
  seqsweep evaluate letters letters.tar.xz --part all --json | jq .accuracy
  seqsweep evaluate vowels JapaneseVowels_TEST.ts"""


class Part(StrEnum):
    """Which of the sequences, where the data have parts."""

    test = "test"
    train = "train"
    all = "all"


def command(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL", help="A folder that `seqsweep export-model` wrote.")
    ],
    data: Annotated[
        str,
        typer.Argument(metavar="DATA", help="Labelled data in the model's format; also at s3:// or gs://."),
    ],
    part: Annotated[
        Part, typer.Option("--part", help="Which files, where there are train and test.")
    ] = Part.test,
    json: Json = False,
) -> None:
    """Print a model's accuracy on labelled data, and what it confuses.

    The interval is Wilson's, of the accuracy on other sequences drawn as these were. Sequences of classes that the model does not
    know are left out, and counted. DATA may be the name of an embedded data set.
    """
    from seqsweep.results.views.evaluation import render
    from seqsweep.sweeps.cli.printing import write_json
    from seqsweep.sweeps.models.use import evaluate, opened

    found = evaluate(opened(model), model, data, part.value)
    if json:
        write_json(found, console())
    else:
        render(found, console())
