"""`seqsweep list`: the sweeps of a store."""

from __future__ import annotations

from sweeps.cli.options import DEFAULT_STORE, Json, StoreFolder, console

NAME = "list"
EXAMPLES = """\b
Examples:
  seqsweep list
  seqsweep list --store results --json"""


def command(store: StoreFolder = DEFAULT_STORE, json: Json = False) -> None:
    """List the sweeps of the store, the newest first."""
    from results.analysis import summary
    from results.store import Store
    from results.views.sweeps import render
    from sweeps.report import write_json

    summaries = [summary(sweep) for sweep in Store(store).sweeps()]
    if json:
        write_json(summaries, console())
    else:
        render(summaries, console())
