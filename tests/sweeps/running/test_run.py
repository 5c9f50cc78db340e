"""Sweeps in this process, on a real local Ray."""

import json
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from seqsweep.cluster.local import ClusterError
from seqsweep.results.errors import StoreError
from seqsweep.results.store import Store
from seqsweep.seqmodels.backends.choosing import create_backend
from seqsweep.sweeps.cli.running import resume_sweep, run_sweep
from seqsweep.sweeps.errors import SpecError
from seqsweep.sweeps.running import prepare
from seqsweep.sweeps.running.sweep import state_of
from seqsweep.sweeps.spec.loading import parse_spec
from seqsweep.sweeps.spec.model import Spec
from tests.support.small_sweep import CELLS, CLASSES, assert_same, figures, newest, table

pytestmark = pytest.mark.usefixtures("local_ray")


def spec(strokes: Path, **changes) -> Spec:
    return parse_spec(table(strokes, **changes), base=Path(), source="test")


@pytest.fixture(scope="module")
def finished(local_ray: None, strokes: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    store = tmp_path_factory.mktemp("finished")
    console = Console(file=StringIO(), width=160)
    assert run_sweep(spec(strokes), store=store, console=console) == 0
    return store, console.file.getvalue()


def test_tables_are_whole(finished: tuple[Path, str], strokes: Path) -> None:
    sweep = newest(finished[0])
    lanes = sweep.read("lanes").to_pandas()
    assert lanes.groupby("cell", observed=True).size().to_dict() == dict.fromkeys(CELLS, 6)
    assert not lanes.duplicated(["trial", "candidate", "seed"]).any()
    assert set(lanes.trial) == sweep.finished() == {trial.id for trial in prepare.plan_all(spec(strokes))[1]}
    final = lanes.stage == "final"
    chosen = lanes[lanes.chosen & ~final]
    assert chosen.groupby("trial").size().eq(2).all(), "both seeds of one candidate"
    assert lanes[final].groupby("trial").size().eq(2).all()
    assert lanes.test_accuracy.notna().equals(final)
    assert lanes.refit.equals(final), "only the chosen candidate is trained again"
    assert lanes.refit_epochs.notna().equals(lanes.refit)
    epochs = sweep.read("epochs").to_pandas()
    assert (epochs[epochs.phase == "search"].groupby(["trial", "candidate", "seed"]).size() == 2).all()
    assert set(epochs.phase) == {"search", "final"}
    confusions = sweep.read("confusions").to_pandas()
    sizes = confusions.groupby(["trial", "candidate", "seed", "split"], observed=True)["count"].agg(
        ["size", "sum"]
    )
    assert (sizes["size"] == len(CLASSES) ** 2).all()
    assert set(sizes["sum"].xs("test", level="split")) == {12}
    predictions = sweep.read("predictions").to_pandas()
    test = predictions[predictions.split == "test"]
    accuracy = (test.true.astype(str) == test.predicted.astype(str)).groupby([test.trial, test.seed]).mean()
    stored = lanes[final].set_index(["trial", "seed"]).test_accuracy.sort_index()
    assert accuracy.sort_index().to_list() == pytest.approx(stored.to_list())
    assert len(sweep.model(lanes.trial[0], int(lanes[lanes.chosen].candidate.iloc[0]), 1000)) >= 6


def test_sweep_json_says_where_it_comes_from(finished: tuple[Path, str]) -> None:
    info = newest(finished[0]).info
    assert (info["status"], info["trials"], info["lanes"], info["failed"]) == ("finished", 3, 18, {})
    assert info["datasets"][0]["classes"] == list(CLASSES)
    assert info["datasets"][0]["train"] + info["datasets"][0]["validation"] == 36
    assert info["datasets"][0]["normalization"] == {"kind": "per_sequence_minmax"}
    assert info["datasets"][0]["class_counts"]["test"] == [4, 4, 4]
    assert info["datasets"][0]["format"] == "strokes"
    assert isinstance(info["datasets"][0]["findings"], list)
    assert set(info["versions"]) >= {"python", "torch", "ray", "seqsweep"}
    assert info["seconds"] > 0
    assert info["ended"] > info["created"]
    assert info["backend"] == create_backend("auto").name


def test_prints_a_line_per_trial_and_the_verdict(finished: tuple[Path, str]) -> None:
    text = finished[1]
    for cell in CELLS:
        assert f"{cell} x 1 x 7 · strokes · validation" in text
    assert "[3/3]" in text
    assert "chosen on validation" in text


def test_leaves_results_and_a_log_and_nothing_else(finished: tuple[Path, str]) -> None:
    folder = Path(newest(finished[0]).folder.path)
    visible = {entry.name for entry in folder.iterdir() if not entry.name.startswith(".")}
    tables = {"examples.parquet", "lanes", "epochs", "confusions", "predictions"}
    assert visible == {"sweep.json", *tables, "models", "ray.log"}


def test_same_bits_one_trial_at_a_time(
    finished: tuple[Path, str], strokes: Path, tmp_path: Path, terminal: Console
) -> None:
    one = spec(strokes, resources={"max_concurrent": 1})
    assert run_sweep(one, store=tmp_path, console=terminal) == 0
    assert_same(newest(tmp_path), figures(newest(finished[0])))
    lines = [line for line in terminal.file.getvalue().splitlines() if line.startswith("[")]
    cells = [line.split()[1] for line in lines]
    assert cells == ["lstm", "gru", "rnn_tanh"], "the longest first, so that none is left alone at the end"


def test_finished_sweep_says_so(finished: tuple[Path, str], terminal: Console) -> None:
    assert resume_sweep(finished[0], None, console=terminal) == 0
    assert "is finished, 3 of 3 trials: nothing is left to train" in terminal.file.getvalue()
    assert "[1/3]" not in terminal.file.getvalue()


def test_json_has_standard_output_for_itself(
    finished: tuple[Path, str], terminal: Console, capfd: pytest.CaptureFixture[str]
) -> None:
    assert resume_sweep(finished[0], None, console=terminal, json_output=True) == 0
    assert len(json.loads(terminal.file.getvalue())["datasets"][0]["rows"]) == 3
    assert "is finished" in capfd.readouterr().err


def test_failed_trial_leaves_the_others_and_useless_checkpoints_do_no_harm(
    finished: tuple[Path, str],
    strokes: Path,
    tmp_path: Path,
    terminal: Console,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import torch

    from seqsweep.sweeps.running import checkpoint, tune

    monkeypatch.setattr(tune, "RESTARTS", 0)
    ready = prepare.new(spec(strokes), Store(tmp_path), None, None)
    ready.sweep.update(cores=99)
    folder = tmp_path / ready.sweep.id
    broken, strange, torn = ready.plans
    obstacle = folder / "lanes" / f"{broken.id}.parquet"
    obstacle.mkdir(parents=True)  # the trial's table cannot be put there
    checkpoint.save(ready.sweep.folder, strange.id, {"search.params": torch.zeros(3)})
    (folder / "checkpoints" / f"{torn.id}.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{")

    assert resume_sweep(tmp_path, None, console=terminal) == 1
    sweep = newest(tmp_path)
    assert sweep.info["status"] == "failed"
    assert sweep.info["cores"] == 2, "those that Ray had"
    assert set(sweep.info["failed"]) == {broken.id}
    assert sweep.finished() == {strange.id, torn.id}
    text = terminal.file.getvalue()
    assert f"failed: {broken.label} ({broken.id}): StoreError" in text
    assert str(folder / "ray.log") in text
    assert "Traceback" not in text
    assert f"continue with: seqsweep resume {sweep.id} --store {tmp_path}" in text

    obstacle.rmdir()
    assert resume_sweep(tmp_path, sweep.id, console=terminal) == 0
    assert newest(tmp_path).info["failed"] == {}
    assert_same(newest(tmp_path), figures(newest(finished[0])))


def test_batch_sizes_are_told_apart_while_it_runs(strokes: Path, tmp_path: Path) -> None:
    sizes = spec(strokes, architecture={"cell": "gru", "hidden": 7, "batch_size": [4, 8]})
    state = state_of(prepare.new(sizes, Store(tmp_path), None, None))
    names = {trial.architecture for trial in state.trials.values()}
    assert names == {"gru x 1 x 7 batch 4", "gru x 1 x 7 batch 8"}


def test_resume_refuses_other_data(strokes: Path, tmp_path: Path, terminal: Console) -> None:
    from tests.support.small_sweep import write_strokes

    data = write_strokes(tmp_path / "data")
    prepare.new(spec(data), Store(tmp_path / "store"), None, None)
    (data / CLASSES[0] / "dev" / f"{CLASSES[0]}-0.txt").write_text("2 0 0 1 1\n")
    with pytest.raises(SpecError, match="`strokes` is not what it was"):
        resume_sweep(tmp_path / "store", None, console=terminal)


def test_resume_refuses_a_running_sweep(strokes: Path, tmp_path: Path, terminal: Console) -> None:
    from seqsweep.results.holder import held

    ready = prepare.new(spec(strokes), Store(tmp_path), None, None)
    with held(ready.sweep.folder), pytest.raises(StoreError, match="by another process"):
        resume_sweep(tmp_path, None, console=terminal)


@pytest.mark.parametrize(("share", "asked"), [("cpus_per_trial", 3), ("gpus_per_trial", 64)])
def test_too_large_a_share_is_refused_before_anything_is_created(
    share: str, asked: int, strokes: Path, tmp_path: Path, terminal: Console
) -> None:
    large = spec(strokes, resources={share: asked})
    with pytest.raises(
        ClusterError, match=rf"`resources.{share}` is {asked}, but must be at most \d+: this machine"
    ):
        run_sweep(large, store=tmp_path / "store", console=terminal, cpus=2)
    assert not (tmp_path / "store").exists()
