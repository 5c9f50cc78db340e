"""The confusion matrix of one architecture: shades and percent (or counts), rows are the true classes."""

from typing import NamedTuple

from rich.console import Console

from seqsweep.results.analysis.confusion import Average, Confusion, Pair
from seqsweep.results.statistics.calibration import Calibration
from seqsweep.results.views import formats, layout
from seqsweep.results.views.terminal import Text, text_width

MOST_CLASSES = 15
MOST_PAIRS = 15  # where they stand for the matrix
FEW_PAIRS = 3  # below it


def render(data: Confusion, console: Console, *, counts: bool = False, brief: bool = False) -> None:
    """Print the matrix where it fits (up to 15 classes), otherwise the top confusions; below it the other figures.

    `counts`: sequences instead of percent of the true class. `brief`: one line below the matrix.
    """
    _heading(data, console)
    style = _fit(data, console.width, counts=counts)
    if len(data.classes) > MOST_CLASSES:
        why = f"{len(data.classes)} classes: the most frequent confusions instead of the matrix"
    elif _width(data, style) > console.width:
        why = f"the matrix takes {_width(data, style)} columns: the most frequent confusions instead"
    else:
        why = ""
        _matrix(data, console, style)
    if why:
        layout.line(console, (why, "dim"))
        _pairs(data, console, MOST_PAIRS)
        _worst(data, console)
    elif brief and data.confused:
        pair = data.confused[0]
        layout.line(
            console, f"most confused  {pair.true} -> {pair.predicted}  {formats.proportion(pair.share)} %"
        )
    else:
        console.print()
        _pairs(data, console, FEW_PAIRS)
    if brief and data.uneven:
        layout.line(console, _by_class(data))
    if not brief:
        _figures(data, console)


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
    """What a cell shows: how many shade characters, and sequences or percent of the true class, perhaps with an interval.

    A sparse matrix has whole percents and no F1.
    """

    shades: int
    counts: bool
    interval: bool = False
    sparse: bool = False

    def number_width(self, data: Confusion) -> int:
        if self.counts:
            return max(len(str(count)) for row in data.counts for count in row)
        return len("100" if self.sparse else "100.0") + (len(" 96-100") if self.interval else 0)

    def cell_width(self, data: Confusion) -> int:
        return self.shades + 1 + self.number_width(data)


def _fit(data: Confusion, width: int, *, counts: bool) -> _Style:
    """The richest style that fits, else the sparest."""
    styles = [_Style(2, counts), _Style(1, counts), _Style(1, counts, sparse=True)]
    if not counts:
        styles.insert(0, _Style(2, counts, interval=True))
    return next((style for style in styles if _width(data, style) <= width), styles[-1])


def _width(data: Confusion, style: _Style) -> int:
    """Columns that the matrix takes."""
    body = sum(max(style.cell_width(data), text_width(name)) + 1 for name in data.classes)
    label = max(map(text_width, (*data.classes, "precision")))
    figures = len("recall ") + (0 if style.sparse else len("100.0 "))
    return label + 1 + body + figures + len(str(data.n))


def _matrix(data: Confusion, console: Console, style: _Style) -> None:
    cells = "sequences" if style.counts else "% of the true class"
    cells += ", 95 % interval" if style.interval else ""
    layout.line(console, (f"rows: true class · columns: predicted · {cells}", "dim"))
    f1 = [] if style.sparse else ["F1"]
    columns = [*data.classes, "recall", *f1, "n"]
    grid = layout.table([("true", "<"), *((name, ">") for name in columns)])
    grid.padding = (0, 1, 0, 0)
    for row, name in enumerate(data.classes):
        texts = [_cell(data, row, column, style) for column in range(len(data.classes))]
        figures = [formats.percent(each[row]) for each in ([data.recall, data.f1] if f1 else [data.recall])]
        grid.add_row(Text(name), *texts, *figures, str(sum(data.counts[row])))
    precision = [formats.percent(value, 0 if style.sparse else 1) for value in data.precision]
    grid.add_row(Text("precision", style="dim"), *precision, "", *([""] if f1 else []), str(data.n))
    console.print(grid, highlight=False)


