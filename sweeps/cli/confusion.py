"""`seqsweep confusion`: which classes an architecture takes for which."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from sweeps.cli.options import (
    DEFAULT_STORE,
    ArchitectureName,
    Dataset,
    Json,
    StoreFolder,
    SweepName,
    console,
    find_sweep,
    per_dataset,
)

NAME = "confusion"
EXAMPLES = """\b
Examples:
  seqsweep confusion
  seqsweep confusion --dataset syllables --architecture 'gru x 2 x 100'
  seqsweep confusion reference-7f3 --split validation --json"""


class Split(StrEnum):
    """Which sequences are counted."""

    test = "test"
    validation = "validation"


def command(
    sweep: SweepName = None,
    dataset: Dataset = None,
    architecture: ArchitectureName = None,
    split: Annotated[Split, typer.Option("--split", help="Which sequences are counted.")] = Split.test,
    store: StoreFolder = DEFAULT_STORE,
    json: Json = False,
) -> None:
    """Print a confusion matrix.

    By default that of the best architecture on each data set.
    """
    from results import analysis
    from results.views.confusion import render
    from sweeps.report import write_json

    found = find_sweep(store, sweep)
    data = per_dataset(
        found, dataset, lambda name: analysis.confusion(found, name, architecture, split.value)
    )
    terminal = console()
    if json:
        write_json(data, terminal)
        return
    for place, each in enumerate(data):
        if place:
            terminal.print()
        render(each, terminal)
