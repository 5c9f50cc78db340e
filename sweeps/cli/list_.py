"""`seqsweep list`: the sweeps of a store."""

from __future__ import annotations

from typing import Annotated

import typer

from seqsweep.sweeps.cli.options import Dashboard, Json, StoreFolder, console, jobs_at
from seqsweep.sweeps.store_option import DEFAULT_STORE

NAME = "list"
EXAMPLES = """\b
Examples:
  seqsweep list
  seqsweep list --store results --json
  seqsweep list --cluster"""


def command(
    store: StoreFolder = DEFAULT_STORE,
    cluster: Annotated[
        bool, typer.Option("--cluster", help="Those that the cluster knows of; --address says so too.")
    ] = False,
    address: Dashboard = None,
    json: Json = False,
) -> None:
    """List the sweeps of the store, or of a cluster, the newest first.

    Those that cannot be read are named at the end; then the exit code is 2.
    """
    if cluster or address:
        _of_cluster(address, json)
        return
    from seqsweep.results.analysis.summary import summary
    from seqsweep.results.errors import Damaged
    from seqsweep.results.store import Store
    from seqsweep.results.views.sweeps import render
    from seqsweep.sweeps.cli.printing import write_json

    sweeps, complaints = Store(store).survey()
    summaries = [summary(sweep) for sweep in sweeps]
    if json:
        write_json(summaries, console())
    elif summaries or not complaints:
        render(summaries, console())
    if complaints:
        raise Damaged("\n".join(map(str, complaints)))


def _of_cluster(address: str | None, json: bool) -> None:
    from seqsweep.sweeps.cli.printing import write_json
    from seqsweep.sweeps.remote import submission
    from seqsweep.sweeps.remote import view as submission_view

    sweeps = submission.submitted(jobs_at(address))
    if json:
        write_json([submission_view.table(each) for each in sweeps], console())
    else:
        submission_view.render_list(sweeps, console())
