"""`seqsweep submit`: train a spec on a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seqsweep.sweeps.cli.options import CLUSTER_STORE, Dashboard, Json, console, jobs_at

NAME = "submit"
EXAMPLES = """\b
Examples:
  seqsweep submit my.toml --address http://127.0.0.1:8265
  seqsweep submit my.toml --store s3://bucket/sweeps
  seqsweep submit my.toml --json | jq -r .sweep"""


def command(
    spec: Annotated[
        Path | None,
        typer.Argument(
            metavar="SPEC",
            help="A TOML file.",
            show_default="sweep.toml of this folder, else the embedded study",
        ),
    ] = None,
    address: Dashboard = None,
    store: Annotated[
        str,
        typer.Option(
            "--store",
            metavar="URI",
            help="Where the cluster keeps the sweep: s3://, gs://, or a path on its machines.",
        ),
    ] = CLUSTER_STORE,
    json: Json = False,
) -> None:
    """Train a spec on a Ray cluster; this returns at once.

    The spec, the data it names and seqsweep itself are shipped; data at s3:// or gs:// are read by the cluster. It goes on when
    this machine is gone.
    """
    from seqsweep.results.views.terminal import Terminal
    from seqsweep.sweeps.cli.printing import write_json
    from seqsweep.sweeps.remote import submission
    from seqsweep.sweeps.remote import view as submission_view
    from seqsweep.sweeps.spec.here import spec_here

    checked, spec = spec_here(spec)
    submission.check_store(store)
    jobs = jobs_at(address)
    notes = Terminal(stderr=True)
    made = submission.submit(
        checked,
        jobs,
        store=store,
        tell=lambda line: notes.print(line, markup=False, highlight=False, soft_wrap=True),
    )
    if json:
        write_json(submission_view.table(made), console())
    else:
        submission_view.render_submitted(made, console(), jobs.address)
