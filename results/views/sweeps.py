"""The sweeps of a store, newest first."""

from collections.abc import Sequence

from rich.console import Console

from seqsweep.results.analysis.summary import Summary
from seqsweep.results.views import formats, layout
from seqsweep.results.views.terminal import Text

WIDE = 110  # from here on, the data sets are a column of their own
COLUMNS = (("sweep", "<"), ("started (UTC)", "<"), ("status", "<"), ("trials", ">"), ("time", ">"))
STYLES = {"finished": "green", "failed": "red", "interrupted": "yellow", "running": "cyan"}


def render(data: Sequence[Summary], console: Console) -> None:
    """One row per sweep: id, when it was started (UTC), status, trials, wall time and data sets."""
    if not data:
        layout.line(console, "no sweeps yet; `seqsweep run` makes one")
        return
    rows = [_row(sweep) for sweep in data]
    if console.width < WIDE:
        layout.print_two_line_rows(console, COLUMNS, rows, spare=("time", "started (UTC)"))
        return
    grid = layout.table([*COLUMNS, ("data sets", "wrap")])
    for cells, names in rows:
        grid.add_row(*cells, names)
    console.print(grid, highlight=False)


def _row(sweep: Summary) -> tuple[list[Text], Text]:
    names = ", ".join(formats.dataset(entry.name, entry.synthetic) for entry in sweep.datasets)
    cells = [
        Text(sweep.id, style="bold"),
        Text(formats.moment(sweep.created)),
        Text(sweep.status, style=STYLES.get(sweep.status, "")),
        Text(f"{sweep.finished}/{sweep.trials}" if sweep.missing else str(sweep.finished)),
        Text(formats.duration(sweep.seconds)),
    ]
    return cells, Text(names, style="dim")
