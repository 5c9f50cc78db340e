"""`seqsweep resume`: go on with a sweep that was interrupted."""

from __future__ import annotations

import typer

from sweeps.cli.options import DEFAULT_STORE, Address, Cpus, Json, StoreFolder, SweepName, console

NAME = "resume"
EXAMPLES = """\b
Examples:
  seqsweep resume
  seqsweep resume reference-7f3 --store results"""


def command(
    sweep: SweepName = None,
    store: StoreFolder = DEFAULT_STORE,
    address: Address = None,
    cpus: Cpus = None,
    json: Json = False,
) -> None:
    """Go on with an interrupted sweep; what is finished stays."""
    from sweeps.run import resume_sweep

    raise typer.Exit(
        resume_sweep(
            store,
            sweep,
            address=address,
            cpus=cpus,
            console=console(),
            json_output=json,
        )
    )
