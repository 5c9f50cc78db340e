"""`seqsweep doctor`: whether a sweep can run on this machine."""

from __future__ import annotations

import typer

from sweeps.cli.options import DEFAULT_STORE, Json, StoreFolder, console

NAME = "doctor"
EXAMPLES = """\b
Examples:
  seqsweep doctor
  seqsweep doctor --store results --json"""


def command(store: StoreFolder = DEFAULT_STORE, json: Json = False) -> None:
    """Say whether a sweep can run here, and what to mend.

    The exit code is 1 where a check failed, 0 where all is well or there are only warnings.
    """
    from sweeps.doctor import examine
    from sweeps.doctor_view import render
    from sweeps.report import write_json

    diagnosis = examine(store)
    if json:
        write_json({"status": diagnosis.status, "checks": diagnosis.checks}, console())
    else:
        render(diagnosis, console())
    if diagnosis.status == "failed":
        raise typer.Exit(1)
