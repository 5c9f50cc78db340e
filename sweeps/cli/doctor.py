"""`seqsweep doctor`: whether a sweep can run on this machine, or on a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from seqsweep.sweeps.cli.options import CLUSTER_STORE, Json, console, jobs_at
from seqsweep.sweeps.store_option import DEFAULT_STORE

if TYPE_CHECKING:
    from seqsweep.sweeps.doctor.job import ClusterDiagnosis

NAME = "doctor"
EXAMPLES = """\b
Examples:
  seqsweep doctor
  seqsweep doctor --store results --json
  seqsweep doctor --address http://127.0.0.1:8265 --store s3://bucket/sweeps"""


def command(
    context: typer.Context,
    address: Annotated[
        str | None,
        typer.Option(
            "--address",
            metavar="URL",
            help="A cluster's dashboard, http://HEAD:8265: look at every node.",
            show_default="this machine",
        ),
    ] = None,
    store: Annotated[
        str | None,
        typer.Option(
            "--store",
            envvar="SEQSWEEP_STORE",
            metavar="DIR",
            help="The folder or URI that keeps the sweeps.",
            show_default=f"{DEFAULT_STORE}; on a cluster {CLUSTER_STORE}",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Say whether a sweep can run here, or on every node of a cluster, and what to mend.

    The exit code is 1 where a check failed, 0 where all is well or there are only warnings.
    """
    from seqsweep.sweeps.cli.printing import write_json
    from seqsweep.sweeps.doctor import view as doctor_view

    if address is not None:
        source = context.get_parameter_source("store")
        typed = source is not None and source.name == "COMMANDLINE"  # SEQSWEEP_STORE is this machine's
        found = _on_cluster(address, store if store and typed else CLUSTER_STORE)
        if json:
            write_json(doctor_view.table(found), console())
        else:
            doctor_view.render_cluster(found, console())
        status = found.status
    else:
        from seqsweep.sweeps.doctor.here import examine

        diagnosis = examine(store or DEFAULT_STORE)
        status = diagnosis.status
        if json:
            write_json({"status": status, "checks": diagnosis.checks}, console())
        else:
            doctor_view.render(diagnosis, console())
    if status == "failed":
        raise typer.Exit(1)


def _on_cluster(address: str, store: str) -> ClusterDiagnosis:
    from seqsweep.results.views.terminal import Terminal
    from seqsweep.sweeps.doctor.job import examine_cluster
    from seqsweep.sweeps.remote.submission import check_store

    check_store(store)
    jobs = jobs_at(address)
    with Terminal(stderr=True).status("asking the nodes"):  # nothing where that is no terminal
        return examine_cluster(jobs, store)
