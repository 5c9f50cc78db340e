"""The confusion matrix of one architecture: shades and counts, rows are the true classes."""

from typing import NamedTuple

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
    style = _fit(data, console.width)
    if _width(data, style) > console.width:
        why = f"the matrix takes {_width(data, style)} columns: the most frequent confusions instead"
        _top(data, console, why)
        return
    _matrix(data, console, style)
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


class _Style(NamedTuple):
    """What a cell shows besides its count: how many shade characters, and the share of the true class."""

    shades: int
    percent: bool

    def cell_width(self, data: Confusion) -> int:
        return self.shades + 1 + _count_width(data) + (6 if self.percent else 0)


_STYLES = (_Style(2, True), _Style(2, False), _Style(1, False))


def _fit(data: Confusion, width: int) -> _Style:
    """The richest style that fits, else the sparest."""
    return next((style for style in _STYLES if _width(data, style) <= width), _STYLES[-1])


def _width(data: Confusion, style: _Style) -> int:
    """Columns that the matrix takes."""
    body = sum(max(style.cell_width(data), cell_len(name)) + 1 for name in data.classes)
    label = max(map(cell_len, (*data.classes, "precision")))
    return label + 1 + body + len("recall ") + len(str(data.n))


def _count_width(data: Confusion) -> int:
    return max(len(str(count)) for row in data.counts for count in row)


def _matrix(data: Confusion, console: Console, style: _Style) -> None:
    cells = "count and percent of the true class" if style.percent else "count"
    layout.line(console, (f"rows: true class · columns: predicted · {cells}", "dim"))
    grid = layout.table([("true", "<"), *((name, ">") for name in data.classes), ("recall", ">"), ("n", ">")])
    grid.padding = (0, 1, 0, 0)
    for place, (name, row) in enumerate(zip(data.classes, data.counts, strict=True)):
        n = sum(row)
        texts = [_cell(data, count, n, place == column, style) for column, count in enumerate(row)]
        grid.add_row(Text(name), *texts, formats.percent(data.recall[place]), str(n))
    precision = [formats.percent(value) for value in data.precision]
    grid.add_row(Text("precision", style="dim"), *precision, "", str(data.n))
    console.print(grid, highlight=False)


def _cell(data: Confusion, count: int, of: int, correct: bool, style: _Style) -> Text:
    if count == 0:
        return Text("·", style="dim")
    share = count / of
    text = f"{formats.shade(share) * style.shades} {count:>{_count_width(data)}}"
    if style.percent:
        text += f" {formats.percent(share):>5}"
    return Text(text, style="green" if correct else "red" if share >= 0.1 else "yellow")


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
