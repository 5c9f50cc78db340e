"""Ray prints a lot, and from C++ too: while it runs, file descriptors 1 and 2 lead to a log file."""

import contextlib
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

STDOUT, STDERR = 1, 2


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
        sys.stdout.flush()
        sys.stderr.flush()
        terminal = Terminal(_real(sys.stdout, STDOUT, stack), _real(sys.stderr, STDERR, stack))
        sink = stack.enter_context(log.open("a", buffering=1, encoding="utf-8", errors="replace"))
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
    encoding, errors = stream.encoding, stream.errors
    copy = open(os.dup(descriptor), "w", buffering=1, encoding=encoding, errors=errors)  # noqa: SIM115
    return stack.enter_context(copy)


def _restore(saved: int, descriptor: int) -> None:
    os.dup2(saved, descriptor)
    os.close(saved)
