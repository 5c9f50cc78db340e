"""How the confusion matrices of two architectures differ, and how sure that is."""

from rich.console import Console

from seqsweep.results.analysis.confusion_contrast import CellContrast, Contrast, Paired
from seqsweep.results.views import formats, layout
from seqsweep.results.views.confusion import MOST_CLASSES
from seqsweep.results.views.terminal import Text, text_width

MOST_CELLS = 10
CELL = len("░░ +100.0*")


def render(data: Contrast, console: Console) -> None:
    """Print the difference of the accuracies, the matrix of differences where it fits, and the surest cells."""
    first, second = data.first, data.second
    layout.facts(
        console,
        (f"{first.architecture} minus {second.architecture}", "bold"),
        formats.dataset(first.dataset, first.synthetic),
        first.split,
        f"{formats.plural(data.seeds, 'common seed')}, {formats.plural(data.sequences, 'sequence')}",
    )
    layout.facts(
        console,
        f"accuracy {formats.percent(first.accuracy.mean)} and {formats.percent(second.accuracy.mean)} %",
        f"difference {formats.difference(data.accuracy.difference)} points",
        f"p {formats.p_value(data.accuracy.p)}{_of(data.accuracy)}",
    )
    layout.facts(
        console,
        f"right where the other was wrong: {data.only_first} and {data.only_second} answers",
    )
    if not data.cells:
        layout.line(console, "no answer differs")
        return
    if len(first.classes) <= MOST_CLASSES and _width(data) <= console.width:
        _matrix(data, console)
        console.print()
    _cells(data, console)


def _of(paired: Paired) -> str:
    """Say where the p comes from."""
    parts = (("seeds", paired.p_seeds), ("sequences", paired.p_sequences))
    known = ", ".join(f"over {what} {formats.p_value(p)}" for what, p in parts if p is not None)
    return f" ({known})"


def _width(data: Contrast) -> int:
    label = max(map(text_width, (*data.first.classes, "true")))
    return label + sum(1 + max(CELL, text_width(name)) for name in data.first.classes)


def _matrix(data: Contrast, console: Console) -> None:
    layout.line(
        console,
        ("rows: true class · columns: predicted · points · * Holm p < 0.05", "dim"),
    )
    cells = {(cell.true, cell.predicted): cell for cell in data.cells}
    classes = data.first.classes
    grid = layout.table([("true", "<"), *((name, ">") for name in classes)])
    grid.padding = (0, 1, 0, 0)
    for true in classes:
        grid.add_row(Text(true), *(_cell(cells.get((true, predicted))) for predicted in classes))
    console.print(grid, highlight=False)


def _cell(cell: CellContrast | None) -> Text:
    if cell is None:
        return Text("·  ", style="dim")
    mark = "*" if cell.significant else " "
    mean = cell.share.difference.mean
    text = f"{formats.shade(abs(mean or 0.0)) * 2} {formats.points(mean):>6}{mark}"
    return Text(text, style=_style(cell))


def _style(cell: CellContrast) -> str:
    """Green where the first is the better one, bold where that is significant."""
    if cell.better is None:
        return ""
    colour = "green" if cell.better else "red"
    return f"bold {colour}" if cell.significant else colour


def _cells(data: Contrast, console: Console) -> None:
    columns = [("true", "<"), ("predicted", "<"), ("points", ">"), ("over seeds", ">"), ("sequences", ">")]
    rows = []
    for cell in data.cells[:MOST_CELLS]:
        rows.append(
            [
                Text(cell.true),
                Text(cell.predicted),
                Text(formats.difference(cell.share.difference), style=_style(cell)),
                Text(f"p {formats.p_value(cell.share.p_seeds)}"),
                Text(f"p {formats.p_value(cell.share.p_sequences)}"),
                Text(formats.p_value(cell.p_holm) + ("*" if cell.significant else " ")),
            ]
        )
    layout.print_table(console, [*columns, ("Holm p", ">")], rows, spare=("sequences", "over seeds"))
    left = len(data.cells) - MOST_CELLS
    if left > 0:
        layout.line(console, (f"and {formats.plural(left, 'cell')} less sure", "dim"))
