"""Features are computed once; what is kept on disk cannot do harm."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from seqsweep.seqmodels.data.audio.kept import OFF, Features, kept


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv(OFF)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "seqsweep" / "features"


class Counted:
    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> Features:
        self.calls += 1
        return np.arange(6, dtype=np.float32).reshape(3, 2) * self.calls


def files(folder: Path) -> list[Path]:
    return [each for each in folder.rglob("*") if each.is_file()]


def test_they_are_computed_once_for_a_content_and_a_recipe(folder: Path) -> None:
    compute = Counted()
    first = kept(b"one", "recipe", compute)
    np.testing.assert_array_equal(kept(b"one", "recipe", compute), first)
    assert compute.calls == 1
    kept(b"two", "recipe", compute)
    kept(b"one", "other", compute)
    assert compute.calls == 3
    assert len(files(folder)) == 3


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda content: content[:-1],
    "empty": lambda content: b"",
    "turned": lambda content: content[:-1] + bytes([content[-1] ^ 1]),
    "pickle": lambda content: b"cos\nsystem\n(S'true'\ntR.",
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=list(DAMAGES))
def test_a_damaged_file_is_computed_anew(damage: Callable[[bytes], bytes], folder: Path) -> None:
    compute = Counted()
    kept(b"one", "recipe", compute)
    (file,) = files(folder)
    file.write_bytes(damage(file.read_bytes()))
    assert kept(b"one", "recipe", compute)[1, 0] == 4
    assert kept(b"one", "recipe", compute)[1, 0] == 4
    assert compute.calls == 2


@pytest.mark.parametrize("word", ["0", "no", " Off "])
def test_it_can_be_turned_off(word: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(OFF, word)
    compute = Counted()
    kept(b"one", "recipe", compute)
    kept(b"one", "recipe", compute)
    assert compute.calls == 2
    assert not folder.exists()


def test_a_folder_that_cannot_be_written_only_costs_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert kept(b"one", "recipe", Counted()).shape == (3, 2)


def test_a_user_without_a_home_only_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", none)
    assert kept(b"one", "recipe", Counted()).shape == (3, 2)
