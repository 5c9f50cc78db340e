"""Tables without lines, and text that is never read as markup."""

from collections.abc import Iterable, Sequence

from rich.console import Console, JustifyMethod
from rich.table import Table

from seqsweep.results.views.terminal import Text

INDENT = 6  # of a remark under its row


def table(columns: Iterable[tuple[str, str]]) -> Table:
    """A table with dim headings and no rules. `columns`: (heading, "<", ">" or "wrap", which is "<" and may wrap).

    Where the terminal is too narrow for a cell, a … says so: half a number is another number.
    """
    grid = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim", show_edge=False)
    for heading, side in columns:
        justify: JustifyMethod = "right" if side == ">" else "left"
        wraps = side == "wrap"
        grid.add_column(
            Text(heading), justify=justify, no_wrap=not wraps, overflow="fold" if wraps else "ellipsis"
        )
    return grid


def print_table(
    console: Console,
    columns: Sequence[tuple[str, str]],
    rows: Sequence[Sequence[Text]],
    spare: Sequence[str] = (),
) -> None:
    """Print a `table`, where the terminal is too narrow without the columns in `spare`, in the order of their headings there."""
    kept = _kept(columns, _widths(columns, rows), 2, console.width, spare)
    grid = table(columns[place] for place in kept)
    for cells in rows:
        grid.add_row(*(cells[place] for place in kept))
    console.print(grid, highlight=False)


def fits(console: Console, columns: Sequence[tuple[str, str]], rows: Sequence[Sequence[Text]]) -> bool:
    """Tell whether a `table` of these columns would not be wider than the terminal."""
    return sum(_widths(columns, rows)) + 2 * (len(columns) - 1) <= console.width


def print_two_line_rows(
    console: Console,
    columns: Sequence[tuple[str, str]],
    rows: Sequence[tuple[Sequence[Text], Text]],
    spare: Sequence[str] = (),
) -> None:
    """Print rows of (cells, remark): the cells under their headings, the remark below over the whole width.

    Two spaces part the columns, or one where two would not fit. Where that is not enough, columns are left out in the order
    of their headings in `spare`.
    """
    headings = [Text(heading, style="dim") for heading, _ in columns]
    widths = _widths(columns, [cells for cells, _ in rows])
    kept = _kept(columns, widths, 1, console.width, spare)
    needed = sum(widths[place] for place in kept)
    gap = Text("  " if needed + 2 * (len(kept) - 1) <= console.width else " ")
    for cells, remark in [(headings, Text()), *rows]:
        padded = []
        for place in kept:
            space = Text(" " * (widths[place] - cells[place].cell_len))
            padded.append(space + cells[place] if columns[place][1] == ">" else cells[place] + space)
        text = gap.join(padded)
        text.rstrip()
        console.print(text, highlight=False)
        _wrapped(console, remark, INDENT)


def _widths(columns: Sequence[tuple[str, str]], rows: Sequence[Sequence[Text]]) -> list[int]:
    """Measure the widest cell of each column, its heading too."""
    lines = [[Text(heading) for heading, _ in columns], *rows]
    return [max(text.cell_len for text in column) for column in zip(*lines, strict=True)]


def _kept(
    columns: Sequence[tuple[str, str]], widths: Sequence[int], gap: int, room: int, spare: Sequence[str]
) -> list[int]:
    """Places of the columns that fit into `room`, `gap` apart."""
    kept = list(range(len(columns)))
    for heading in spare:
        if sum(widths[place] + gap for place in kept) - gap <= room:
            break
        kept = [place for place in kept if columns[place][0] != heading]
    return kept


def remarks(console: Console, heading: str, texts: Sequence[str], style: str) -> None:
    """Print sentences under one another, the heading before the first, long ones wrapped behind it."""
    for number, text in enumerate(texts):
        start = Text("" if number else heading, style=style)
        _wrapped(console, Text(text), len(heading) + 2, start)


def _wrapped(console: Console, text: Text, indent: int, start: Text | None = None) -> None:
    """`text` behind an indentation, which holds `start` in its first line."""
    for piece in text.wrap(console, console.width - indent) if text else ():
        piece.rstrip()
        before = start or Text()
        console.print(before + Text(" " * (indent - before.cell_len)) + piece, highlight=False)
        start = None


def facts(console: Console, *parts: str | tuple[str, str]) -> None:
    """Print parts, plain or (text, style), joined by " · "; a line that would be too long breaks between them."""
    text = Text()
    for part in map(Text.assemble, parts):
        if text and text.cell_len + 3 + part.cell_len > console.width:
            console.print(text, highlight=False)
            text = Text()
        text = Text.assemble(text, " · " if text else "", part)
    console.print(text, highlight=False)


def line(console: Console, *parts: str | tuple[str, str]) -> None:
    """Print one paragraph of plain or (text, style) parts, wrapped to the width."""
    console.print(Text.assemble(*parts), highlight=False)


def plain(console: Console, text: str) -> None:
    """Print one line that is never wrapped, so that programs can read it."""
    console.print(Text(text), soft_wrap=True)
