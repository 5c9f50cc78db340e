"""From a trial's outcome to the rows of the store, without Ray; and half-trained trials on disk."""

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import confusion_matrix

from seqsweep.results import schema
from seqsweep.results.files import Folder
from seqsweep.seqmodels.data.dataset import SequenceDataset
from seqsweep.seqmodels.trial_run import TrialRun
from seqsweep.sweeps.live.trial_report import TrialSummary
from seqsweep.sweeps.running import checkpoint, prepare
from seqsweep.sweeps.running import rows as records
from seqsweep.sweeps.spec.loading import parse_spec
from seqsweep.sweeps.spec.plan import TrialPlan
from tests.support.small_sweep import CLASSES, table

Finished = tuple[TrialRun, TrialPlan, SequenceDataset, dict[str, pd.DataFrame]]


@pytest.fixture(scope="module")
def finished(strokes: Path) -> Finished:
    """One trial with a candidate that diverges at once."""
    changes = {
        "architecture": {"cell": "rnn_relu", "hidden": 5, "readout": "max+last", "head_hidden": 3},
        "hyperparameters": {"lr": {"choice": [1e-2, 1e30]}, "optimizer": "sgd", "clip_norm": 1.0},
    }
    data, plans = prepare.plan_all(parse_spec(table(strokes, **changes), base=Path(), source="test"))
    (plan,) = plans
    dataset, splits = data["strokes"]
    trial = TrialRun(plan.architecture, dataset, splits, plan.lanes, plan.training)
    while not trial.done:
        trial.step()
    rows = records.tables(
        trial.outcome(),
        plan,
        dataset,
        sweep="s",
        parameters=trial.parameter_count,
        backend=trial.backend_name,
        host="here",
    )
    return trial, plan, dataset, {name: part.to_pandas() for name, part in rows.items()}


def test_lanes_say_everything(finished: Finished) -> None:
    trial, plan, _, frames = finished
    lanes = frames["lanes"]
    assert len(lanes) == len(plan.lanes) == 4
    assert set(lanes.trial) == {plan.id}
    assert set(lanes.readout) == {"last+max"}
    assert set(lanes.parameters) == {trial.parameter_count}
    for row, lane in zip(lanes.itertuples(), plan.lanes, strict=True):
        assert (row.candidate, row.seed, row.lr) == (lane.candidate, lane.seed, lane.hyperparameters.lr)
        assert (row.stopped == "diverged") == (row.lr > 1)
        assert row.chosen == (row.lr < 1)
        assert np.isfinite(row.test_accuracy) == row.chosen


def test_confusions_are_those_of_the_predictions(finished: Finished) -> None:
    _, _, dataset, frames = finished
    confusions, predictions = frames["confusions"], frames["predictions"]
    assert set(confusions.split) == {"validation", "test"}
    checked = 0
    for (seed, split), own in predictions.groupby(["seed", "split"], observed=True):
        found = confusions[
            (confusions.seed == seed)
            & (confusions.split == split)
            & (confusions.candidate == own.candidate.iloc[0])
        ]
        cells = found.pivot_table(index="true", columns="predicted", values="count", observed=True)
        cells = cells.loc[list(CLASSES), list(CLASSES)]
        expected = confusion_matrix(own.true.astype(str), own.predicted.astype(str), labels=list(CLASSES))
        assert cells.to_numpy().tolist() == expected.tolist()
        assert set(own.sequence) <= set(dataset.ids)
        assert not own.sequence.duplicated().any()
        probabilities = np.stack(own.probabilities)
        assert [CLASSES[column] for column in probabilities.argmax(1)] == own.predicted.to_list()
        checked += 1
    assert checked == 4


def test_true_labels_are_the_data_sets(finished: Finished) -> None:
    _, _, dataset, frames = finished
    truth = dict(zip(dataset.ids, (dataset.class_names[label] for label in dataset.label), strict=True))
    predictions = frames["predictions"]
    assert predictions.true.astype(str).to_list() == [truth[name] for name in predictions.sequence]


def test_summary_counts_what_the_live_view_shows(finished: Finished) -> None:
    trial, plan, dataset, frames = finished
    rows = records.tables(trial.outcome(), plan, dataset, sweep="s", parameters=1, backend="torch", host="h")
    summary = records.summary(rows["lanes"])
    chosen = frames["lanes"][frames["lanes"].chosen]
    assert summary == TrialSummary(2, tuple(chosen.validation_accuracy), tuple(chosen.test_accuracy))
    diverged = [row | {"stopped": "diverged"} for row in rows["lanes"].to_pylist()]
    lost = records.summary(schema.table("lanes", diverged))
    assert all(math.isnan(value) for value in lost.validation), "whatever it was before it diverged"


def test_models_are_named_for_the_store(finished: Finished) -> None:
    trial, *_ = finished
    found = records.models(trial.outcome())
    assert len(found) == 2
    for name, state in found.items():
        assert name.startswith("c")
        assert "rnn.weight_ih_l0" in state


def test_checkpoint_comes_back_bit_for_bit(tmp_path: Path) -> None:
    folder = Folder.at(tmp_path)
    state = {
        "a": torch.randn(3, 4),
        "b": torch.randn(4, 4).T,
        "c": torch.tensor([float("nan"), -0.0], dtype=torch.float64),
        "d": torch.arange(3),
    }
    assert checkpoint.load(folder, "abc") is None
    checkpoint.save(folder, "abc", {"old": torch.zeros(1)})
    checkpoint.save(folder, "abc", state)
    found = checkpoint.load(folder, "abc")
    assert found is not None
    assert found.keys() == state.keys()
    for name, tensor in state.items():
        assert found[name].dtype == tensor.dtype
        assert found[name].numpy().tobytes() == tensor.contiguous().numpy().tobytes()
    assert checkpoint.load(folder, "other") is None
    checkpoint.discard(folder, "abc")
    assert checkpoint.load(folder, "abc") is None
    checkpoint.clear(folder)
    checkpoint.clear(folder)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("keep", [0, 1, 7, 8, 20, -1])
def test_torn_checkpoint_counts_as_none(tmp_path: Path, keep: int) -> None:
    folder = Folder.at(tmp_path)
    checkpoint.save(folder, "abc", {"a": torch.randn(3, 4)})
    file = tmp_path / "checkpoints" / "abc.safetensors"
    file.write_bytes(file.read_bytes()[:keep])
    assert checkpoint.load(folder, "abc") is None


def test_a_checkpoint_of_other_bytes_counts_as_none(tmp_path: Path) -> None:
    folder = Folder.at(tmp_path)
    checkpoint.save(folder, "abc", {"a": torch.randn(3, 4)})
    (tmp_path / "checkpoints" / "abc.safetensors").write_bytes(b"\0" * 999)
    assert checkpoint.load(folder, "abc") is None


def test_a_checkpoint_with_a_flipped_bit_counts_as_none(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = Folder.at(tmp_path)
    checkpoint.save(folder, "abc", {"a": torch.randn(30, 4)})
    file = tmp_path / "checkpoints" / "abc.safetensors"
    whole = file.read_bytes()
    for place in range(0, len(whole), 7):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :])
        assert checkpoint.load(folder, "abc") is None, place
    assert f"trial abc starts from its beginning: {file} is damaged" in caplog.text
    file.write_bytes(whole)
    assert checkpoint.load(folder, "abc") is not None


def test_a_checkpoint_that_cannot_be_written_is_only_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "checkpoints").write_text("in the way")
    checkpoint.save(Folder.at(tmp_path), "abc", {"a": torch.zeros(1)})
    assert "trial abc goes on without a new checkpoint: cannot write" in caplog.text
