"""Lines drawn with braille characters: two dots across and four down in each cell."""

from seqsweep.results.views.terminal import Text

# Bit of the dot in column x (0, 1) and row y (0..3) of a braille cell, Unicode block 2800.
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))


class Canvas:
    """`columns` x `rows` characters. Dots are addressed from the top left: x < 2 · columns, y < 4 · rows."""

    def __init__(self, columns: int, rows: int) -> None:
        self.columns, self.rows = columns, rows
        self._bits = [[0] * columns for _ in range(rows)]
        self._styles = [[""] * columns for _ in range(rows)]

    def dot(self, x: int, y: int, style: str) -> None:
        """Set one dot; its cell takes the style."""
        if 0 <= x < 2 * self.columns and 0 <= y < 4 * self.rows:
            self._bits[y // 4][x // 2] |= _DOTS[y % 4][x % 2]
            self._styles[y // 4][x // 2] = style

    def line(self, start: tuple[int, int], end: tuple[int, int], style: str, *, gap: int = 1) -> None:
        """Straight line of dots; with `gap` > 1 dotted: one of `gap` along the axis that it runs along more."""
        (x0, y0), (x1, y1) = start, end
        steps = max(abs(x1 - x0), abs(y1 - y0), 1)
        for step in range(steps + 1):
            x = round(x0 + (x1 - x0) * step / steps)
            y = round(y0 + (y1 - y0) * step / steps)
            if (x if abs(x1 - x0) >= abs(y1 - y0) else y) % gap == 0:
                self.dot(x, y, style)

    def row(self, number: int) -> Text:
        """One line of characters."""
        text = Text()
        for bits, style in zip(self._bits[number], self._styles[number], strict=True):
            text.append(chr(0x2800 + bits) if bits else " ", style)
        return text
