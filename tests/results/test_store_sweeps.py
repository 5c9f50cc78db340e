"""Sweeps: made, found, listed; what cannot be read is named."""

import contextlib
import json
import math
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from seqsweep.results.analysis.verdict import verdict
from seqsweep.results.errors import Damaged, StoreError
from seqsweep.results.schema import EXAMPLES, SCHEMAS, VERSION_KEY, table
from seqsweep.results.seal import FIELD
from seqsweep.results.store import EXAMPLES_FILE, Store, Sweep
from tests.support.example_sweep import SWEEP_ID, write_example


def test_an_absent_store_is_an_empty_store(tmp_path: Path) -> None:
    store = Store(tmp_path / "not" / "there")
    assert store.sweeps() == []
    with pytest.raises(StoreError, match=r"no sweep in .*there yet; `seqsweep run` makes one"):
        store.find()
    with pytest.raises(StoreError, match=r"no sweep `x` in .*; it is empty"):
        store.find("x")
    assert not (tmp_path / "not").exists()


def test_create_then_update_survives_a_new_reader(tmp_path: Path) -> None:
    sweep = Store(tmp_path).create("ref-0a1b2c", {"name": "ref", "spec": {"π": [1, None]}})
    sweep.update(status="finished", seconds=1.5)
    info = Store(tmp_path).find("ref").info
    assert info == sweep.info
    assert (info["status"], info["seconds"], info["spec"]) == ("finished", 1.5, {"π": [1, None]})
    assert (info["id"], info["schema_version"]) == ("ref-0a1b2c", 2)


def test_an_id_is_taken_once(tmp_path: Path) -> None:
    Store(tmp_path).create("ref-0a1b2c", {})
    with pytest.raises(StoreError, match="ref-0a1b2c already holds a sweep"):
        Store(tmp_path).create("ref-0a1b2c", {})


def test_sweeps_come_newest_first_and_other_folders_are_passed_over(tmp_path: Path) -> None:
    store = Store(tmp_path)
    for day, name in ((3, "b-000000"), (1, "c-000000"), (2, "a-000000")):
        store.create(name, {"created": f"2026-11-0{day}T00:00:00+00:00"})
    (tmp_path / "notes").mkdir()
    (tmp_path / ".cache").mkdir()
    (tmp_path / "readme.txt").write_text("mine")
    assert [sweep.id for sweep in store.sweeps()] == ["b-000000", "a-000000", "c-000000"]
    assert store.find().id == "b-000000"


@pytest.mark.parametrize(
    ("prefix", "found"),
    [
        ("reference-a", "reference-a7f3c1"),
        ("best", "best-11aa22"),
        ("best-11aa22", "best-11aa22"),
        ("b0", "reference-b0ffee"),
    ],
)
def test_a_unique_prefix_of_the_id_or_its_hex_part_is_enough(tmp_path: Path, prefix: str, found: str) -> None:
    for name in ("reference-a7f3c1", "reference-b0ffee", "best-11aa22", "best-11aa22-3"):
        if prefix != "best" or name != "best-11aa22-3":
            Store(tmp_path).create(name, {})
    assert Store(tmp_path).find(prefix).id == found


def test_none_or_several_are_named(tmp_path: Path) -> None:
    for name in ("reference-a7f3c1", "reference-b0ffee", "best-11aa22"):
        Store(tmp_path).create(name, {})
    with pytest.raises(
        StoreError, match="`ref` fits 2 sweeps: reference-a7f3c1, reference-b0ffee; give more"
    ):
        Store(tmp_path).find("ref")
    with pytest.raises(StoreError, match=r"no sweep `refrence-a7` .*nearest: reference-a7f3c1"):
        Store(tmp_path).find("refrence-a7")


@settings(max_examples=60)
@given(st.one_of(st.text(max_size=12), st.text(alphabet="./\\~a:$%\0\n", max_size=8)))
@example("..")
@example("../../x")
@example("/etc")
@example("a/../b")
@example("x\n")
@example("~")
@example("a" * 129)
def test_no_id_escapes_the_store(text: str) -> None:
    with tempfile.TemporaryDirectory() as outer:
        root = Path(outer) / "store"
        with contextlib.suppress(StoreError):
            Store(root).create(text, {})
            assert [path.name for path in root.iterdir()] == [text]
        assert {path.name for path in root.glob("*")} <= {text}
        assert {path.name for path in Path(outer).iterdir()} <= {"store"}
        sweep = Store(root).create("ok-000000", {})
        with pytest.raises(StoreError):
            sweep.write_trial(f"../{text}", {})
        with pytest.raises(StoreError):
            sweep.model(f"../{text}", 0, 0)
        with pytest.raises(StoreError):
            Store(root).find(f"../store/{text}")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"schema_version": 1, "crea', "is damaged"),
        ("", "is damaged"),
        ("[]", "is damaged: it holds no object"),
        ('{"created": "x"}', "`schema_version` is null, but must be an integer"),
        ('{"schema_version": 1}', "`created` is missing"),
        (
            '{"schema_version": 99, "created": "x"}',
            "schema version 99, but this seqsweep reads up to 2: upgrade",
        ),
    ],
)
def test_a_bad_sweep_json_is_named(tmp_path: Path, content: str, said: str) -> None:
    Store(tmp_path).create("a-000000", {})
    (tmp_path / "a-000000" / "sweep.json").write_text(content)
    for look in (Store(tmp_path).sweeps, Store(tmp_path).find, lambda: Store(tmp_path).find("a-0")):
        with pytest.raises(StoreError) as caught:
            look()
        assert f"{tmp_path}/a-000000/sweep.json" in str(caught.value)
        assert said in str(caught.value)


