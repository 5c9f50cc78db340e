"""Ray prints a lot, and from C++ too: while it runs, file descriptors 1 and 2 lead to a log file."""

import contextlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO, cast

from seqsweep.cluster.streams import STDERR, STDOUT, Lasting, drop, text_stream


@dataclass(frozen=True)
class Terminal:
    """Where standard output and error led before they were diverted."""

    stdout: TextIO
    stderr: TextIO


@contextmanager
def divert(log: Path) -> Iterator[Terminal]:
    """Append everything that this process and its children print to `log`; yields the real terminal.

    Works on file descriptors, so it catches C++ and child processes as well as Python. Streams that do not
    stand on descriptors 1 and 2 (a test's capture, a notebook) are yielded as they are.
    """
    with contextlib.ExitStack() as stack:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):  # whoever prints next will see that it is gone
                stream.flush()
        terminal = Terminal(_real(sys.stdout, STDOUT, stack), _real(sys.stderr, STDERR, stack))
        sink = stack.enter_context(_opened(log))
        for descriptor in (STDOUT, STDERR):
            saved = os.dup(descriptor)
            os.dup2(sink.fileno(), descriptor)
            stack.callback(_restore, saved, descriptor)
        stack.enter_context(redirect_stdout(sink))
        stack.enter_context(redirect_stderr(sink))
        yield terminal


def _real(stream: TextIO, descriptor: int, stack: contextlib.ExitStack) -> TextIO:
    try:
        if stream.fileno() != descriptor:
            return stream
    except (OSError, ValueError):  # StringIO has no descriptor
        return stream
    copy = os.dup(descriptor)
    stack.callback(os.close, copy)
    real = text_stream(copy, stream.encoding, stream.errors or "replace", line_buffering=True)
    stack.callback(drop, real)  # of a stream that is gone, something may be left
    stack.callback(_flush, real)
    return real


def _flush(stream: TextIO) -> None:
    with contextlib.suppress(OSError, ValueError):
        stream.flush()


@contextmanager
def _opened(log: Path) -> Iterator[TextIO]:
    """The log; a disk that is full, or a place that cannot be written, must not fail whoever prints."""
    try:
        file = log.open("a", buffering=1, encoding="utf-8", errors="replace")
    except OSError:
        file = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    try:
        yield cast(TextIO, Lasting(file))
    finally:
        with contextlib.suppress(OSError):
            file.close()


def _restore(saved: int, descriptor: int) -> None:
    os.dup2(saved, descriptor)
    os.close(saved)
