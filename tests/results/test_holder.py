"""A sweep whose process is dead is shown as interrupted, and one whose process lives as running."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from seqsweep import lock_owner
from seqsweep.results.analysis.summary import summary
from seqsweep.results.errors import StoreError
from seqsweep.results.holder import LOCK, abandoned, held
from seqsweep.results.store import Store
from tests.support.example_sweep import write_example

HOLDER = """
import sys
from seqsweep.results.holder import held
from seqsweep.results.store import Store
sweep = Store(sys.argv[1]).find(sys.argv[2])
with held(sweep.folder):
    print("held", flush=True)
    sys.stdin.read()
"""
ID = "killed-0123ab"


@pytest.fixture
def trainer(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that trains, as far as the store can see."""
    write_example(tmp_path, sweep_id=ID, missing=2).update(status="running")
    command = [sys.executable, "-c", HOLDER, str(tmp_path), ID]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def status(store: Path) -> str:
    found = Store(store)
    told = {found.find(ID).info["status"], found.sweeps()[0].info["status"], summary(found.find(ID)).status}
    assert len(told) == 1
    return told.pop()


def test_killed(trainer: subprocess.Popen[str], tmp_path: Path) -> None:
    assert status(tmp_path) == "running"
    with pytest.raises(StoreError, match="trained by another process"), held(Store(tmp_path).find(ID).folder):
        pass
    assert status(tmp_path) == "running", "who was refused has not taken the place"
    trainer.kill()
    trainer.wait()
    assert status(tmp_path) == "interrupted"
    sweep = Store(tmp_path).find(ID)
    with held(sweep.folder):  # somebody goes on
        assert status(tmp_path) == "running"
    sweep.update(status="finished")
    assert status(tmp_path) == "finished"


@pytest.mark.parametrize(
    "content", ["", "[", "3", '{"host": "another", "boot": "another", "pid": 1}'], ids=repr
)
def test_what_cannot_be_known_is_shown_as_recorded(tmp_path: Path, content: str) -> None:
    """A lock of another machine may not be seen here; older versions and `pull` write nothing into it."""
    write_example(tmp_path, sweep_id=ID, missing=2).update(status="running")
    assert status(tmp_path) == "running", "no lock"
    (tmp_path / ID / LOCK).write_text(content)
    assert status(tmp_path) == "running"


def test_the_same_machine_started_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_example(tmp_path, sweep_id=ID, missing=2).update(status="running")
    here = lock_owner.machine()
    (tmp_path / ID / LOCK).write_text(json.dumps(here | {"boot": "before"}))
    assert status(tmp_path) == "interrupted"
    monkeypatch.setattr(
        lock_owner, "machine", lambda: here | {"boot": "b", "machine": "of another name alike"}
    )
    assert status(tmp_path) == "running"


def test_who_looks_is_in_nobodys_way(tmp_path: Path) -> None:
    sweep = write_example(tmp_path, sweep_id=ID, missing=2)
    with held(sweep.folder):
        pass
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(0.001):  # two that never pause would always hold it, one or the other
            abandoned(sweep.folder)

    lookers = [threading.Thread(target=look) for _ in range(2)]
    for each in lookers:
        each.start()
    try:
        for _ in range(20):
            with held(sweep.folder):
                pass
    finally:
        ended.set()
        for each in lookers:
            each.join()
