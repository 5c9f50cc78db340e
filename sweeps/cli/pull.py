"""`seqsweep pull`: bring a sweep from a cluster to this machine."""

from __future__ import annotations

import typer

from seqsweep.sweeps.cli.options import Dashboard, Json, StoreFolder, SweepName, console, jobs_at
from seqsweep.sweeps.store_option import DEFAULT_STORE

NAME = "pull"
EXAMPLES = """\b
Examples:
  seqsweep pull
  seqsweep pull strokes-a0f --address http://127.0.0.1:8265
  seqsweep pull strokes-a0f --store results && seqsweep show strokes-a0f --store results"""


def command(
    sweep: SweepName = None, store: StoreFolder = DEFAULT_STORE, address: Dashboard = None, json: Json = False
) -> None:
    """Bring the results of a sweep on a cluster to this machine.

    Only what is new is copied, also while the sweep is running. What was broken off goes on with the next pull.
    """
    from seqsweep.results.views.terminal import Terminal
    from seqsweep.sweeps.cli.printing import write_json
    from seqsweep.sweeps.remote import submission
    from seqsweep.sweeps.remote.pull import pull
    from seqsweep.sweeps.running.signals import Interrupted

    jobs = jobs_at(address)
    found = submission.find(jobs, sweep)
    notes = Terminal(stderr=True)
    try:
        done = pull.pull(jobs, found, store, notes if json else console())
    except Interrupted as stop:
        pull.render_left(stop, found.sweep, notes)
        raise typer.Exit(stop.exit_code) from None
    if json:
        write_json(pull.table(done), console())
    else:
        pull.render(done, console())