@pytest.mark.usefixtures("own_sweep")
def test_results_without_sweep_json_are_named(tmp_path: Path) -> None:
    (tmp_path / SWEEP_ID / "sweep.json").unlink()
    with pytest.raises(StoreError, match=rf"{SWEEP_ID}/sweep\.json is missing"):
        Store(tmp_path).sweeps()


def test_what_json_cannot_hold_is_refused_and_nothing_is_lost(tmp_path: Path) -> None:
    sweep = Store(tmp_path).create("a-000000", {"name": "a"})
    for bad in (math.nan, object()):
        with pytest.raises(StoreError, match=r"sweep\.json cannot be written as JSON"):
            sweep.update(seconds=bad)
    written = json.loads((tmp_path / "a-000000" / "sweep.json").read_text())
    assert written == sweep.info | {FIELD: written[FIELD]}


def part(root: Path, table: str) -> Path:
    return sorted((root / SWEEP_ID / table).glob("*.parquet"))[0]


@pytest.mark.parametrize("table", list(SCHEMAS))
@pytest.mark.parametrize("damage", ["truncated", "empty", "garbage", "newer", "foreign", "column", "type"])
def test_a_bad_part_is_named(own_sweep: Sweep, tmp_path: Path, table: str, damage: str) -> None:
    path = part(tmp_path, table)
    good = pq.read_table(path)
    if damage == "truncated":
        path.write_bytes(path.read_bytes()[:-20])
    elif damage == "empty":
        path.write_bytes(b"")
    elif damage == "garbage":
        path.write_bytes(b"x" * 3000)
    elif damage == "newer":
        pq.write_table(good.replace_schema_metadata({VERSION_KEY: b"3"}), path)
    elif damage == "foreign":
        pq.write_table(good.replace_schema_metadata(None), path)
    elif damage == "column":
        pq.write_table(good.drop_columns(["seed"]), path)
    else:
        pq.write_table(good.set_column(4, "layers", pa.array(["one"] * len(good))), path)
    said = {
        "newer": "has schema version 3, but this seqsweep reads up to 2",
        "foreign": "carries no schema version",
        "column": "lacks the column `seed`",
    }.get(damage, "is damaged")
    if damage == "type" and not len(good):
        pytest.skip("an empty part casts to anything")
    with pytest.raises(StoreError) as caught:
        own_sweep.read(table)
    assert str(path) in str(caught.value)
    assert said in str(caught.value)


@pytest.mark.parametrize("table", ["epochs", "confusions", "predictions"])
def test_a_finished_trial_without_a_part_is_named(own_sweep: Sweep, tmp_path: Path, table: str) -> None:
    path = part(tmp_path, table)
    path.unlink()
    with pytest.raises(StoreError, match="is missing") as caught:
        own_sweep.read(table)
    assert str(path) in str(caught.value)


def test_a_missing_or_bad_model_is_named(own_sweep: Sweep, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"models/nothing-c0-s0\.safetensors is missing"):
        own_sweep.model("nothing", 0, 0)
    path = sorted((tmp_path / SWEEP_ID / "models").iterdir())[0]
    path.write_bytes(b"xx")
    with pytest.raises(StoreError, match=r"\.safetensors is damaged"):
        own_sweep.model(path.name.split("-")[0], 0, 0)


def test_what_does_not_belong_to_the_trial_is_refused(own_sweep: Sweep, tmp_path: Path) -> None:
    trial = sorted(own_sweep.finished())[0]
    lanes = own_sweep.read("lanes", trials=[trial])
    cases: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
        (trial, {}, {}, "has no table `lanes`"),
        ("other", {"lanes": lanes}, {}, f"`trial` is '{trial}', but must be 'other'"),
        (trial, {"lanes": lanes.slice(0, 0)}, {}, "has no lanes, but must have at least one"),
        (trial, {"lanes": lanes.drop_columns(["seed"])}, {}, "does not have the columns of results.schema"),
        (trial, {"lanes": lanes, "extra": lanes}, {}, "there is no table `extra`"),
        (trial, {"lanes": lanes}, {"best": {}}, "named `best`, but must be like c3-s0"),
    ]
    before = sorted(path for path in tmp_path.rglob("*"))
    for name, tables, models, said in cases:
        with pytest.raises(StoreError) as caught:
            own_sweep.write_trial(name, tables, models)
        assert said in str(caught.value)
    assert sorted(path for path in tmp_path.rglob("*")) == before


