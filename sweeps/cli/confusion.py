"""`seqsweep confusion`: which classes an architecture takes for which."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

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

if TYPE_CHECKING:
    from seqsweep.results.store import Sweep

NAME = "confusion"
EXAMPLES = """\b
Examples:
  seqsweep confusion
  seqsweep confusion --dataset syllables --architecture 'gru x 2 x 100' --counts
  seqsweep confusion --architecture 'gru x 2 x 100' --against 'lstm x 2 x 100'
  seqsweep confusion reference-7f3 --split validation --json"""


class Split(StrEnum):
    """Which sequences are counted."""

    test = "test"
    validation = "validation"


def command(
    sweep: SweepName = None,
    dataset: Dataset = None,
    architecture: ArchitectureName = None,
    against: Annotated[
        str | None,
        typer.Option("--against", metavar="NAME", help="Another one: show how their matrices differ."),
    ] = None,
    split: Annotated[Split, typer.Option("--split", help="Which sequences are counted.")] = Split.test,
    counts: Annotated[bool, typer.Option("--counts", help="Sequences instead of percent.")] = False,
    store: StoreFolder = DEFAULT_STORE,
    json: Json = False,
) -> None:
    """Print a confusion matrix.

    By default that of the best architecture on each data set, all seeds pooled, in percent of the true class with 95 %
    intervals: Wilson's for other sequences, widened by Student's for other seeds. The calibration error (ECE) is over 15
    bins of equal width. With --against, a difference is called significant where it holds over seeds (paired t-test) and over
    sequences (McNemar's test, a sequence's seeds together), Holm-corrected for all cells that differ.
    """
    found = find_sweep(store, sweep)
    if against is not None and counts:
        raise typer.BadParameter("a difference is in percentage points, so without --counts")
    if against is not None:
        _contrast(found, dataset, architecture, against, split.value, json)
        return
    from seqsweep.results.analysis.confusion import confusion
    from seqsweep.results.views.confusion import render

    data = per_dataset(
        found,
        dataset,
        lambda reading, name, which: confusion(reading, name, which, split.value),
        architecture,
    )
    note_cells([architecture], [(each.dataset, each.architecture) for each in data])
    print_each(data, lambda each, terminal: render(each, terminal, counts=counts), console(), json)


def _contrast(
    sweep: Sweep, dataset: str | None, architecture: str | None, against: str, split: str, json: bool
) -> None:
    from seqsweep.results.analysis.confusion_contrast import contrast
    from seqsweep.results.views.contrast import render

    data = per_dataset(
        sweep,
        dataset,
        lambda reading, name, which: contrast(reading, name, which, against, split),
        architecture,
    )
    sides = [side for each in data for side in (each.first, each.second)]
    note_cells([architecture, against], [(side.dataset, side.architecture) for side in sides])
    print_each(data, render, console(), json)
