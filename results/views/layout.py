"""Tables without lines, and text that is never read as markup."""

from collections.abc import Iterable, Sequence

from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

INDENT = 6  # of a remark under its row


def table(columns: Iterable[tuple[str, str]]) -> Table:
    """A table with dim headings and no rules. `columns`: (heading, "<", ">" or "wrap", which is "<" and may wrap)."""
    grid = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim", show_edge=False)
    for heading, side in columns:
        justify: JustifyMethod = "right" if side == ">" else "left"
        grid.add_column(Text(heading), justify=justify, no_wrap=side != "wrap", overflow="fold")
    return grid


def print_two_line_rows(
    console: Console, columns: Sequence[tuple[str, str]], rows: Sequence[tuple[Sequence[Text], Text]]
) -> None:
    """Print rows of (cells, remark): the cells under their headings, the remark below over the whole width.

    Two spaces part the columns, or one where two would not fit.
    """
    headings = [Text(heading, style="dim") for heading, _ in columns]
    lines = [headings, *(cells for cells, _ in rows)]
    widths = [max(text.cell_len for text in column) for column in zip(*lines, strict=True)]
    gap = Text("  " if sum(widths) + 2 * (len(widths) - 1) <= console.width else " ")
    for cells, remark in [(headings, Text()), *rows]:
        padded = []
        for text, width, (_, side) in zip(cells, widths, columns, strict=True):
            space = Text(" " * (width - text.cell_len))
            padded.append(space + text if side == ">" else text + space)
        console.print(gap.join(padded), highlight=False)
        for piece in remark.wrap(console, console.width - INDENT) if remark else ():
            piece.rstrip()
            console.print(Text(" " * INDENT) + piece, highlight=False)


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
