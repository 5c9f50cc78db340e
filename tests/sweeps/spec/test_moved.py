"""A project's folder may be moved, with its store or without it: its data are found again, or it is said how."""

import os
from pathlib import Path

import pytest

from seqsweep.seqmodels.data.errors import DataError
from seqsweep.sweeps.errors import SpecError
from seqsweep.sweeps.running import prepare
from seqsweep.sweeps.spec.loading import parse_spec
from seqsweep.sweeps.spec.paths import read_changes

HEADER = "@problemName t\n@timeStamps false\n@univariate true\n@classLabel true a b\n@data\n"


def write_project(folder: Path, shift: float = 0.0) -> Path:
    (folder / "data").mkdir(parents=True)
    for part in ("TRAIN", "TEST"):
        rows = [f"{i * i + shift},{i},{3 - i}:{'ab'[i % 2]}" for i in range(12)]
        (folder / "data" / f"T_{part}.ts").write_text(HEADER + "\n".join(rows) + "\n")
    return folder


def begun(project: Path, store: Path, path: object = "data/T") -> str:
    """The id of a new sweep."""
    table = {
        "name": "m", "datasets": [{"path": path, "format": "ts"}], "seeds": 1, "architecture": {"cell": "gru", "hidden": 3},
        "hyperparameters": {"lr": 0.01}, "candidates": 1, "split": {"validation": 0.3},
    }  # fmt: skip
    spec = parse_spec(table, base=project, source="m.toml")
    return prepare.new(spec, prepare.Store(store), None, 1).sweep.id


@pytest.mark.parametrize(
    "path", ["data/T", "data/T_TRAIN.ts", "data", {"train": "data/T_TRAIN.ts", "test": "data/T_TEST.ts"}]
)
def test_a_moved_project_resumes_with_its_store(tmp_path, path):
    project = write_project(tmp_path / "before")
    sweep = begun(project, project / "store", path)
    plans = prepare.again(prepare.Store(project / "store"), sweep, None, 1).plans
    project.rename(tmp_path / "after")
    store = prepare.Store(tmp_path / "after" / "store")
    ready = prepare.again(store, sweep, None, 1)
    assert ready.plans == plans
    (tmp_path / "after").rename(tmp_path / "third")
    ready = prepare.again(prepare.Store(tmp_path / "third" / "store"), sweep, None, 1)
    assert ready.plans == plans
    assert str(tmp_path / "third") in str(ready.spec.datasets)


@pytest.mark.parametrize("whole", [True, False])
def test_data_that_were_moved_and_renamed_are_told(tmp_path, whole):
    project = write_project(tmp_path / "before")
    sweep = begun(project, tmp_path / "store", "data")
    plans = prepare.again(prepare.Store(tmp_path / "store"), sweep, None, 1).plans
    (project / "data").rename(tmp_path / "other")
    store = prepare.Store(tmp_path / "store")
    with pytest.raises(DataError) as caught:
        prepare.again(store, sweep, None, 1)
    assert str(caught.value) == (
        f"{project}/data: no such file or folder: where the data of {sweep} lie now is told by "
        f"`seqsweep resume {sweep} --data OLD=NEW`, OLD being this path or the beginning of it"
    )
    if whole:
        changes = read_changes([f"{project}/data={tmp_path}/other"])
    else:
        project.rmdir()
        project.mkdir()
        (tmp_path / "other").rename(tmp_path / "data")
        changes = read_changes([f"{project}={tmp_path}"])
    assert prepare.again(store, sweep, None, 1, changes).plans == plans, "under the name that it had"
    assert prepare.again(store, sweep, None, 1).plans == plans, "and is found there from now on"


def test_other_data_at_the_place_are_refused(tmp_path):
    sweep = begun(write_project(tmp_path / "before"), tmp_path / "store")
    other = write_project(tmp_path / "after", shift=1e3)
    os.rename(tmp_path / "before", tmp_path / "gone")
    store = prepare.Store(tmp_path / "store")
    with pytest.raises(SpecError, match="is not what it was"):
        prepare.again(store, sweep, None, 1, {str(tmp_path / "before"): str(other)})
    assert str(tmp_path / "before") in str(store.find(sweep).info["spec"]), "nothing was changed"


def test_a_change_that_is_for_nothing_is_refused(tmp_path):
    sweep = begun(write_project(tmp_path / "p"), tmp_path / "store")
    with pytest.raises(SpecError) as caught:
        prepare.again(prepare.Store(tmp_path / "store"), sweep, None, 1, {"/wrong": "/x"})
    assert str(caught.value) == (
        f"--data /wrong=/x: {sweep} has no data at /wrong; its paths: {tmp_path}/p/data/T"
    )
    for text in ("", "=", "a=", "=b", "a"):
        with pytest.raises(SpecError, match="must be OLD=NEW, two paths"):
            read_changes([text])
