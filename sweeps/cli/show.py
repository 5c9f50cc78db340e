"""`seqsweep show`: the verdict of a sweep."""

from __future__ import annotations

from typing import Annotated

import typer

from seqsweep.sweeps.cli.options import Dataset, Json, StoreFolder, SweepName, console, find_sweep
from seqsweep.sweeps.store_option import DEFAULT_STORE

NAME = "show"
EXAMPLES = """\b
Examples:
  seqsweep show
  seqsweep show reference-7f3 --dataset handwriting
  seqsweep show --json | jq"""


def command(
    sweep: SweepName = None,
    dataset: Dataset = None,
    store: StoreFolder = DEFAULT_STORE,
    every: Annotated[bool, typer.Option("--all", help="All architectures, however many there are.")] = False,
    json: Json = False,
) -> None:
    """Say which architectures are best.

    Ranks are ranges where architectures cannot be told apart. Below the table stands what the best one confuses.
    """
    from seqsweep.sweeps.cli.printing import report

    report(find_sweep(store, sweep), console(), store=store, dataset=dataset, json_output=json, every=every)