def _cell(data: Confusion, row: int, column: int, style: _Style) -> Text:
    count, share = data.counts[row][column], data.shares[row][column]
    if count == 0 or share is None:
        return Text("·", style="dim")
    if style.counts:
        number = str(count)
    else:
        number = f"{formats.percent(share.share, 0 if style.sparse else 1):>{3 if style.sparse else 5}}"
    if style.interval:
        number += f"{f'{100 * share.low:.0f}-{100 * share.high:.0f}':>{len(' 96-100')}}"
    text = f"{formats.shade(share.share) * style.shades} {number:>{style.number_width(data)}}"
    return Text(text, style="green" if row == column else _alarm(share.share))


def _alarm(share: float) -> str:
    return "red" if share >= 0.1 else "yellow"


def _pairs(data: Confusion, console: Console, most: int) -> None:
    if not data.confused:
        layout.line(console, "nothing was confused")
        return
    columns = (("true", "<"), ("predicted", "<"), ("", "<"), ("% of true", "<"), ("count", ">"))
    rows = [(_pair(pair), _examples(pair, data.seeds)) for pair in data.confused[:most]]
    longest = max(text_width(each) for _, examples in rows for each in examples.plain.split(", "))
    if layout.fits(console, (*columns, ("x" * longest, "")), [(*cells, Text()) for cells, _ in rows]):
        grid = layout.table([*columns, ("such as (seeds)" if data.seeds > 1 else "such as", "wrap")])
        for cells, examples in rows:
            grid.add_row(*cells, examples)
        console.print(grid, highlight=False)
    else:
        layout.print_two_line_rows(console, columns, rows, spare=("", "count"))
    left = len(data.confused) - most
    if left > 0:
        layout.line(console, (f"and {formats.plural(left, 'rarer pair')}", "dim"))


def _pair(pair: Pair) -> list[Text]:
    shade = Text(formats.shade(pair.share.share) * 2, style=_alarm(pair.share.share))
    names = Text(pair.true), Text(pair.predicted)
    return [*names, shade, Text(formats.proportion(pair.share)), Text(str(pair.count))]


def _examples(pair: Pair, seeds: int) -> Text:
    """ "s39-1 (3), s30-0 (1)": how many seeds mistook it, where there are several."""
    first = pair.examples[:FEW_PAIRS]
    return Text(
        ", ".join(each.sequence + (f" ({each.seeds})" if seeds > 1 else "") for each in first), style="dim"
    )


def _worst(data: Confusion, console: Console) -> None:
    for what, values in (("recall", data.recall), ("precision", data.precision)):
        known = sorted(
            (value, name) for value, name in zip(values, data.classes, strict=True) if value is not None
        )
        if known:
            lowest = ", ".join(f"{name} {formats.percent(value)}" for value, name in known[:3])
            layout.line(console, f"{'lowest ' + what:<16}  {lowest}")


def _figures(data: Confusion, console: Console) -> None:
    macro, weighted = _average(data.macro), _average(data.weighted)
    for name, text in (
        (("average", macro),) if macro == weighted else (("macro", macro), ("weighted", weighted))
    ):
        _line(console, name, text)
    _line(console, "by class", _by_class(data))
    if data.calibration:
        _calibration(data.calibration, console)


def _by_class(data: Confusion) -> str:
    """Tell what does not depend on how many sequences a class has, over seeds as the accuracy is."""
    f1, balanced = data.by_class.macro_f1, data.by_class.balanced_accuracy
    return f"macro F1 {formats.interval(f1)} %, balanced accuracy {formats.interval(balanced)} %"


def _average(data: Average) -> str:
    parts = (("precision", data.precision), ("recall", data.recall), ("F1", data.f1))
    return ", ".join(f"{what} {formats.percent(value)}" for what, value in parts)


def _calibration(data: Calibration, console: Console) -> None:
    figures = [f"ECE {formats.interval(data.expected_error)} %"]
    figures += [f"Brier {formats.number(data.brier)}", f"log loss {formats.number(data.log_loss)}"]
    _line(console, "calibration", ", ".join(figures))
    if data.top:
        top = (f"top {k} {formats.interval(accuracy)} %" for k, accuracy in data.top.items())
        _line(console, "top k", ", ".join(top))


def _line(console: Console, name: str, text: str) -> None:
    layout.line(console, (f"{name:<13}", "dim"), text)
