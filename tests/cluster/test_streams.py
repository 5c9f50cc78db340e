"""Standard streams in every state that a process may be started with, or find them in later."""

import errno
import fcntl
import gc
import io
import os
import pty
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqsweep.cluster.streams import Lasting, drop, text_stream

USES = """
import os, sys
from seqsweep.cluster.streams import drop, loss_of, standard_streams
with standard_streams():
    file = open(sys.argv[1], "w")  # must not get a standard stream's descriptor
    assert file.fileno() > 2
    assert sys.stdin.read() == ""
    print("error", file=sys.stderr)
    os.fstat(2)  # C++ prints to it
    try:
        print("out")
        sys.stdout.flush()
    except OSError as error:
        assert error is loss_of(sys.stdout)
        file.write(str(error.errno))
        drop(sys.stdout)
    file.write("!")
sys.exit(7)
"""


@pytest.mark.parametrize(
    ("redirection", "expected"),
    [
        ("</dev/null >/dev/null", "!"),
        ("<&- >/dev/null 2>&-", "!"),
        ("<&- >&- 2>&-", f"{errno.EBADF}!"),
        ("</dev/null >&-", f"{errno.EBADF}!"),
        ("</dev/null 1</dev/null", f"{errno.EBADF}!"),
        ("</dev/null >/dev/full 2>/dev/full", f"{errno.ENOSPC}!"),
        ("</dev/null 2>/dev/full >/dev/null", "!"),
    ],
)
def test_streams_that_are_missing_or_full(tmp_path: Path, redirection: str, expected: str) -> None:
    target = tmp_path / "target"
    command = f'exec "$0" -c "$1" "$2" {redirection}'
    done = subprocess.run(["bash", "-c", command, sys.executable, USES, str(target)], check=False)
    assert done.returncode == 7, "and nothing fails at exit"
    assert target.read_text() == expected


def test_a_pipe_that_does_not_block_gets_everything() -> None:
    """As node.js and some terminals make it: a write that finds no room fails, where others wait."""
    program = """
import sys
from seqsweep.cluster.streams import standard_streams
with standard_streams():
    for number in range(30_000):
        print(f"line {number} ·")
    sys.stdout.flush()
"""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETFL, os.O_NONBLOCK)
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    with subprocess.Popen([sys.executable, "-c", program], stdout=writer, env=environment) as process:
        os.close(writer)
        time.sleep(0.3)
        with open(reader, encoding="utf-8") as lines:
            assert lines.read().splitlines() == [f"line {number} ·" for number in range(30_000)]
    assert process.returncode == 0


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8", "cp1252"])
@given(text=st.text(st.characters()))  # surrogates too
def test_what_an_encoding_lacks_is_replaced(encoding: str, text: str) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, newline="")
    lasting = Lasting(stream)
    assert lasting.write(text) == len(text)
    lasting.flush()
    assert lasting.lost is None
    assert raw.getvalue() == text.encode(encoding, "replace")


def _no_reader() -> int:
    reader, writer = os.pipe()
    os.close(reader)
    return writer


def _closed_terminal() -> int:
    master, terminal = pty.openpty()
    os.close(master)
    return terminal


def _full() -> int:
    return os.open("/dev/full", os.O_WRONLY)


@pytest.mark.parametrize("made", [_no_reader, _closed_terminal, _full])
def test_a_lasting_stream_says_once_that_it_is_lost(made: Callable[[], int]) -> None:
    losses: list[str] = []
    descriptor = made()
    lasting = Lasting(text_stream(descriptor, "utf-8", "strict", line_buffering=True), losses.append)
    for _ in range(3):
        lasting.write("a line\n")
        lasting.flush()
    assert losses == [lasting.lost]
    assert lasting.lost in ("Broken pipe", "Input/output error", "No space left on device")
    drop(lasting.stream)  # or it would be flushed when it is collected
    os.close(descriptor)


def test_a_stream_that_somebody_closed_is_lost_too() -> None:
    closed = io.StringIO()
    closed.close()
    lasting = Lasting(closed)
    lasting.write("x")
    assert lasting.lost is not None
    assert not lasting.isatty()


def test_a_stream_that_is_forgotten_is_not_lost() -> None:
    told: list[str] = []
    behind = io.StringIO()
    stream = Lasting(behind, told.append)
    stream.write("a")
    behind.close()
    del stream
    gc.collect()
    assert told == []
