"""Where Ray's session goes when the temporary folder is of no use."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from seqsweep.cluster import places
from seqsweep.cluster.errors import ClusterError


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder whose path is short enough for sockets."""
    folder = Path(tempfile.mkdtemp(prefix="sq-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


def test_the_user_s_folder_comes_first_and_nothing_is_left_in_it(
    short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(short))
    assert places.session_base() == str(short)
    assert list(short.iterdir()) == []


@pytest.mark.parametrize("amiss", ["missing", "file", "full", "long", "inodes"])
def test_another_folder_where_it_is_of_no_use(
    amiss: str, short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, other = short / "mine", short / "o"
    other.mkdir()
    if amiss == "file":
        mine.write_text("")
    elif amiss == "long":
        mine = short / ("long" * 10)
        mine.mkdir()
    elif amiss != "missing":
        mine.mkdir()
    monkeypatch.setattr(places, "candidates", lambda: [str(mine), str(other)])
    if amiss == "full":
        real = shutil.disk_usage

        def usage(path: str) -> object:
            return SimpleNamespace(free=5 * places.MEGABYTE) if path.startswith(str(mine)) else real(path)

        monkeypatch.setattr(shutil, "disk_usage", usage)
    if amiss == "inodes":
        make = tempfile.mkdtemp

        def full(**where: str) -> str:
            if where["dir"] == str(mine):
                raise OSError(28, os.strerror(28))
            return make(**where)

        monkeypatch.setattr(tempfile, "mkdtemp", full)
    assert places.session_base() == str(other)
    assert list(other.iterdir()) == []


def test_none_will_do(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "candidates", lambda: [str(short / "a"), str(short / "b")])
    with pytest.raises(ClusterError, match=r"/a cannot be written \(No such file.*/b cannot.*set TMPDIR"):
        places.session_base()
