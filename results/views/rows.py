"""Rows of a table: what is the same in all of them once, the rest as columns, as many as the terminal has room for."""

import math
from collections.abc import Sequence
from typing import Any

from rich.console import Console

from seqsweep.results.analysis.lane_rows import Rows
from seqsweep.results.schema import HYPERPARAMETERS
from seqsweep.results.views import formats, layout
from seqsweep.results.views.terminal import Text, text_width

GAP = 2


def render(data: Rows, console: Console) -> None:
    """Print the rows, above them what all have in common, below how many more there are."""
    named = f"{data.matching} of {formats.plural(data.total, 'model')}" if data.matching < data.total else ""
    layout.facts(console, (data.sweep, "bold"), named or formats.plural(data.total, "model"))
    if not data.rows:
        return
    texts = [
        [_shown(name, value, data.synthetic) for name, value in zip(data.columns, row, strict=True)]
        for row in data.rows
    ]
    same = {
        name: column[0]
        for name, column in zip(data.columns, zip(*texts, strict=True), strict=True)
        if len(texts) > 1 and len(set(column)) == 1
    }
    if same:
        layout.facts(console, *((f"{_heading(name)} {value}", "dim") for name, value in same.items()))
    if len(same) == len(data.columns):
        layout.line(console, "all rows are alike in these columns")
        return
    places = [place for place, name in enumerate(data.columns) if name not in same]
    table(
        [_heading(data.columns[place]) for place in places],
        [[row[place] for place in places] for row in texts],
        [isinstance(_first(data.rows, place), int | float) for place in places],
        console,
    )
    left = data.matching - len(data.rows)
    if left > 0:
        layout.line(
            console, (f"and {formats.plural(left, 'model')} more: --limit {data.matching} shows all", "dim")
        )


def table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool], console: Console
) -> None:
    """Print a table; the last columns are left out, and named, where the terminal is too narrow for them."""
    widths = [max(map(text_width, column)) for column in zip(headings, *rows, strict=True)]
    fit = next(
        (
            count
            for count in range(len(widths), 1, -1)
            if sum(widths[:count]) + GAP * (count - 1) <= console.width
        ),
        1,
    )
    grid = layout.table(
        (heading, ">" if to_right else "<") for heading, to_right in zip(headings[:fit], right, strict=False)
    )
    for row in rows:
        grid.add_row(*(Text(text) for text in row[:fit]))
    console.print(grid, highlight=False)
    if fit < len(headings):
        layout.line(console, (f"no room for {', '.join(headings[fit:])}", "dim"))


def _first(rows: Sequence[Sequence[Any]], place: int) -> Any:
    value = next((row[place] for row in rows if row[place] is not None), None)
    return None if isinstance(value, bool) else value


def _heading(name: str) -> str:
    return name.removesuffix("_accuracy") + " %" if name.endswith("_accuracy") else name


def _shown(name: str, value: Any, synthetic: Sequence[str]) -> str:
    if name.endswith("_accuracy"):
        return formats.percent(value if value is None or math.isfinite(value) else None)
    if name == "dataset":
        value = formats.dataset(value, value in synthetic)
    if value is None:
        return "off" if name in HYPERPARAMETERS else "–"
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
