"""All lanes in one file: the same rows as the trials' own files, whatever became of either since."""

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from seqsweep.results import gathered
from seqsweep.results.analysis.verdict import verdict as verdict_of
from seqsweep.results.schema import SCHEMA_VERSION
from seqsweep.results.store import Store, Sweep
from tests.support.example_sweep import write_example

LATER = 10**10  # ns


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sweep:
    """The example sweep, its 10 trials counting as many, written in the order of their ids, 10 s apart."""
    monkeypatch.setattr(gathered, "LEAST", 5)
    sweep = write_example(tmp_path)
    for number, trial in enumerate(sorted(sweep.finished())):
        written(sweep, trial, number * LATER)
    return sweep


def same(first: pa.Table, second: pa.Table) -> bool:
    """NaN is NaN here."""
    return bool(first.schema.equals(second.schema)) and repr(first.to_pylist()) == repr(second.to_pylist())


def part(sweep: Sweep, trial: str) -> Path:
    return Path(str(sweep.folder)) / "lanes" / f"{trial}.parquet"


def written(sweep: Sweep, trial: str, time: int) -> None:
    os.utime(part(sweep, trial), ns=(10**18 + time,) * 2)


def copy(sweep: Sweep) -> Path:
    return Path(str(sweep.folder)) / "gathered" / "lanes.parquet"


def read_files(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Which of the trials' own files a reader of all lanes opens."""
    opened = []
    original = type(sweep.folder).read

    def spied(folder: object, name: str) -> object:
        opened.append(name)
        return original(folder, name)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(type(sweep.folder), "read", spied)
        sweep.read("lanes", ["seed"])
    return [name.removesuffix(".parquet") for name in opened if name != "lanes.parquet"]


def test_what_is_gathered_is_what_the_trials_say(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    own, verdict = sweep.read("lanes"), verdict_of(sweep)
    last = max(sweep.finished())
    sweep.gather()
    assert read_files(sweep, monkeypatch) == [last], (
        "the newest may still be changed in the same tick of a clock"
    )
    assert same(sweep.read("lanes"), own)
    assert same(sweep.read("lanes", ["seed", "trial"]), own.select(["seed", "trial"]))
    assert verdict_of(sweep) == verdict
    some = sorted(sweep.finished())[2:9]
    expected = own.filter(pc.and_(pc.is_in(own["trial"], pa.array(some)), pc.equal(own["seed"], 1)))
    found = sweep.read("lanes", ["seed", "trial"], pc.field("seed") == 1, some)
    assert found.to_pylist() == expected.select(["seed", "trial"]).to_pylist()


@pytest.mark.parametrize("place", [0, 4, 9])
def test_a_trial_that_is_written_again_is_read_from_its_own_file(
    sweep: Sweep, place: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep.gather()
    trial = sorted(sweep.finished())[place]
    rows = sweep.read("lanes", trials=[trial])
    changed = rows.set_column(
        rows.schema.get_field_index("seconds"), rows.schema.field("seconds"), pa.array([7.0] * len(rows))
    )
    sweep.write_trial(trial, {"lanes": changed})
    found = sweep.read("lanes")
    assert found.filter(pc.equal(found["trial"], trial))["seconds"].to_pylist() == [7.0] * len(rows)
    assert found["trial"].to_pylist() == sorted(found["trial"].to_pylist())
    assert trial in read_files(sweep, monkeypatch)
    written(sweep, trial, 5 * 10**12)
    written(sweep, max(sweep.finished() - {trial}), 6 * 10**12)
    sweep.gather()
    assert trial not in read_files(sweep, monkeypatch)
    assert same(sweep.read("lanes"), found)


def test_new_and_removed_trials_are_seen(sweep: Sweep) -> None:
    sweep.gather()
    gone, twin = sorted(sweep.finished())[3:5]
    rows = sweep.read("lanes", trials=[twin])
    part(sweep, gone).unlink()
    for name in ("0new", "mnew", "znew"):
        column = pa.array([name] * len(rows))
        lanes = rows.set_column(rows.schema.get_field_index("trial"), rows.schema.field("trial"), column)
        sweep.write_trial(name, {"lanes": lanes})
    found = sweep.read("lanes")["trial"].to_pylist()
    assert sorted(set(found)) == list(dict.fromkeys(found)) == sorted(sweep.finished())
    assert gone not in found


@pytest.mark.parametrize("damage", ["gone", "flipped", "cut", "newer"])
def test_the_copy_may_be_lost_or_damaged(sweep: Sweep, damage: str) -> None:
    own = sweep.read("lanes")
    sweep.gather()
    content = bytearray(copy(sweep).read_bytes())
    if damage == "gone":
        copy(sweep).unlink()
    elif damage == "cut":
        copy(sweep).write_bytes(content[:100])
    elif damage == "flipped":
        content[len(content) // 3] ^= 1
        copy(sweep).write_bytes(content)
    else:
        field = b"schema_version\x18\x01"
        version = field + str(SCHEMA_VERSION).encode()
        assert content.count(version) == 1
        copy(sweep).write_bytes(content.replace(version, field + b"9"))
    assert same(sweep.read("lanes"), own)


def test_few_trials_are_not_gathered(tmp_path: Path) -> None:
    sweep = write_example(tmp_path)
    sweep.gather()
    assert not copy(sweep).parent.exists()


def test_outsiders_see_every_lane_once(sweep: Sweep) -> None:
    import pandas as pd

    sweep.gather()
    frame = pd.read_parquet(Path(str(sweep.folder)) / "lanes")
    assert len(frame) == sweep.read("lanes").num_rows
    assert [each.id for each in Store(Path(str(sweep.folder)).parent).sweeps()] == [sweep.id]
