"""`seqsweep sql`: SQL over the store."""

from __future__ import annotations

from io import StringIO
from typing import Annotated

import typer

from seqsweep.sweeps.cli.options import Json, StoreFolder, SweepName, console, find_sweep, print_bytes
from seqsweep.sweeps.store_option import DEFAULT_STORE

NAME = "sql"
EXAMPLES = """\b
Examples:
  seqsweep sql "select cell, layers, avg(test_accuracy) from lanes group by all order by all"
  seqsweep sql "describe epochs"
  seqsweep sql --all "select sweep, count(*) as lanes from lanes group by sweep" --json
  seqsweep sql "select * from predictions where true != predicted" --csv > wrong.csv"""


def command(
    query: Annotated[str, typer.Argument(metavar="QUERY", help="One SELECT.")],
    sweep: SweepName = None,
    every: Annotated[bool, typer.Option("--all", help="All sweeps of the store.")] = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV instead.")] = False,
    store: StoreFolder = DEFAULT_STORE,
    json: Json = False,
) -> None:
    """Ask the store in SQL, by DuckDB.

    Tables: lanes, epochs, confusions and predictions, as docs/store.md has them. A query reads these and nothing else, and
    writes nothing. Needs the extra `sql`. Sweeps that --all cannot read are named at the end; then the exit code is 2.
    """
    if every and sweep is not None:
        raise typer.BadParameter("--all takes no SWEEP")
    if csv and json:
        raise typer.BadParameter("--csv or --json, not both")
    from seqsweep.results.errors import Damaged
    from seqsweep.results.query import sql
    from seqsweep.results.store import Store
    from seqsweep.results.views import answer
    from seqsweep.sweeps.cli.printing import write_json
    from seqsweep.sweeps.running.signals import plain_interrupt

    sweeps, complaints = Store(store).survey() if every else ([find_sweep(store, sweep)], [])
    with plain_interrupt():  # DuckDB may not hear Python's before its query is done, which may be never
        found = sql.ask(query, sweeps)
    if json:
        write_json(found, console())
    elif csv:
        text = StringIO(newline="")
        answer.write_csv(found, text)
        print_bytes(text.getvalue().encode())
    else:
        answer.render(found, console())
    if complaints:
        raise Damaged("\n".join(f"not among the rows: {each}" for each in complaints))
