"""A folder behind an actor is a `Folder` like any other; the disk itself is the oracle."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pyarrow import fs

from seqsweep.results.errors import Missing, StoreError
from seqsweep.results.files import Folder
from seqsweep.results.store import Store, Sweep
from seqsweep.sweeps.running import remote_store

pytestmark = pytest.mark.usefixtures("local_ray")


@pytest.fixture(scope="module")
def near(local_ray: None, tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    return Store(tmp_path_factory.mktemp("store")).create("s", {})


@pytest.fixture(scope="module")
def host(near: Sweep) -> Iterator[remote_store.Host]:
    with remote_store.hosted(near) as host:
        assert host is not None
        yield host
    assert not (near.folder.local / remote_store.MARKER).exists()


@pytest.fixture
def far(near: Sweep, host: remote_store.Host, tmp_path: Path) -> Folder:
    """The folder as a worker has it that does not find the token."""
    blind = remote_store.Host(b"another sweep's", host.files).seen_from_here(near).folder
    assert blind.local is None
    return blind / "part"


def test_who_finds_the_token_writes_itself(near: Sweep, host: remote_store.Host) -> None:
    assert host.seen_from_here(near) is near


@pytest.mark.parametrize("size", [0, 5, remote_store.PIECE, 2 * remote_store.PIECE + 7])
def test_files_come_and_go_whole(near: Sweep, far: Folder, size: int) -> None:
    content = np.random.default_rng(size).bytes(size)
    far.write("file", b"older")
    far.write("file", content)
    disk = near.folder.local / "part"
    assert (disk / "file").read_bytes() == content
    assert far.read("file").to_pybytes() == content
    assert far.exists("file")
    assert os.listdir(disk) == far.names(fs.FileType.File) == ["file"]
    far.discard("file")
    far.discard("file")
    assert os.listdir(disk) == []
    with pytest.raises(Missing):
        far.read("file")
    far.clear()
    assert not disk.exists()
    assert far.names(fs.FileType.File) == []


def test_nothing_outside_of_the_sweep_is_reached(near: Sweep, far: Folder, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    for outside in (str(tmp_path), f"{far.path}/../../../{tmp_path.name}"):
        folder = Folder(far.system, outside, outside, 0)
        with pytest.raises(StoreError, match="outside of the sweep's folder"):
            folder.read("secret")
        with pytest.raises(StoreError, match="outside of the sweep's folder"):
            folder.write("more", b"x")
    assert [each.name for each in tmp_path.iterdir()] == ["secret"]


def test_a_refusal_keeps_its_reason(near: Sweep, far: Folder) -> None:
    (near.folder.local / "part").mkdir(exist_ok=True)
    (near.folder.local / "part" / "taken").mkdir()
    with pytest.raises(StoreError, match="Is a directory"):
        far.write("taken", b"x")
    assert os.listdir(near.folder.local / "part") == ["taken"], "no part of it stays"
