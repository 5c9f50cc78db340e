"""The doctor's findings in a terminal: a row a check, and below those that are not well what mends them."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from results.views import layout
from sweeps.doctor_checks import Check, Diagnosis

STYLES = {"ok": "green", "warning": "yellow", "failed": "bold red"}


def render(data: Diagnosis, console: Console) -> None:
    """Print every check, then how many are not well."""
    grid = layout.table([("status", "<"), ("check", "<"), ("finding", "wrap")])
    for check in data.checks:
        grid.add_row(Text(check.status, style=STYLES[check.status]), Text(check.name), _finding(check))
    console.print(grid, highlight=False)
    counts = {
        status: sum(check.status == status for check in data.checks) for status in ("failed", "warning")
    }
    parts = [
        (f"{count} {status}{'s' if status == 'warning' and count > 1 else ''}", STYLES[status])
        for status, count in counts.items()
        if count
    ]
    layout.facts(console, *(parts or [("all is well", STYLES["ok"])]))


def _finding(check: Check) -> Text:
    if check.remedy is None:
        return Text(check.finding)
    return Text.assemble(check.finding, "\n", ("remedy: ", "bold"), check.remedy)
