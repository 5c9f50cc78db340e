"""Elsewhere than on Linux and macOS one sentence says so, and that it is nobody's fault here."""

import subprocess
import sys

import pytest

ELSEWHERE = """
import sys
from seqsweep.sweeps.cli.app import main
{spoiled}
sys.exit(main(["list"]))
"""


@pytest.mark.parametrize(
    ("spoiled", "name"),
    [
        ("sys.platform = 'win32'", "Windows"),
        ("sys.platform = 'freebsd14'", "freebsd14"),
        ("import importlib.util; sys.modules['fcntl'] = None; sys.platform = 'emscripten'", "emscripten"),
    ],
)
def test_a_system_that_is_not_supported(spoiled: str, name: str) -> None:
    command = [sys.executable, "-c", ELSEWHERE.format(spoiled=spoiled)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        f"error: seqsweep runs on Linux and macOS, not on {name}: there, use a Linux in WSL 2, a virtual machine or a container"
    ]


def test_nothing_that_only_unix_has_is_imported_before_that_is_said() -> None:
    program = """
import sys
for name in ("fcntl", "resource", "termios", "pwd", "grp"):
    sys.modules[name] = None
import seqsweep.sweeps.cli.app
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
