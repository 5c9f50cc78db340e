"""The embedded data sets are hard for the right cell only: a plain tanh RNN stays below 95 %, a tuned gated cell does not."""

from functools import cache

import pytest

from seqsweep.seqmodels.architecture import Architecture
from seqsweep.seqmodels.data.source import load
from seqsweep.seqmodels.data.splits import split
from seqsweep.seqmodels.hyperparameters import Hyperparameters, Lane
from seqsweep.seqmodels.training_config import TrainingConfig
from seqsweep.seqmodels.trial_run import TrialRun

RATES = {"rnn_tanh": (1e-3, 3e-3), "gru": (5e-3,)}


loaded = cache(load)


def accuracy_on_test(dataset: str, cell: str) -> float:
    """Of the learning rate that does best on validation, after 40 epochs."""
    data = loaded(dataset)
    lanes = [
        Lane(candidate, 0, Hyperparameters(lr=lr, clip_norm=1.0)) for candidate, lr in enumerate(RATES[cell])
    ]
    training = TrainingConfig(epochs=40, min_change=0.0)
    trial = TrialRun(Architecture(cell, 1, 100), data, split(data), lanes, training)
    while not trial.done:
        trial.step()
    (accuracy,) = [lane.test_accuracy for lane in trial.outcome().lanes if lane.chosen]
    assert accuracy is not None
    return accuracy


@pytest.mark.parametrize("dataset", ["handwriting", "syllables"])
def test_gated_cells_are_needed(dataset: str) -> None:
    assert accuracy_on_test(dataset, "gru") >= 0.95
    assert 0.3 < accuracy_on_test(dataset, "rnn_tanh") < 0.95
