"""`seqsweep report`: a sweep as one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seqsweep.sweeps.cli.options import StoreFolder, SweepName, console, find_sweep
from seqsweep.sweeps.store_option import DEFAULT_STORE

NAME = "report"
EXAMPLES = """\b
Examples:
  seqsweep report
  seqsweep report strokes-a0f -o strokes.html
  seqsweep report --store s3://bucket/sweeps"""


def command(
    sweep: SweepName = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Where to.", show_default="SWEEP.html, here"),
    ] = None,
    store: StoreFolder = DEFAULT_STORE,
) -> None:
    """Write a report as one HTML file.

    It holds the verdict, what the best architectures confuse, learning curves, hyperparameters, examples of each class, the
    spec and where the results come from. Nothing in it is fetched from elsewhere, so it may be mailed or archived. A file of
    that name is replaced.
    """
    from seqsweep.results import html
    from seqsweep.results.analysis.report import report
    from seqsweep.results.output import check_place, write

    found = find_sweep(store, sweep)
    target = output or Path(f"{found.id}.html")
    check_place(target)
    page = html.render(report(found)).encode()
    write(page, target)
    console().print(f"{target} · {len(page) / 1e6:.1f} MB", markup=False, highlight=False, soft_wrap=True)
