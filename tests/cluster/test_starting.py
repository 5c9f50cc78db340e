"""A start that hangs ends: in time, by Ctrl-C and by SIGTERM, even where Python hears no signal."""

import os
import resource
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from seqsweep.cluster import starting
from seqsweep.cluster.errors import ClusterError
from seqsweep.cluster.memory import Memory

STUCK = """
import ctypes, signal, sys
from seqsweep.cluster import starting
starting.WORD_SECONDS, starting.STOP_SECONDS, starting.END_SECONDS = 0.2, 0.3, 0.3
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # as Ray does
watch = starting.Watch(lambda text: print("told", text, flush=True), lambda why, code: print("left", code, why, flush=True))
lock = ctypes.create_string_buffer(64)
libc = ctypes.CDLL(None)
libc.pthread_mutex_init(lock, None)
libc.pthread_mutex_lock(lock)
with starting.bounded(sys.argv[1], watch, seconds=float(sys.argv[2])):
    print("stuck", flush=True)
    libc.pthread_mutex_lock(lock)  # for ever: in C, without Python's lock, and no signal ends it
"""


def stuck(seconds: float, number: int | None) -> tuple[int, str, Path]:
    folder = Path(tempfile.mkdtemp(prefix="sq-"))
    logs = folder / "session_2026-01-01_00-00-00_1_1" / "logs"
    logs.mkdir(parents=True)
    (logs / "raylet.err").write_text("bash: line 1: /opt/my: No such file or directory\n")
    command = [sys.executable, "-c", STUCK, str(folder), str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        if number is not None:
            time.sleep(0.3)
            process.send_signal(number)
        said += process.stdout.read()
        return process.wait(timeout=60), said, folder


def test_time_is_up() -> None:
    code, said, folder = stuck(0.7, None)
    assert code == 2
    cause = "; Ray's log says: bash: line 1: /opt/my: No such file or directory"
    assert f"told Ray has been starting for 0 s{cause}\n" in said
    assert (
        f"left 2 error: Ray did not start within 0.7 s{cause}; `seqsweep doctor` looks for causes\n" in said
    )
    assert not folder.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it(number: signal.Signals) -> None:
    code, said, folder = stuck(60, number)
    assert code == 128 + number
    assert said.endswith(f"left {code} stopped by {number.name}\n")
    assert not folder.exists()


def test_a_start_that_gives_up_when_its_processes_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[str] = []
    monkeypatch.setattr(starting, "end_processes", ended.append)

    def start() -> None:
        with starting.bounded(str(tmp_path), starting.Watch(), seconds=0.1):
            while not ended:
                time.sleep(0.01)
            raise RuntimeError("lost the connection")

    with pytest.raises(ClusterError, match=r"Ray did not start within 0\.1 s; `seqsweep doctor`"):
        start()
    assert ended == [str(tmp_path)]


def test_a_signal_during_a_start_that_succeeds(tmp_path: Path) -> None:
    def start() -> None:
        with starting.bounded(str(tmp_path), starting.Watch()):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.2)

    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        with pytest.raises(starting.Stopped, match="SIGINT"):
            start()
    finally:
        signal.signal(signal.SIGINT, before)
    assert tmp_path.exists()
    assert signal.set_wakeup_fd(-1) == -1


def test_a_start_s_own_error_is_its_own(tmp_path: Path) -> None:
    with pytest.raises(KeyError), starting.bounded(str(tmp_path), starting.Watch()):
        raise KeyError("x")


GB = 1000 * starting.MEGABYTE


@pytest.mark.parametrize(
    ("free", "shared", "address_space", "size", "on_disk"),
    [
        (10 * GB, 20 * GB, None, 3 * GB, False),
        (10 * GB, 2 * GB, None, int(1.9 * GB), False),
        (10 * GB, GB // 16, None, 3 * GB, True),  # docker's 64 MB
        (10 * GB, 0, None, 3 * GB, True),  # no /dev/shm
        (GB, GB // 2, None, int(0.3 * GB), False),
        (10 * GB, 20 * GB, 4 * GB, int(1.2 * GB), False),
        (GB // 10, 20 * GB, None, GB // 10, False),
    ],
)
def test_objects_fit_the_machine(
    free: int,
    shared: int,
    address_space: int | None,
    size: int,
    on_disk: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(starting, "usable_memory", lambda: Memory(64 * GB, free))
    monkeypatch.setattr(starting, "shared_memory_left", lambda: shared)
    monkeypatch.setattr(starting.shutil, "disk_usage", lambda _: SimpleNamespace(free=100 * GB))
    limits = {resource.RLIMIT_AS: address_space}
    monkeypatch.setattr(
        resource,
        "getrlimit",
        lambda which: (limits.get(which) or resource.RLIM_INFINITY, resource.RLIM_INFINITY),
    )
    found = starting.options("/folder")
    assert found["object_store_memory"] == size
    assert found.get("_plasma_directory") == ("/folder" if on_disk else None)
    assert found["_memory"] > 0


@pytest.mark.parametrize("path", ["/opt/my env/bin/python", "/opt/$(x)/bin/python", "/opt/it's/bin/python"])
def test_an_interpreter_that_a_shell_would_misread(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", path)
    (word,) = shlex.split(starting.options("/tmp")["runtime_env"]["py_executable"])
    assert word == path
    monkeypatch.setattr(sys, "executable", "/opt/env/bin/python")
    assert "runtime_env" not in starting.options("/tmp")
