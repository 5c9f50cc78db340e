"""The confusion matrix of one architecture: shades and numbers, rows are the true classes."""

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from results.analysis import Confusion, Pair
from results.views import formats, layout

MOST_CLASSES = 15
MOST_PAIRS = 15


def render(data: Confusion, console: Console) -> None:
    """Print the matrix where it fits (up to 15 classes), otherwise the top confusions."""
    _heading(data, console)
    if len(data.classes) > MOST_CLASSES:
        _top(
            data, console, f"{len(data.classes)} classes: the most frequent confusions instead of the matrix"
        )
        return
    grid_width, double = _fit(data, console.width)
    if grid_width > console.width:
        _top(data, console, f"the matrix takes {grid_width} columns: the most frequent confusions instead")
        return
    _matrix(data, console, double)
    if data.confused:
        pair = data.confused[0]
        layout.line(
            console, f"most confused  {pair.true} -> {pair.predicted}  {formats.interval(pair.share)} %"
        )
    else:
        layout.line(console, "nothing was confused")


def _heading(data: Confusion, console: Console) -> None:
    pooled = f"{data.seeds} seeds pooled" if data.seeds > 1 else "one seed"
    layout.facts(
        console,
        (data.architecture, "bold"),
        formats.dataset(data.dataset, data.synthetic),
        data.split,
        f"{pooled}, n {data.n}",
        f"accuracy {formats.interval(data.accuracy)} %",
    )


def _fit(data: Confusion, width: int) -> tuple[int, bool]:
    """Columns that the matrix takes, and whether cells have room for two shade characters."""
    for double in (True, False):
        cell = 7 if double else 6
        body = sum(max(cell, cell_len(name)) + 1 for name in data.classes)
        label = max(map(cell_len, (*data.classes, "precision")))
        total = label + 1 + body + len("recall ") + len(str(data.n))
        if total <= width:
            break
    return total, double


def _matrix(data: Confusion, console: Console, double: bool) -> None:
    layout.line(console, ("rows: true class · columns: predicted · percent of the true class", "dim"))
    grid = layout.table([("true", "<"), *((name, ">") for name in data.classes), ("recall", ">"), ("n", ">")])
    grid.padding = (0, 1, 0, 0)
    for place, (name, row) in enumerate(zip(data.classes, data.counts, strict=True)):
        n = sum(row)
        cells = [_cell(count, n, place == column, double) for column, count in enumerate(row)]
        grid.add_row(Text(name), *cells, formats.percent(data.recall[place]), str(n))
    precision = [formats.percent(value) for value in data.precision]
    grid.add_row(Text("precision", style="dim"), *precision, "", str(data.n))
    console.print(grid, highlight=False)


def _cell(count: int, of: int, correct: bool, double: bool) -> Text:
    if count == 0:
        return Text("·", style="dim")
    share = count / of
    block = formats.shade(share) * (2 if double else 1)
    return Text(
        f"{block}{formats.percent(share):>5}",
        style="green" if correct else "red" if share >= 0.1 else "yellow",
    )


def _top(data: Confusion, console: Console, why: str) -> None:
    layout.line(console, (why, "dim"))
    if not data.confused:
        layout.line(console, "nothing was confused")
        return
    columns = [("true", "<"), ("predicted", "<"), ("", "<"), ("% of true", ">"), ("count", ">")]
    grid = layout.table(columns)
    for pair in data.confused[:MOST_PAIRS]:
        grid.add_row(Text(pair.true), Text(pair.predicted), *_pair(pair))
    console.print(grid, highlight=False)
    left = len(data.confused) - MOST_PAIRS
    if left > 0:
        layout.line(console, (f"and {formats.plural(left, 'rarer pair')}", "dim"))
    _worst(data, console)


def _pair(pair: Pair) -> tuple[Text, str, str]:
    share = pair.share.mean or 0.0
    style = "red" if share >= 0.1 else "yellow"
    return Text(formats.shade(share) * 2, style=style), formats.interval(pair.share), str(pair.count)


def _worst(data: Confusion, console: Console) -> None:
    known = [
        (value, name) for value, name in zip(data.recall, data.classes, strict=True) if value is not None
    ]
    if not known:
        return
    recall = ", ".join(f"{name} {formats.percent(value)}" for value, name in sorted(known)[:3])
    known = [
        (value, name) for value, name in zip(data.precision, data.classes, strict=True) if value is not None
    ]
    precision = ", ".join(f"{name} {formats.percent(value)}" for value, name in sorted(known)[:3])
    layout.line(console, f"lowest recall     {recall}")
    layout.line(console, f"lowest precision  {precision}")
