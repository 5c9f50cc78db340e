"""Folders of killed processes are cleared, and no other."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from seqsweep import lock_owner
from seqsweep.cluster import session_folder
from seqsweep.cluster.session_folder import OWNER, clear_left_over, scratch_folder

MAKER = """
import sys, time
from seqsweep.cluster.session_folder import scratch_folder
with scratch_folder(sys.argv[1]) as folder:
    print(folder, flush=True)
    time.sleep(600)
"""
CLEARER = """
from seqsweep.cluster.session_folder import clear_left_over
print(len(clear_left_over()))
"""
Maker = Callable[..., tuple[subprocess.Popen[str], Path]]


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(session_folder.tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def maker(tmp_path: Path) -> Iterator[Maker]:
    """Starts a process that makes a folder and sleeps in it."""
    started = []

    def start(purpose: str = "") -> tuple[subprocess.Popen[str], Path]:
        environment = {**os.environ, "TMPDIR": str(tmp_path)}
        process = subprocess.Popen(
            [sys.executable, "-c", MAKER, purpose], stdout=subprocess.PIPE, text=True, env=environment
        )
        started.append(process)
        assert process.stdout is not None
        return process, Path(process.stdout.readline().strip())

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("purpose", ["", "tune-"])
def test_what_a_killed_process_left_is_cleared_and_a_living_ones_is_not(
    maker: Maker, temporary: Path, purpose: str
) -> None:
    dead, left = maker(purpose)
    _, used = maker(purpose)
    (left / "session").mkdir()
    (left / "session" / "log").write_text("long")
    dead.kill()
    dead.wait()
    assert str(left) in clear_left_over()
    assert not left.exists()
    assert (used / OWNER).exists()
    assert str(used) not in clear_left_over()


def test_two_that_clear_at_once_clear_each_folder_once(maker: Maker, temporary: Path) -> None:
    for _ in range(3):
        dead, _folder = maker()
        dead.kill()
        dead.wait()
    command = [sys.executable, "-c", CLEARER]
    environment = {**os.environ, "TMPDIR": str(temporary)}
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) for _ in range(2)]
    assert sum(int(each.communicate()[0]) for each in both) == 3
    assert list(temporary.iterdir()) == []


def test_a_folder_that_is_cleared_while_it_is_made_is_made_anew(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody who clears takes the lock in the moment between the file's making and its locking."""
    lock, times = session_folder.fcntl.flock, []

    def late(descriptor: int, how: int) -> None:
        if not times:
            times.append(how)
            assert len(clear_left_over()) == 1
        lock(descriptor, how)

    monkeypatch.setattr(session_folder.fcntl, "flock", late)
    with scratch_folder() as folder:
        assert os.listdir(folder) == [OWNER]
        assert len(os.listdir(temporary)) == 1
    assert os.listdir(temporary) == []


def test_what_is_not_provably_left_by_us_stays(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (temporary / "seqsweep-notes").mkdir()  # the user's own
    (temporary / "seqsweep-notes" / "ideas.txt").write_text("x")
    (temporary / "seqsweep-file").write_text("x")
    elsewhere = temporary / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / OWNER).write_text("")
    (temporary / "seqsweep-link").symlink_to(elsewhere)
    other = temporary / "seqsweep-othermachine"
    other.mkdir()
    (other / OWNER).write_text('{"host": "of-another-machine", "boot": "5f1e", "pid": 1}')
    odd = temporary / "seqsweep-odd"
    odd.mkdir()
    (odd / OWNER).write_text("[[[[")
    fifo = temporary / "seqsweep-fifo"
    fifo.mkdir()
    os.mkfifo(fifo / OWNER)
    before = sorted(temporary.rglob("*"))
    mine = temporary / "seqsweep-mine"
    mine.mkdir()
    (mine / OWNER).write_text("")

    with monkeypatch.context() as patched:
        patched.setattr(session_folder.os, "getuid", lambda: os.stat(temporary).st_uid + 1)
        assert clear_left_over() == [], "another user's"
    assert str(mine) in clear_left_over()
    assert sorted(temporary.rglob("*")) == before


def test_a_machine_that_was_started_anew_knows_its_own(temporary: Path) -> None:
    mine = temporary / "seqsweep-mine"
    mine.mkdir()
    (mine / OWNER).write_text(json.dumps(lock_owner.machine() | {"boot": "before"}))
    assert str(mine) in clear_left_over()


def test_processes_of_a_dead_session_are_ended_and_a_visitors_is_not(temporary: Path) -> None:
    if not Path("/proc/self/cwd").exists():
        pytest.skip("looks into /proc")
    mine = temporary / "seqsweep-mine"
    mine.mkdir()
    (mine / OWNER).write_text("")
    sleep = "import time; print(flush=True); time.sleep(600)"
    started = []
    for name in ("ray::DashboardAgent", "less session.log"):
        process = subprocess.Popen(
            [name, "-c", sleep], executable=sys.executable, cwd=mine, stdout=subprocess.PIPE
        )
        assert process.stdout is not None
        process.stdout.readline()
        started.append(process)
    rays, visitor = started
    try:
        assert str(mine) in clear_left_over()
        assert rays.wait(10) == -signal.SIGTERM
        time.sleep(0.1)
        assert visitor.poll() is None
    finally:
        for process in started:
            process.kill()
            process.communicate()
