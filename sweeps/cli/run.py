"""`seqsweep run`: train everything a spec asks for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from seqsweep.sweeps.cli.options import Address, Cpus, Json, StoreFolder, console
from seqsweep.sweeps.store_option import DEFAULT_STORE

NAME = "run"
EXAMPLES = """\b
Examples:
  seqsweep run
  seqsweep run examples/strokes.toml --store results
  seqsweep run my.toml --address head:6379 --json > verdict.json"""


def command(
    spec: Annotated[
        Path | None,
        typer.Argument(
            metavar="SPEC",
            help="A TOML file.",
            show_default="sweep.toml of this folder, else the embedded study",
        ),
    ] = None,
    store: StoreFolder = DEFAULT_STORE,
    address: Address = None,
    cpus: Cpus = None,
    json: Json = False,
) -> None:
    """Train every architecture and say which is best."""
    from seqsweep.sweeps.spec.here import spec_here

    checked, spec = spec_here(spec)
    from seqsweep.sweeps.cli.running import run_sweep

    raise typer.Exit(
        run_sweep(
            checked,
            store=store,
            address=address,
            cpus=cpus,
            console=console(),
            json_output=json,
            source=str(spec) if spec else None,
        )
    )
