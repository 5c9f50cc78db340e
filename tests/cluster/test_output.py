"""What is printed, by whom, and where it ends up. In a process of its own: pytest holds descriptors 1 and 2 too."""

import io
import os
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

import pytest

from seqsweep.cluster.output import divert

PROGRAM = """
import os, subprocess, sys
from pathlib import Path
from seqsweep.cluster.output import divert
print("before")
try:
    with divert(Path(sys.argv[1])) as terminal:
        print("python out")
        print("python error", file=sys.stderr)
        os.write(1, b"descriptor 1\\n")
        os.write(2, b"descriptor 2\\n")
        subprocess.run(["echo", "child"], check=True)
        print("to the terminal ±", file=terminal.stdout)
        print("also, to its other stream", file=terminal.stderr)
        if len(sys.argv) > 2:
            raise ValueError("out of here")
except ValueError:
    pass
print("after")
os.write(1, b"after, descriptor 1\\n")
print("after, error", file=sys.stderr)
"""


@pytest.mark.parametrize("options", [[], ["raise"]])
def test_only_the_terminal_is_left(tmp_path: Path, options: list[str]) -> None:
    log = tmp_path / "ray.log"
    log.write_text("from an earlier run\n")
    command = [sys.executable, "-u", "-c", PROGRAM, str(log), *options]
    environment = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, env=environment, encoding="utf-8"
    )
    assert done.stdout.splitlines() == ["before", "to the terminal ±", "after", "after, descriptor 1"]
    assert done.stderr.splitlines() == ["also, to its other stream", "after, error"]
    assert sorted(log.read_text().splitlines()) == sorted(
        [
            "from an earlier run",
            *("python out", "python error", "descriptor 1", "descriptor 2", "child"),
        ]
    )


def test_a_stream_without_a_descriptor_stays_what_it_is(tmp_path: Path) -> None:
    captured = io.StringIO()
    with redirect_stdout(captured):
        with divert(tmp_path / "log") as terminal:
            assert terminal.stdout is captured
            print("swallowed")
        print("seen")
    assert captured.getvalue() == "seen\n"


def test_no_descriptor_is_lost(tmp_path: Path) -> None:
    folder = Path("/proc/self/fd")
    if not folder.is_dir():
        pytest.skip("looks into /proc")
    before = len(list(folder.iterdir()))
    for _ in range(3):
        with divert(tmp_path / "log"):
            pass
    assert len(list(folder.iterdir())) == before
