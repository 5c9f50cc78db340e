"""Disks that fail for a while, that are full, and that lead astray."""

import errno
import logging
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyarrow import fs

from seqsweep.results import retry
from seqsweep.results.errors import StoreError
from seqsweep.results.files import Folder
from seqsweep.results.store import Store
from tests import REPOSITORY


class Failing:
    """A disk whose operations fail with `number` so many times, each once more than the one before lets it."""

    type_name = "local"

    def __init__(self, number: int, times: int) -> None:
        self.inner, self.number, self.left, self.calls = fs.LocalFileSystem(), number, times, 0

    def __getattr__(self, name: str) -> Any:
        operation = getattr(self.inner, name)

        def call(*arguments: Any, **options: Any) -> Any:
            if name != "delete_file":
                self.calls += 1
                if self.left:
                    self.left -= 1
                    raise OSError(self.number, os.strerror(self.number))
            return operation(*arguments, **options)

        return call


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "_PAUSES", (0.01, 0.05))


OPERATIONS = {
    "write": lambda folder: folder.write("x", b"new"),
    "read": lambda folder: folder.read("old").to_pybytes(),
    "list": lambda folder: folder.names(fs.FileType.File),
    "exists": lambda folder: folder.exists("old"),
}


@pytest.fixture(params=list(OPERATIONS))
def operation(request: pytest.FixtureRequest) -> Any:
    return OPERATIONS[request.param]


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.ENOSPC, errno.EDQUOT])
def test_what_passes_by_itself_is_tried_again(
    tmp_path: Path, operation: Any, number: int, caplog: pytest.LogCaptureFixture
) -> None:
    folder = Folder.at(tmp_path)
    folder.write("old", b"old")
    system = Failing(number, times=4)
    assert operation(replace(folder, system=system)) == operation(folder)
    assert system.left == 0
    assert os.strerror(number) in caplog.text
    assert "trying again for 180 s" in caplog.text
    assert not list(tmp_path.glob(".*.tmp"))


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENOTDIR])
def test_what_does_not_is_said_at_once(tmp_path: Path, operation: Any, number: int) -> None:
    system = Failing(number, times=9**9)
    with pytest.raises(StoreError, match=f"cannot .*{tmp_path}.*{os.strerror(number)}$"):
        operation(replace(Folder.at(tmp_path), system=system))
    assert system.calls == 1


def test_patience_ends(tmp_path: Path, operation: Any) -> None:
    system = Failing(errno.EIO, times=9**9)
    begun = time.monotonic()
    with pytest.raises(StoreError, match="Input/output error"):
        operation(replace(Folder.at(tmp_path, patience=0.3), system=system))
    assert time.monotonic() - begun < 5
    assert system.calls > 3


def test_a_rename_whose_answer_was_lost(tmp_path: Path) -> None:
    """NFS renames, forgets to say so, and finds nothing to rename when it is asked again."""

    class Forgetful(Failing):
        def move(self, source: str, target: str) -> None:
            done = Path(target).exists()
            self.inner.move(source, target)
            if not done:
                raise OSError(errno.EIO, "Input/output error")

    folder = replace(Folder.at(tmp_path), system=Forgetful(0, 0))
    folder.write("x", b"content")
    assert folder.read("x").to_pybytes() == b"content"


FULL = """
import logging, os, sys, threading
from tests.support.example_sweep import *
from pathlib import Path
root, freed = Path(sys.argv[1]), sys.argv[2] == "freed"
if os.system(f"mount -t tmpfs -o size=600k tmpfs {root}"):
    sys.exit(77)
from seqsweep.results import retry
from seqsweep.results.errors import StoreError
sweep = Store(root, patience=60 if freed else 3.2)  # at least 1.5 s, however short the random pauses
sweep = sweep.create("s-000000", {})
ballast = root / "ballast"
with open(ballast, "wb", buffering=0) as file:
    try:
        while True:
            file.write(b"x" * 4096)
    except OSError:
        pass
class Freeing(logging.StreamHandler):
    def emit(self, record):  # once a write has failed, however long it took to come to it
        super().emit(record)
        threading.Timer(1.5, ballast.unlink, kwargs={"missing_ok": True}).start()
if freed:
    logging.getLogger("seqsweep.results").addHandler(Freeing())
try:
    write_example_trial(sweep, DATASETS[0], ARCHITECTURES[0], (0, 1, 2))
except StoreError as error:
    print("failed:", error)
left = [str(path.relative_to(root)) for path in root.rglob("*") if path.is_file() and path.name != "ballast"]
print("left:", *sorted(left))
print("finished:", len(sweep.finished()), sweep.read("epochs").num_rows)
"""


@pytest.mark.parametrize("how", ["freed", "full"])
def test_a_disk_that_is_full(tmp_path: Path, how: str) -> None:
    """A real one, of 600 kB, in a mount namespace of its own."""
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", sys.executable, "-c", FULL, str(tmp_path), how],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 77 or "unshare:" in done.stderr:
        pytest.skip("this system allows no mount namespaces")
    assert done.returncode == 0, done.stderr
    if how == "freed":
        assert "No space left on device; trying again for 60 s" in done.stderr
        assert done.stdout.splitlines()[-1].startswith("finished: 1 ")
        assert ".tmp" not in done.stdout
    else:
        failed, left, finished = done.stdout.splitlines()
        assert failed.startswith(f"failed: cannot write {tmp_path}/s-000000/")
        assert "No space left on device (tried for " in failed
        assert ".tmp" not in left
        assert ".parquet" not in left
        assert finished == "finished: 0 0"


def test_links_are_followed_but_never_cleared(tmp_path: Path) -> None:
    """A store's parts may lie on other disks; what a link leads to is not ours to delete."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "precious").write_text("x")
    sweep = Store(tmp_path / "store").create("a-000000", {})
    place = tmp_path / "store" / "a-000000" / "checkpoints"
    place.symlink_to(outside)
    (sweep.folder / "checkpoints").write("t", b"x")
    assert (outside / "t").exists()
    (sweep.folder / "checkpoints").clear()
    assert not place.is_symlink()
    assert {path.name for path in outside.iterdir()} == {"precious", "t"}

    place.mkdir()
    (place / "link").symlink_to(outside)
    (sweep.folder / "checkpoints").clear()
    assert not place.exists()
    assert (outside / "precious").exists()


def test_strange_names_in_a_store_are_passed_over(tmp_path: Path) -> None:
    sweep = Store(tmp_path).create("a-000000", {})
    lanes = tmp_path / "a-000000" / "lanes"
    lanes.mkdir()
    for name in ("..x.parquet", "-x.parquet", "a b.parquet", "a\x1b[2J.parquet", "x.txt"):
        (lanes / name).write_bytes(b"")
    assert sweep.finished() == set()


def test_a_folder_on_disk_travels_as_its_path(tmp_path: Path) -> None:
    folder = Folder.at(tmp_path / "x", patience=3) / "y"
    arrived = pickle.loads(pickle.dumps(folder))
    assert (arrived.local, str(arrived), arrived.patience) == (tmp_path / "x" / "y", str(folder), 3)


@pytest.fixture(autouse=True)
def _logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.WARNING):
        yield
