"""A gate before standard output and error, for what is printed past a console: click's errors, warnings, tracebacks."""

import sys
from collections.abc import Iterable
from typing import IO, Any, cast

from seqsweep.results.shown import shown_lines


class ShownStream:
    """A text stream that shows what would command the terminal: before standard output and error while a verb runs.

    Consoles have a gate of their own and write past it (`rich_proxied_file`); there is no `buffer`, which would lead past it too.
    """

    def __init__(self, stream: IO[str]) -> None:
        self.rich_proxied_file = stream

    def write(self, text: str) -> int:
        """Write what is seen of it."""
        return self.rich_proxied_file.write(shown_lines(text))

    def writelines(self, texts: Iterable[str]) -> None:
        """Write them one after another."""
        for text in texts:
            self.write(text)

    def __getattr__(self, name: str) -> Any:
        if name == "buffer":
            raise AttributeError(name)
        return getattr(self.rich_proxied_file, name)


class Gate:
    """Use as `with Gate():`; standard output and error pass it meanwhile."""

    def __enter__(self) -> None:
        self._before = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = (
            stream if stream is None else cast(Any, ShownStream(stream)) for stream in self._before
        )

    def __exit__(self, *_: object) -> None:
        sys.stdout, sys.stderr = self._before


def ungated(stream: Any) -> Any:
    """The stream behind the gate, for what is no text for people."""
    return getattr(stream, "rich_proxied_file", stream)


def print_data(content: bytes) -> None:
    """UTF-8 to standard output, whatever its encoding; a terminal is shown what would command it."""
    stream = ungated(sys.stdout)
    stream.flush()
    if stream.isatty():
        content = shown_lines(content.decode("utf-8", "backslashreplace")).encode()
    stream.buffer.write(content)
    stream.buffer.flush()
