"""Standard streams that are missing, do not block, or go away while somebody writes."""

from __future__ import annotations

import contextlib
import io
import os
import select
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO, cast

STDIN, STDOUT, STDERR = 0, 1, 2
CLOSED = -1


class Descriptor(io.RawIOBase):
    """Writes to a file descriptor, and waits where it does not block; leaves it open. `error` is why it failed last."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor = descriptor
        self.error: OSError | None = None

    def writable(self) -> bool:
        """It is for writing."""
        return True

    def fileno(self) -> int:
        """The descriptor, -1 where there was none."""
        return self._descriptor

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return os.isatty(self._descriptor)

    def drop(self) -> None:
        """From now on, what is written goes nowhere."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        if self._descriptor >= 0:
            os.dup2(nowhere, self._descriptor)
            os.close(nowhere)
        else:
            self._descriptor = nowhere

    def write(self, data: Any) -> int:
        """Write some of `data`, at least a byte; how many. Raises OSError, and remembers it."""
        while True:
            try:
                return os.write(self._descriptor, data)
            except BlockingIOError:
                # a program at the other end, or one that shares the terminal, has made it so
                waiting = select.poll()
                waiting.register(self._descriptor, select.POLLOUT)
                waiting.poll()
            except OSError as error:
                self.error = error
                raise


def text_stream(descriptor: int, encoding: str, errors: str, *, line_buffering: bool) -> io.TextIOWrapper:
    """Text to `descriptor`, which stays open when the stream is closed."""
    buffered = io.BufferedWriter(Descriptor(descriptor))
    return io.TextIOWrapper(buffered, encoding=encoding, errors=errors, line_buffering=line_buffering)


class Lasting(io.TextIOBase):
    """A text stream that takes everything, also when what is behind it is gone: then what is written is lost.

    Args:
        stream: what is behind it.
        on_loss: called once, with the reason, when `stream` fails.
    """

    def __init__(self, stream: TextIO, on_loss: Callable[[str], None] = lambda _: None) -> None:
        super().__init__()
        self.stream = stream
        self.lost: str | None = None
        self._on_loss = on_loss

    def __getattr__(self, name: str) -> Any:
        if name == "rich_proxied_file":  # rich would write past us
            raise AttributeError(name)
        return getattr(self.stream, name)

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Name the encoding of the stream behind it."""
        return self.stream.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        """Name what the stream behind it does with characters that its encoding lacks."""
        return self.stream.errors

    def writable(self) -> bool:
        """It is for writing."""
        return True

    def isatty(self) -> bool:
        """Whether the stream is a terminal."""
        return not self.stream.closed and self.stream.isatty()

    def fileno(self) -> int:
        """The stream's descriptor. Raises OSError where it has none."""
        return self.stream.fileno()

    def write(self, text: str) -> int:
        """Write `text`, with `?` for what the encoding lacks, or lose it."""
        if self.lost is None:
            with self._held():
                try:
                    self.stream.write(text)
                except UnicodeError:
                    encoding = self.stream.encoding or "ascii"
                    self.stream.write(text.encode(encoding, "replace").decode(encoding))
        return len(text)

    def flush(self) -> None:
        """Hand on what is buffered, or lose it."""
        if self.lost is None:
            with self._held():
                self.stream.flush()

    def close(self) -> None:
        """Leave the stream as it is: it is not ours. (Python closes what is forgotten, and would take that for a loss.)"""

    @contextmanager
    def _held(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as error:  # ValueError: it is closed
            self.lost = getattr(error, "strerror", None) or str(error)
            self._on_loss(self.lost)


@contextmanager
def standard_streams() -> Iterator[None]:
    """Make `sys.stdin`, `sys.stdout` and `sys.stderr` fit to be used, whatever this process was started with.

    A stream that is missing gets its descriptor all the same: a file that was opened later would get it, and be printed into.
    To write to a missing standard output fails (EBADF), as elsewhere; standard error takes everything. Streams that somebody has
    put there, such as a test's, are left alone.
    """
    _fill_descriptors()
    before = sys.stdin, sys.stdout, sys.stderr
    if sys.stdin is None:
        sys.stdin = open(STDIN, encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stdout is None:
        sys.stdout = text_stream(CLOSED, "utf-8", "replace", line_buffering=False)
    elif _is_plain(sys.stdout, STDOUT):
        stream = cast(io.TextIOWrapper, sys.stdout)
        # a terminal that has no · or ± is no fault
        sys.stdout = text_stream(
            STDOUT, stream.encoding, "replace", line_buffering=stream.line_buffering or stream.write_through
        )
    if sys.stderr is None:
        sys.stderr = text_stream(STDERR, "utf-8", "replace", line_buffering=True)
    elif _is_plain(sys.stderr, STDERR):
        sys.stderr = text_stream(STDERR, sys.stderr.encoding, "backslashreplace", line_buffering=True)
    sys.stderr = cast(TextIO, Lasting(sys.stderr))
    try:
        yield
    finally:
        ours = sys.stdin, sys.stdout, sys.stderr
        sys.stdin, sys.stdout, sys.stderr = before
        for used, former in zip(ours, before, strict=True):
            if used is not former:
                _let_go(used)


def loss_of(stream: TextIO | None) -> OSError | None:
    """The error that a standard stream of `standard_streams` failed with, if it did."""
    raw = _raw(stream)
    return None if raw is None else raw.error


def drop(stream: TextIO) -> None:
    """What is still to be flushed to `stream` goes nowhere, or it would fail again at exit."""
    with contextlib.suppress(OSError, ValueError):
        if (raw := _raw(stream)) is not None:
            raw.drop()
        else:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, stream.fileno())
            os.close(nowhere)
        stream.flush()


def _raw(stream: TextIO | None) -> Descriptor | None:
    raw = getattr(getattr(stream, "buffer", None), "raw", None)
    return raw if isinstance(raw, Descriptor) else None


def _fill_descriptors() -> None:
    for descriptor in (STDIN, STDOUT, STDERR):
        try:
            os.fstat(descriptor)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)  # the lowest that is free: this one
            if opened != descriptor:
                os.dup2(opened, descriptor)
                os.close(opened)
            os.set_inheritable(descriptor, True)


def _is_plain(stream: TextIO, descriptor: int) -> bool:
    """Whether it is as Python made it, on its descriptor."""
    try:
        return type(stream) is io.TextIOWrapper and stream.fileno() == descriptor
    except (OSError, ValueError):
        return False


def _let_go(stream: TextIO) -> None:
    """Flush without an error, and leave nothing that would be flushed when it is collected."""
    inner = stream.stream if isinstance(stream, Lasting) else stream
    try:
        inner.flush()
    except (OSError, ValueError):
        drop(inner)
