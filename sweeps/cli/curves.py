"""`seqsweep curves`: mean training error against epochs."""

from __future__ import annotations

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
    print_each,
)

NAME = "curves"
EXAMPLES = """\b
Examples:
  seqsweep curves
  seqsweep curves --dataset handwriting --architecture 'lstm x 1 x 100'"""


def command(
    sweep: SweepName = None,
    dataset: Dataset = None,
    architecture: ArchitectureName = None,
    store: StoreFolder = DEFAULT_STORE,
    json: Json = False,
) -> None:
    """Draw the training error against epochs.

    A curve for every hyperparameter set, the mean over its seeds.
    """
    from results import analysis
    from results.views.curves import render

    found = find_sweep(store, sweep)
    data = per_dataset(found, dataset, lambda name: analysis.curves(found, name, architecture))
    print_each(data, render, console(), json)
