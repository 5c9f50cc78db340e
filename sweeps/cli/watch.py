"""`seqsweep watch`: the live view of a sweep on a cluster."""

from __future__ import annotations

import typer

from sweeps.cli.options import Dashboard, SweepName, console, jobs_at

NAME = "watch"
EXAMPLES = """\b
Examples:
  seqsweep watch
  seqsweep watch strokes-a0f"""


def command(sweep: SweepName = None, address: Dashboard = None) -> None:
    """Watch a sweep on a cluster until it ends; Ctrl-C leaves it running."""
    from sweeps.jobs import submission
    from sweeps.jobs.watch import watch

    jobs = jobs_at(address)
    raise typer.Exit(watch(jobs, submission.find(jobs, sweep), console()))
