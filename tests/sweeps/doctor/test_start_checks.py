"""What a Ray of our own needs: each way in which a machine can be spoiled is named, by `doctor` and by `run` alike."""

import os
import resource
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from seqsweep.cluster import places, starting
from seqsweep.cluster.errors import ClusterError
from seqsweep.sweeps.doctor import start
from seqsweep.sweeps.doctor.checks import Check
from seqsweep.sweeps.running import prepare
from seqsweep.sweeps.spec.model import Resources

Patch = pytest.MonkeyPatch
NO_LIMIT = resource.RLIM_INFINITY


def limited(which: int, value: int) -> Callable[[Patch], None]:
    real = resource.getrlimit

    def spoil(monkeypatch: Patch) -> None:
        monkeypatch.setattr(
            resource, "getrlimit", lambda asked: (value, value) if asked == which else real(asked)
        )

    return spoil


def gone(monkeypatch: Patch) -> None:
    def fails() -> str:
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(os, "getcwd", fails)


def deaf(monkeypatch: Patch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(start, "_connect", fails)


def nameless(monkeypatch: Patch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fails)


def set_(target: object, name: str, value: object) -> Callable[[Patch], None]:
    return lambda monkeypatch: monkeypatch.setattr(target, name, value)


COMMAND = "import sys; from seqsweep.sweeps.cli.app import main; sys.exit(main(sys.argv[1:]))"
SPOILED = {
    "current folder": (gone, "failed", "it is gone"),
    "temporary folder": (
        set_(places, "candidates", lambda: ["/nowhere/a", "/nowhere/b"]),
        "failed",
        "Ray has no temporary folder: /nowhere/a cannot be written",
    ),
    "interpreter": (set_(sys, "executable", "/nowhere/python"), "failed", "cannot be started, so workers"),
    "programs": (set_(shutil, "which", lambda _: None), "failed", "bash is not found in PATH"),
    "shared memory": (set_(starting, "SHARED_MEMORY", Path("/nowhere")), "warning", "there is no /dev/shm"),
    "processes": (set_(start, "processes_left", lambda: 120), "failed", "120 more may be started"),
    "open files": (limited(resource.RLIMIT_NOFILE, 40), "failed", "40 at most, but Ray needs 64"),
    "address space": (limited(resource.RLIMIT_AS, 10**9), "failed", "0.931 GiB at most, but Ray needs 4 GiB"),
    "data segment": (limited(resource.RLIMIT_DATA, 1 << 29), "failed", "0.5 GiB at most, but Ray needs 1"),
    "file size": (limited(resource.RLIMIT_FSIZE, 10**6), "failed", "but Ray needs 0.25 GiB"),
    "cpu time": (limited(resource.RLIMIT_CPU, 3600), "warning", "3.6e+03 s at most"),
    "loopback": (deaf, "failed", "127.0.0.1 cannot be reached: Network is unreachable"),
}


def found(**options: int) -> dict[str, Check]:
    return {check.name: check for check in start.checks(**options)}


def test_this_machine_is_well() -> None:
    assert {check.status for check in start.checks()} <= {"ok", "warning"}
    assert not [check for check in start.checks() if check.status == "warning" and check.remedy is None]


@pytest.mark.parametrize("name", SPOILED)
def test_a_spoiled_machine_is_named(name: str, monkeypatch: Patch) -> None:
    spoil, status, words = SPOILED[name]
    spoil(monkeypatch)
    if name == "shared memory":
        monkeypatch.setattr(starting, "shared_memory_left", lambda: 0)
    check = found(cpus=2)[name]
    assert check.status == status
    assert words in check.finding
    if status == "failed":
        with pytest.raises(ClusterError, match=f"^{name}: "):  # as `run` and `resume` find it
            prepare._check_place(Resources(), None, 1, "test")
    else:
        assert any(note.startswith(f"{name}: ") for note in prepare.machine_notes(None, 1))


def test_a_name_that_is_not_known_is_a_caution(monkeypatch: Patch) -> None:
    nameless(monkeypatch)
    assert found()["loopback"].status == "warning"


def test_joining_a_cluster_needs_little(monkeypatch: Patch) -> None:
    deaf(monkeypatch)
    assert start.require(joined=True) == []
    gone(monkeypatch)
    with pytest.raises(ClusterError, match="current folder: it is gone"):
        start.require(joined=True)


def test_few_processes_for_many_cores_are_a_caution(monkeypatch: Patch) -> None:
    monkeypatch.setattr(start, "processes_left", lambda: 500)
    assert found(cpus=2)["processes"].status == "ok"
    assert found(cpus=8)["processes"].status == "warning"
    assert found(cpus=64)["processes"].status == "failed"


def test_home_and_proxies_are_no_failure(monkeypatch: Patch, tmp_path: Path) -> None:
    (tmp_path / ".ray").write_text("")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("http_proxy", "http://proxy:3128")
    checks = found()
    assert checks["home"] == Check("home", "ok", f"{tmp_path}/.ray cannot be written; it is not needed here")
    assert checks["proxy"].finding == "http_proxy: used for other machines, never for this one"


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        ("mkdir gone && cd gone && rmdir ../gone", "current folder is gone"),
        ("ulimit -n 40", "open files: 40 at most, but Ray needs 64"),
    ],
)
def test_run_stops_at_once_and_the_doctor_agrees(spoil: str, words: str, tmp_path: Path) -> None:
    def spoiled(verb: str) -> tuple[int, str]:
        program = f"cd {tmp_path} && {spoil} && exec {sys.executable} -c '{COMMAND}' {verb}"
        done = subprocess.run(["bash", "-c", program], capture_output=True, text=True)
        assert "Traceback" not in done.stderr
        return done.returncode, " ".join((done.stdout + done.stderr).split())

    code, said = spoiled("run --store store")
    assert code == 2
    assert f"error: {words}" in said.replace("error: the ", "error: ")
    assert not (tmp_path / "store").exists()
    code, said = spoiled("doctor")
    assert code == 1
    assert ("current folder it is gone" if "gone" in words else "open files 40 at most") in said
