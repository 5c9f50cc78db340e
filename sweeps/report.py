"""What `seqsweep run` ends with and `seqsweep show` prints: the verdict, and what the best ones confuse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from results.store import Sweep


def report(sweep: Sweep, console: Console, *, dataset: str | None = None, json_output: bool = False) -> None:
    """Print the verdict and, for each data set, the confusion matrix of its best architecture.

    Args:
        sweep: a sweep; it need not be finished.
        console: where to.
        dataset: only this data set.
        json_output: one JSON object: the verdict's fields, and `confusions`.

    Raises:
        StoreError: no such data set, or a file is damaged.
    """
    from results import analysis
    from results.views import confusion, verdict

    data = analysis.verdict(sweep, dataset)
    confusions = [
        analysis.confusion(sweep, block.dataset.name, block.rows[0].trial)
        for block in data.datasets
        if block.rows[0].test.n  # nothing to show where every lane diverged
    ]
    if json_output:
        write_json(vars(data) | {"confusions": confusions}, console)
        return
    verdict.render(data, console)
    for each in confusions:
        console.print()
        confusion.render(each, console)


def write_json(data: Any, console: Console) -> None:
    """`data` (dataclasses of `results.analysis`, lists and tables of them) as JSON, unwrapped."""
    from results.views import json_view

    print(json_view.dump(data), file=console.file)
