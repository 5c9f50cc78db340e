"""`seqsweep resume`: go on with a sweep that was interrupted."""

from __future__ import annotations

from typing import Annotated

import typer

from seqsweep.sweeps.cli.options import Address, Cpus, Json, StoreFolder, SweepName, console, jobs_at
from seqsweep.sweeps.store_option import DEFAULT_STORE

NAME = "resume"
EXAMPLES = """\b
Examples:
  seqsweep resume
  seqsweep resume reference-7f3 --store results
  seqsweep resume reference-7f3 --data /old/letters=/new/letters
  seqsweep resume reference-7f3 --address http://127.0.0.1:8265"""


def command(
    sweep: SweepName = None,
    store: StoreFolder = DEFAULT_STORE,
    address: Address = None,
    cpus: Cpus = None,
    json: Json = False,
    data: Annotated[
        list[str] | None,
        typer.Option(
            "--data",
            metavar="OLD=NEW",
            help="Where its data lie now; OLD is the path that it began with, or the beginning of it.",
            show_default="as it began, or at the same place as seen from the store",
        ),
    ] = None,
) -> None:
    """Go on with an interrupted sweep; what is finished stays.

    With the URL of a cluster's dashboard as --address the cluster goes on, and this returns at once.
    """
    from seqsweep.cluster.address import is_dashboard

    if is_dashboard(address):
        if data:
            raise typer.BadParameter("a sweep that was submitted has its data in its store: leave --data out")
        _on_cluster(sweep, None if store == DEFAULT_STORE else store, address, cpus, json)
        return
    from seqsweep.sweeps.cli.running import resume_sweep
    from seqsweep.sweeps.spec.paths import read_changes

    raise typer.Exit(
        resume_sweep(
            store,
            sweep,
            address=address,
            cpus=cpus,
            console=console(),
            json_output=json,
            data_moved=read_changes(data or []),
        )
    )


def _on_cluster(
    sweep: str | None, store: str | None, address: str | None, cpus: int | None, json: bool
) -> None:
    from seqsweep.cluster.local import check_address
    from seqsweep.sweeps.cli.printing import write_json
    from seqsweep.sweeps.remote import submission
    from seqsweep.sweeps.remote import view as submission_view

    if cpus is not None:
        check_address("auto", cpus)  # says why not
    jobs = jobs_at(address)
    made = submission.resume(jobs, sweep, store=store)
    if json:
        write_json(submission_view.table(made), console())
    else:
        submission_view.render_submitted(made, console(), jobs.address)