def test_a_trial_written_again_replaces_all_of_the_earlier_one(own_sweep: Sweep, tmp_path: Path) -> None:
    trial = sorted(own_sweep.finished())[0]
    lanes = own_sweep.read("lanes", trials=[trial])
    others = len(own_sweep.read("epochs")) - len(own_sweep.read("epochs", trials=[trial]))
    own_sweep.write_trial(trial, {"lanes": lanes.slice(0, 1)}, {"c7-s0": {"w": lanes["lr"].to_numpy()}})
    assert len(own_sweep.read("lanes", trials=[trial])) == 1
    assert len(own_sweep.read("epochs")) == others
    models = [path.name for path in (tmp_path / SWEEP_ID / "models").glob(f"{trial}-*")]
    assert models == [f"{trial}-c7-s0.safetensors"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match=r"cannot write .*file/a-000000/sweep.json"):
        Store(tmp_path / "file").create("a-000000", {})
    with pytest.raises(StoreError, match=r"^cannot list \S*/file: Not a directory$"):
        Store(tmp_path / "file").sweeps()


def test_a_file_uri_and_a_path_are_the_same_store(tmp_path: Path) -> None:
    written = write_example(tmp_path.as_uri())
    assert Store(tmp_path).find().finished() == written.finished() != set()


def test_an_unknown_kind_of_uri_is_named() -> None:
    with pytest.raises(StoreError, match="cannot open the store nope://a"):
        Store("nope://a")


def test_examples_come_back_as_they_were_written(own_sweep: Sweep, tmp_path: Path) -> None:
    found = own_sweep.examples()
    assert found is not None
    assert found.schema.equals(EXAMPLES)
    assert found["class"].unique().to_pylist()[:2] == ["a", "ai"]
    row = found.to_pylist()[1]
    assert len(row["values"]) == row["features"] * row["length"] / row["token_step"]
    path = tmp_path / SWEEP_ID / EXAMPLES_FILE
    content = bytearray(path.read_bytes())
    content[200] ^= 1
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"examples\.parquet is damaged"):
        own_sweep.examples()
    path.unlink()
    assert own_sweep.examples() is None
    assert own_sweep.read("lanes").num_rows > 0


def test_a_value_of_an_example_that_breaks_a_rule_is_named() -> None:
    row = {"dataset": "d", "class": "a", "sequence": "a/0", "length": 1, "features": 1}
    whole = row | {"token_step": 1, "feature_step": 1, "values": [0.5]}
    assert table("examples", [whole]).num_rows == 1
    with pytest.raises(StoreError, match="examples, row 0: `token_step` is 0, but must be at least 1"):
        table("examples", [whole | {"token_step": 0}])


@pytest.mark.parametrize("table", list(SCHEMAS))
def test_a_copied_part_is_named_and_not_counted_twice(own_sweep: Sweep, tmp_path: Path, table: str) -> None:
    path = part(tmp_path, table)
    rows = len(own_sweep.read(table))
    if not len(pq.read_table(path)):
        path = sorted((tmp_path / SWEEP_ID / table).glob("*.parquet"))[-1]
    copy = path.with_name("a-copy.parquet")
    copy.write_bytes(path.read_bytes())
    if table != "lanes":  # what marks the copy as a finished trial
        trial = path.stem
        lanes = tmp_path / SWEEP_ID / "lanes"
        (lanes / copy.name).write_bytes((lanes / f"{trial}.parquet").read_bytes())
    with pytest.raises(Damaged, match=rf"a-copy\.parquet is damaged: it holds rows of trial `{path.stem}`"):
        own_sweep.read(table)
    copy.unlink()
    (tmp_path / SWEEP_ID / "lanes" / copy.name).unlink(missing_ok=True)
    assert len(own_sweep.read(table)) == rows


def test_a_lane_that_is_there_twice_is_named(own_sweep: Sweep, tmp_path: Path) -> None:
    path = part(tmp_path, "lanes")
    good = pq.read_table(path)
    pq.write_table(pa.concat_tables([good, good.slice(0, 1)]), path)
    with pytest.raises(Damaged, match=rf"{path.name} is damaged: candidate 0 with seed 0 is in it twice"):
        own_sweep.read("lanes", ["lr"])


def test_two_trials_of_one_architecture_are_named(own_sweep: Sweep) -> None:
    trial = sorted(own_sweep.finished())[0]
    rows = [row | {"trial": "twin"} for row in own_sweep.read("lanes", trials=[trial]).to_pylist()]
    own_sweep.write_trial("twin", {"lanes": table("lanes", rows)})
    with pytest.raises(Damaged, match=rf"trials `{trial}` and `twin` are both .* move the files of one"):
        verdict(own_sweep)
