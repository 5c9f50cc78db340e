"""`seqsweep logs`: what a sweep on a cluster has printed."""

from __future__ import annotations

from typing import Annotated

import typer

from seqsweep.sweeps.cli.options import Dashboard, Json, SweepName, console, jobs_at

NAME = "logs"
EXAMPLES = """\b
Examples:
  seqsweep logs
  seqsweep logs -f strokes-a0f
  seqsweep logs --json | jq -r .line"""


def command(
    sweep: SweepName = None,
    follow: Annotated[
        bool,
        typer.Option("--follow", "-f", help="Go on until the sweep ends; Ctrl-C ends only the following."),
    ] = False,
    address: Dashboard = None,
    json: Json = False,
) -> None:
    """Print what a sweep on a cluster has printed: a line for each trial that ended, and problems."""
    import json as encoder

    from seqsweep.cluster.records import received
    from seqsweep.results.views import layout
    from seqsweep.sweeps.remote import submission

    jobs = jobs_at(address)
    job = submission.find(jobs, sweep).job
    terminal = console()
    for line in received(jobs.follow(job.id) if follow else jobs.lines(job.id)):
        if isinstance(line, str):
            layout.plain(terminal, encoder.dumps({"line": line}) if json else line.expandtabs())
