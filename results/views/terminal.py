"""The gate between foreign text and a terminal: whatever is printed passes it, and nothing foreign commands the terminal.

`Text` shows names when it is made, so that columns are as wide as what is seen. `Terminal`, the only console of the program,
does the same to plain strings, and looks at every piece before it is written: only rich's own codes pass. What is printed
past a console meets `seqsweep.results.gate`. How things are shown says `seqsweep.results.shown`.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, Any, cast

import rich.text
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from seqsweep.results.shown import shown, shown_lines

LEAST_WIDTH = 20  # columns; what claims fewer is not read anyhow


class Text(rich.text.Text):
    """Rich's, of text that others may have written: one line of what is seen, never read as markup."""

    def __init__(self, text: str = "", *args: Any, **options: Any) -> None:
        super().__init__(shown(text), *args, **options)

    def append(self, text: "rich.text.Text | str", style: Any = None) -> "Text":
        """Add text, with a style where it is a string."""
        super().append(shown(text) if isinstance(text, str) else text, style)
        return self

    @classmethod
    def assemble(cls, *parts: Any, **options: Any) -> "Text":
        """Put strings, texts and (string, style) pairs together."""
        return cast(Text, super().assemble(*parts, **options))

    def join(self, lines: Iterable[rich.text.Text]) -> "Text":
        """Put texts together with this one between them."""
        return Text().append(super().join(lines))


def lines(*texts: rich.text.Text) -> rich.text.Text:
    """Texts below one another, as one: within a `Text` no line breaks."""
    return rich.text.Text("\n").join(texts)


def text_width(text: str) -> int:
    """Columns that `text` takes as it is shown."""
    return cell_len(shown(text))


class Terminal(Console):
    """A console that reads no markup and no emoji codes, wraps nothing by surprise, and shows what would command it.

    It stands on standard output, or on standard error, or on `file`. `NO_COLOR`, `TERM` and pipes are heeded; a width that no
    terminal has (`COLUMNS` of 0, of -3, of ten thousand digits) is 80, and one below 20 is 20.
    """

    def __init__(
        self, *, stderr: bool = False, file: IO[str] | None = None, width: int | None = None, **options: Any
    ) -> None:
        super().__init__(
            stderr=stderr,
            file=file,
            width=width,
            markup=False,
            emoji=False,
            highlight=False,
            _environ=_sized(options.pop("_environ", os.environ)),
            **options,
        )

    @property
    def size(self) -> Any:
        """Columns and rows, as many as can be drawn in."""
        found = super().size
        return found if self._width is not None else found._replace(width=max(found.width, LEAST_WIDTH))

    @size.setter
    def size(self, new: tuple[int, int]) -> None:
        self._width, self._height = new

    def render_str(self, text: str, **options: Any) -> rich.text.Text:
        """A plain string as text, shown."""
        known = {name: options[name] for name in ("style", "justify", "overflow") if options.get(name)}
        return Text(text, **known)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        """The pieces of anything that can be printed; rich's own codes are marked as such, the rest is shown."""
        for piece in super().render(renderable, options):
            if piece.control:
                yield piece
            else:
                yield Segment(shown_lines(piece.text), piece.style)


def _sized(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without a `COLUMNS` or `LINES` that is no number of this world; columns are at least `LEAST_WIDTH`."""
    sized = dict(environment)
    for name in ("COLUMNS", "LINES"):
        text = sized.pop(name, "")
        if text.isascii() and text.isdigit() and len(text) <= 4 and int(text):
            sized[name] = str(max(int(text), LEAST_WIDTH)) if name == "COLUMNS" else text
    return sized
