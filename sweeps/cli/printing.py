"""What `seqsweep run` ends with and `seqsweep show` prints: the verdict, and what the best ones confuse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from seqsweep.sweeps.store_option import store_option

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from seqsweep.results.store import Sweep


def report(
    sweep: Sweep,
    console: Console,
    *,
    store: str | Path,
    dataset: str | None = None,
    json_output: bool = False,
    every: bool = False,
) -> None:
    """Print the verdict and, for each data set, the confusion matrix of its best architecture.

    Args:
        sweep: a sweep; it need not be finished.
        console: where to.
        store: where the sweep lies, as the user named it.
        dataset: only this data set.
        every: all architectures, however many there are.
        json_output: one JSON object: the verdict's fields, and `confusions`. Macro F1 and balanced accuracy are read for the rows
            that would be printed, at most 100 of a data set; otherwise only where classes are uneven.

    Raises:
        StoreError: no such data set, or a file is damaged.
    """
    from seqsweep.results.analysis.confusion import confusion as confusion_of
    from seqsweep.results.analysis.reading import Reading
    from seqsweep.results.analysis.verdict import verdict as verdict_of
    from seqsweep.results.analysis.verdict_averages import with_averages
    from seqsweep.results.views import confusion, verdict

    reading = Reading(sweep)
    first = verdict.MOST_AVERAGES if every else verdict.FEW
    data = with_averages(reading, verdict_of(reading, dataset), first, only_uneven=not json_output)
    confusions = [
        confusion_of(reading, block.dataset.name, block.best)
        for block in data.datasets
        if block.best  # nothing to show where every lane diverged
    ]
    if json_output:
        write_json(vars(data) | {"confusions": confusions}, console)
        return
    verdict.render(data, console, options=store_option(store), every=every)
    for each in confusions:
        console.print()
        confusion.render(each, console, brief=True)


def write_json(data: Any, console: Console) -> None:
    """`data` (dataclasses of `seqsweep.results.analysis`, lists and tables of them) as JSON, unwrapped."""
    from seqsweep.results.views import json_view

    json_view.write(data, console.file)
