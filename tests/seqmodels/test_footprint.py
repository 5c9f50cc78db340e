"""What a trial is said to take, against what the kernel says that it took; and trials that must not take as much."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seqsweep.seqmodels.architecture import Architecture
from seqsweep.seqmodels.data.source import load
from seqsweep.seqmodels.data.splits import split
from seqsweep.seqmodels.hyperparameters import Hyperparameters, Lane
from seqsweep.seqmodels.training_config import TrainingConfig
from seqsweep.seqmodels.trial_run import TrialRun
from tests import REPOSITORY

SETTINGS = {
    "dataset": "handwriting",
    "backend": "cpu",
    "cell": "lstm",
    "layers": 1,
    "hidden": 100,
    "batch_size": 32,
    "lanes": 1,
    "threads": 1,
    "dropout": 0.0,
    "input_noise": 0.0,
    "memory": None,
    "checkpoints": False,
    "train": 96,  # sequences: a few steps have the most that a step takes
}


def measure(settings: dict[str, Any]) -> dict[str, Any]:
    """By a process of its own."""
    script = REPOSITORY / "tests" / "support" / "peak_memory.py"
    command = [sys.executable, "-W", "error", str(script), json.dumps(settings)]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="only Linux tells a process's peak memory"
)
@pytest.mark.parametrize(
    "changes",
    [
        {"train": 240},
        {"layers": 2, "lanes": 40, "dropout": 0.3, "input_noise": 0.1, "threads": 2},
        {"dataset": "syllables", "cell": "gru", "layers": 3, "hidden": 130, "batch_size": 16, "lanes": 30},
        {"dataset": "syllables", "cell": "rnn_tanh", "hidden": 63, "batch_size": 64, "lanes": 200},
        {"layers": 2, "lanes": 40, "checkpoints": True},
        {"layers": 2, "lanes": 60, "memory": 260_000_000, "checkpoints": True},
    ],
    ids=lambda changes: "-".join(f"{name}={value}" for name, value in changes.items()),
)
def test_peak_memory_is_predicted_within_a_fifth(changes: dict[str, Any]) -> None:
    found = measure({**SETTINGS, **changes})
    assert 0.8 <= found["predicted"] / found["measured"] <= 1.2, found
    limit = changes.get("memory")
    if limit:
        assert found["measured"] <= limit, found
        assert found["lanes_at_once"] < changes["lanes"]


@pytest.fixture(scope="module")
def outcomes() -> list[TrialRun]:
    """The same trial with room for all lanes, and for one after the other; the latter goes through checkpoints."""
    dataset = load("handwriting")
    lanes = [
        Lane(c, s, Hyperparameters(lr=lr, dropout=0.2)) for c, lr in enumerate([3e-3, 1e30]) for s in (0, 1)
    ]
    training = TrainingConfig(epochs=2, batch_size=64, min_change=0.0, refit=True)
    arguments = (Architecture("gru", 2, 16), dataset, split(dataset), lanes, training)
    whole, waves = TrialRun(*arguments), TrialRun(*arguments, memory=1)
    assert (whole.lanes_at_once, waves.lanes_at_once) == (4, 1)
    while not whole.done:
        whole.step()
    while not waves.done:
        waves.step()
        again = TrialRun(*arguments, memory=1)
        again.load_state_dict(waves.state_dict())
        if not waves.done:
            assert again.work_total == waves.work_total
            waves = again
    return [whole, waves]


def test_waiting_lanes_change_no_bit(outcomes: list[TrialRun]) -> None:
    whole, waves = (trial.outcome() for trial in outcomes)
    assert {lane.stopped for lane in whole.lanes} == {"max_epochs", "diverged"}
    for a, b in zip(whole.lanes, waves.lanes, strict=True):
        assert {**vars(a), "seconds": 0} == {**vars(b), "seconds": 0}
    assert whole.models.keys() == waves.models.keys()
    for key, model in whole.models.items():
        for name, value in model.items():
            np.testing.assert_array_equal(value, waves.models[key][name])
    for mine, theirs in zip(whole.scores, waves.scores, strict=True):
        np.testing.assert_array_equal(mine.probabilities, theirs.probabilities)


def test_waiting_lanes_leave_the_same_epochs(outcomes: list[TrialRun]) -> None:
    def rows(trial: TrialRun) -> set[str]:
        return {repr({**vars(epoch), "seconds": 0}) for epoch in trial.outcome().epochs}

    assert rows(outcomes[0]) == rows(outcomes[1])
