"""`seqsweep curves`: error against epochs."""

from __future__ import annotations

from typing import Annotated

import typer

from seqsweep.sweeps.cli.options import (
    ArchitectureName,
    Dataset,
    Json,
    StoreFolder,
    SweepName,
    console,
    find_sweep,
    note_cells,
    per_dataset,
    print_each,
)
from seqsweep.sweeps.store_option import DEFAULT_STORE

NAME = "curves"
EXAMPLES = """\b
Examples:
  seqsweep curves
  seqsweep curves --dataset handwriting --architecture 'lstm x 1 x 100' --validation"""


def command(
    sweep: SweepName = None,
    dataset: Dataset = None,
    architecture: ArchitectureName = None,
    validation: Annotated[
        bool, typer.Option("--validation", help="Draw the validation error instead of the training error.")
    ] = False,
    store: StoreFolder = DEFAULT_STORE,
    json: Json = False,
) -> None:
    """Draw the training error against epochs.

    A curve for every hyperparameter set, the mean over its seeds; in brackets the least and the greatest of them, for the
    chosen set drawn too.
    """
    from seqsweep.results.analysis.curves import curves
    from seqsweep.results.views.curves import render

    found = find_sweep(store, sweep)
    data = per_dataset(
        found, dataset, lambda reading, name, which: curves(reading, name, which), architecture
    )
    note_cells([architecture], [(each.dataset, each.architecture) for each in data])
    print_each(data, lambda each, terminal: render(each, terminal, validation=validation), console(), json)
