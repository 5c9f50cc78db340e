"""Run by test_footprint.py in a process of its own: trains a trial, prints its predicted and its measured bytes as JSON.

usage: peak_memory.py '{"cell": .., "layers": .., ...}'
"""

import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from seqsweep.seqmodels.architecture import Architecture
from seqsweep.seqmodels.data.source import load
from seqsweep.seqmodels.data.splits import split
from seqsweep.seqmodels.hyperparameters import Hyperparameters, Lane
from seqsweep.seqmodels.tensor_buffer import pack
from seqsweep.seqmodels.training_config import TrainingConfig
from seqsweep.seqmodels.trial_run import TrialRun


def resident(what: str) -> int:
    """VmRSS or VmHWM (its most) of this process, in bytes."""
    match = re.search(rf"{what}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert match
    return 1024 * int(match[1])


def trial(settings: dict[str, Any], lanes: int) -> TrialRun:
    """With so many lanes."""
    dataset = load(settings["dataset"])
    architecture = Architecture(settings["cell"], settings["layers"], settings["hidden"])
    hyperparameters = Hyperparameters(dropout=settings["dropout"], input_noise=settings["input_noise"])
    splits = split(dataset)
    return TrialRun(
        architecture,
        dataset,
        replace(splits, train=splits.train[: settings["train"]]),
        [Lane(candidate, 0, hyperparameters) for candidate in range(lanes)],
        TrainingConfig(epochs=1, batch_size=settings["batch_size"], min_change=0.0),
        backend=settings["backend"],
        threads=settings["threads"],
        memory=settings["memory"],
    )


def main() -> None:
    """Measure."""
    torch.set_num_threads(1)
    settings = json.loads(sys.argv[1])
    warm = trial({**settings, "cell": "rnn_tanh", "layers": 1, "hidden": 1, "batch_size": 1}, 1)
    while not warm.done:  # what every process takes once is not the trial's
        warm.step()
    before = resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # VmHWM begins anew
    trained = trial(settings, settings["lanes"])
    while not trained.done:
        if settings["checkpoints"]:
            pack(trained.state_dict())
        trained.step()
    footprint = trained.footprint
    predicted = footprint.total(settings["lanes"], trained.lanes_at_once, checkpoints=settings["checkpoints"])
    print(
        json.dumps(
            {
                "predicted": predicted,
                "measured": resident("VmHWM") - before,
                "lanes_at_once": trained.lanes_at_once,
            }
        )
    )


main()
