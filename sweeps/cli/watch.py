"""`seqsweep watch`: the live view of a sweep on a cluster."""

from __future__ import annotations

import typer

from seqsweep.sweeps.cli.options import Dashboard, Json, SweepName, console, jobs_at

NAME = "watch"
EXAMPLES = """\b
Examples:
  seqsweep watch
  seqsweep watch strokes-a0f
  seqsweep watch --json | jq .trials.finished"""


def command(sweep: SweepName = None, address: Dashboard = None, json: Json = False) -> None:
    """Watch a sweep on a cluster until it ends; Ctrl-C leaves it running.

    With --json a line for every change, as `status --json` has it.
    """
    from seqsweep.sweeps.remote import submission
    from seqsweep.sweeps.remote.watch import watch, watch_json

    jobs = jobs_at(address)
    found = submission.find(jobs, sweep)
    raise typer.Exit((watch_json if json else watch)(jobs, found, console()))
