"""Whole epochs by the kernels, emulated: against the torch backend, step by step, and a lane's bits whatever is around it."""

import math
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from seqsweep.seqmodels import trial_run
from seqsweep.seqmodels.architecture import Architecture
from seqsweep.seqmodels.backends.base import Backend, EpochBackend
from seqsweep.seqmodels.backends.cuda import training
from seqsweep.seqmodels.backends.cuda.backend import CudaBackend
from seqsweep.seqmodels.backends.cuda.device import Kernel
from seqsweep.seqmodels.backends.torch_ import TorchBackend
from seqsweep.seqmodels.cells import CELLS
from seqsweep.seqmodels.data.splits import Splits
from seqsweep.seqmodels.hyperparameters import Hyperparameters, Lane
from seqsweep.seqmodels.layout import Layout
from seqsweep.seqmodels.progress import EpochRecord
from seqsweep.seqmodels.scoring import TrialOutcome
from seqsweep.seqmodels.testing.conformance import same_bits
from seqsweep.seqmodels.training import Trainer
from seqsweep.seqmodels.training_config import CLASS_WEIGHTS, TrainingConfig
from seqsweep.seqmodels.trial_run import TrialRun
from tests.support.cuda.emulator import COMPILER, Emulator
from tests.support.plain import small_dataset, tokens_of

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler: none of g++, c++ is there")
DATA = small_dataset(22, longest=7)
TRAIN, VALIDATION = np.arange(16), np.arange(16, 22)
SETTINGS = [
    Hyperparameters(optimizer="adam", lr=0.01),
    Hyperparameters(optimizer="sgd", lr=0.05, momentum=0.9, nesterov=True, clip_norm=0.5, weight_decay=0.01),
    Hyperparameters(optimizer="rmsprop", lr=0.003, momentum=0.5, schedule="cosine", label_smoothing=0.1),
    Hyperparameters(optimizer="adamw", lr=0.02, weight_decay=0.05, schedule="one_cycle", dropout=0.3),
    Hyperparameters(optimizer="adam", lr=0.01, weight_decay=0.001, input_noise=0.2, clip_norm=1e-2),
    Hyperparameters(optimizer="sgd", lr=0.1, dropout=0.2, input_noise=0.1, label_smoothing=0.2),
]
LANES = [Lane(i, 100 + i, h) for i, h in enumerate(SETTINGS)]
CONFIG = TrainingConfig(
    epochs=2, batch_size=6, min_change=0.0, keep="last", bptt=4
)  # steps of 6, 6 and 4 rows
SMALL = Architecture("gru", 1, 7)


def emulated(precision: str = "float32", seed: int = 1) -> CudaBackend:
    return CudaBackend(Emulator(seed), precision)


def trainer(
    backend: Backend,
    lanes: Sequence[Lane] = LANES,
    config: TrainingConfig = CONFIG,
    architecture: Architecture = SMALL,
    validation: np.ndarray = VALIDATION,
    train: np.ndarray = TRAIN,
    **options: Any,
) -> Trainer:
    layout = Layout(architecture, DATA.feature_count, DATA.class_count)
    data = tokens_of(DATA, torch.float32)
    return Trainer(layout, lanes, data, train, validation, config, backend, **options)


def finished(one: Trainer) -> Trainer:
    while not one.done:
        one.run_epoch()
    return one


def records(one: Trainer, lane: int) -> list[EpochRecord]:
    who = (one.lanes[lane].candidate, one.lanes[lane].seed)
    return [replace(r, seconds=0.0) for r in one.history if (r.candidate, r.seed) == who]


def assert_same_lane(a: Trainer, row: int, b: Trainer, other: int) -> None:
    assert same_bits(a.kept[row], b.kept[other])
    assert repr(records(a, row)) == repr(records(b, other))
    assert repr(replace(a.progress[row], seconds=0.0)) == repr(replace(b.progress[other], seconds=0.0))


def assert_near(found: Trainer, expected: Trainer, tolerance: float) -> None:
    assert found.kept.isfinite().all()
    error = (found.kept - expected.kept).norm(dim=1) / expected.kept.norm(dim=1)
    assert float(error.max()) < tolerance
    for a, b in zip(found.history, expected.history, strict=True):
        assert a.train_loss == pytest.approx(b.train_loss, abs=tolerance)
        assert a.validation_loss == pytest.approx(b.validation_loss, abs=tolerance)
        assert a.learning_rate == b.learning_rate
        if tolerance < 1e-4:
            assert (a.train_accuracy, a.validation_accuracy) == (b.train_accuracy, b.validation_accuracy)


def test_it_does_whole_epochs() -> None:
    assert isinstance(emulated(), EpochBackend)


@pytest.mark.parametrize(
    "architecture",
    [
        SMALL,
        Architecture("lstm", 2, 6, bidirectional=True, readout=("last", "max"), head_hidden=5),
        Architecture("rnn_tanh", 3, 5, readout=("mean",)),
        Architecture("gru", 2, 9, bidirectional=True, readout=("mean", "max")),
        Architecture("rnn_relu", 1, 17, bidirectional=True, readout=("max",), head_hidden=33),
    ],
    ids=lambda architecture: architecture.label,
)
def test_a_training_is_the_torch_backends(architecture: Architecture) -> None:
    expected = finished(trainer(TorchBackend(), architecture=architecture))
    assert_near(finished(trainer(emulated(), architecture=architecture)), expected, 2e-5)


def test_a_training_with_weighted_classes_is_the_torch_backends() -> None:
    config = replace(CONFIG, class_weights="balanced")
    uneven = TRAIN[(DATA.label[TRAIN] > 0) | (TRAIN < 3)]
    assert len(set(np.bincount(DATA.label[uneven]))) == 3
    expected = finished(trainer(TorchBackend(), config=config, train=uneven))
    assert_near(finished(trainer(emulated(), config=config, train=uneven)), expected, 2e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_a_training_in_tf32_is_near_it(cell: str) -> None:
    architecture = Architecture(cell, 1, 8)
    expected = finished(trainer(TorchBackend(), LANES[:4], architecture=architecture))
    found = finished(trainer(emulated("tf32"), LANES[:4], architecture=architecture))
    assert_near(found, expected, 2e-2)
    assert not same_bits(found.kept, expected.kept)


class StepByStep(CudaBackend):
    """The same recurrence under autograd, with torch's optimizers."""

    train_epoch = logits = property()  # no attribute: not an EpochBackend


def test_the_steps_of_an_epoch_are_those_of_the_step_path() -> None:
    backend = StepByStep(Emulator(1), "float32")
    assert not isinstance(backend, EpochBackend)
    architecture = Architecture("lstm", 2, 6, bidirectional=True, readout=("last", "mean"))
    steps = finished(trainer(backend, architecture=architecture))
    assert_near(finished(trainer(emulated(), architecture=architecture)), steps, 1e-5)


STOPPING = TrainingConfig(epochs=4, batch_size=9, min_change=0.02, patience=1, validation_patience=2)


@pytest.mark.parametrize("class_weights", CLASS_WEIGHTS)
def test_a_lane_alone_and_among_others_has_the_same_bits(class_weights: str) -> None:
    stopping = replace(STOPPING, class_weights=class_weights)
    together = finished(trainer(emulated(seed=0), config=stopping))
    assert len({p.epochs for p in together.progress}) > 1  # lanes are dropped at their own times
    reverse = finished(trainer(emulated(seed=2), LANES[::-1], stopping))
    waiting = finished(trainer(emulated(seed=3), config=stopping, lanes_at_once=4))
    for lane in range(len(LANES)):
        assert_same_lane(together, lane, reverse, len(LANES) - 1 - lane)
        assert_same_lane(together, lane, waiting, lane)
    for lane in (1, 5):
        assert_same_lane(together, lane, finished(trainer(emulated(), [LANES[lane]], stopping)), 0)


def test_stopped_after_any_epoch_and_resumed_the_bits_are_the_same() -> None:
    straight, states = trainer(emulated(), config=STOPPING), []
    while not straight.done:
        straight.run_epoch()
        states.append(deepcopy(straight.state_dict()))
    backend = emulated(seed=5)
    for state in reversed(states[:-1]):
        one = trainer(backend, config=STOPPING)
        one.load_state_dict(state)
        finished(one)
        for lane in range(len(LANES)):
            assert_same_lane(straight, lane, one, lane)


def test_a_diverging_lane_is_frozen_in_its_step_and_nobody_notices() -> None:
    wild = Hyperparameters(optimizer="sgd", lr=1e30)
    mixed = [
        Lane(90, 1, wild),
        *LANES[:2],
        Lane(91, 2, replace(wild, momentum=0.9, dropout=0.1)),
        *LANES[2:],
    ]
    architecture = Architecture("rnn_relu", 1, 7)
    with_wild = finished(trainer(emulated(), mixed, architecture=architecture))
    without = finished(trainer(emulated(), architecture=architecture))
    expected = finished(trainer(TorchBackend(), mixed, architecture=architecture))
    for row in (0, 3):
        (only,), (theirs,) = records(with_wild, row), records(expected, row)
        assert only.event == with_wild.progress[row].stopped == "diverged"
        assert math.isnan(only.train_loss)
        assert only.train_accuracy == theirs.train_accuracy
        assert only.learning_rate == theirs.learning_rate
        assert with_wild.kept[row].isfinite().all()
    for row, lane in zip((1, 2, 4, 5, 6, 7), range(6), strict=True):
        assert_same_lane(with_wild, row, without, lane)


@pytest.mark.parametrize("batch_size", [1, 16, 99])
def test_batches_of_any_size(batch_size: int) -> None:
    config = replace(CONFIG, epochs=1, batch_size=batch_size)
    none = np.zeros(0, dtype=np.int64)
    expected = finished(trainer(TorchBackend(), LANES[3:5], config, validation=none))
    found = finished(trainer(emulated(), LANES[3:5], config, validation=none))
    for a, b in zip(found.history, expected.history, strict=True):
        assert a.train_loss == pytest.approx(b.train_loss, abs=2e-5)
    torch.testing.assert_close(found.kept, expected.kept, rtol=0, atol=2e-5)


class Cramped(Emulator):
    """Has little memory."""

    def __init__(self, floats: int) -> None:
        super().__init__(1)
        self.floats = floats

    def empty(self, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        if math.prod(shape) > self.floats:
            raise torch.OutOfMemoryError("no more of it")
        return super().empty(*shape, dtype=dtype)


def test_out_of_memory_lanes_take_turns_and_keep_their_bits() -> None:
    together = finished(trainer(emulated()))
    device = Cramped(3 * 42 * 7 * 4)  # the steps of three lanes
    in_turn = finished(trainer(CudaBackend(device, "float32")))
    steps = device.launches.count(Kernel("rows.cuh", "batch_rows"))
    assert steps == 3 * CONFIG.epochs * math.ceil(len(LANES) / 3)
    for lane in range(len(LANES)):
        assert_same_lane(together, lane, in_turn, lane)


def test_more_lanes_than_a_grid_has_blocks_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "MOST_LANES", 4)
    device = Emulator(1)
    finished(trainer(CudaBackend(device, "float32")))
    assert device.launches.count(Kernel("draws.cuh", "order_keys")) == 2 * CONFIG.epochs


def test_float64_is_refused() -> None:
    one = trainer(emulated(), dtype=torch.float64)
    with pytest.raises(ValueError, match=r"computes in float32 on cpu, not in torch.float64 on cpu"):
        one.run_epoch()


def test_a_lane_that_does_not_fit_alone_is_an_error() -> None:
    with pytest.raises(torch.OutOfMemoryError):
        trainer(CudaBackend(Cramped(10), "float32")).run_epoch()


def test_an_epoch_is_recorded_once_and_waits_once(monkeypatch: pytest.MonkeyPatch) -> None:
    device = Emulator(1)
    recorded: list[Callable[[], None]] = []
    record = device.record
    monkeypatch.setattr(device, "record", lambda run: recorded.append(run) or record(run))
    one = trainer(CudaBackend(device, "float32"), config=replace(CONFIG, epochs=4))
    finished(one)
    assert len(recorded) <= 2  # a later epoch may have a larger batch than the first


class Counting(Emulator):
    """Counts the memory that it gives."""

    bytes = 0

    def empty(self, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        fresh = super().empty(*shape, dtype=dtype)
        self.bytes += fresh.nbytes
        return fresh


@pytest.mark.parametrize(
    ("architecture", "lanes"),
    [(Architecture("lstm", 2, 33, bidirectional=True, readout=("last", "max"), head_hidden=5), LANES[:1]),
     (Architecture("gru", 1, 20), [replace(LANES[0], seed=seed) for seed in range(5)])],
    ids=["one", "five"],
)  # fmt: skip
def test_a_lanes_memory_is_what_its_step_takes(architecture: Architecture, lanes: list[Lane]) -> None:
    device = Counting(1)
    backend = CudaBackend(device, "float32")
    one = trainer(backend, lanes, replace(CONFIG, epochs=1), architecture, np.zeros(0, dtype=np.int64))
    finished(one)
    lengths = np.sort(DATA.length[TRAIN])[::-1][: CONFIG.batch_size]
    said = len(lanes) * backend.call_bytes(one.array.layout, lengths, training=True)
    assert (
        0.7 * said <= device.bytes <= said
    )  # the largest step of the epoch was smaller than the largest that there may be


def test_a_study_from_search_to_test_is_the_torch_backends(monkeypatch: pytest.MonkeyPatch) -> None:
    backends = {"torch": TorchBackend(), "cuda": emulated()}
    monkeypatch.setattr(trial_run, "create_backend", lambda name, *_, **__: backends[name])
    splits = Splits(train=TRAIN[:12], validation=TRAIN[12:], test=VALIDATION)
    lanes = [Lane(c, s, SETTINGS[c]) for c in (0, 3, 4) for s in (0, 1)]
    training = replace(CONFIG, keep="best", refit=True)
    architecture = Architecture("gru", 1, 7, readout=("last", "mean"))

    def outcome(name: str) -> TrialOutcome:
        trial = TrialRun(architecture, DATA, splits, lanes, training, backend=name, memory=100_000)
        assert trial.lanes_at_once < len(lanes)
        while not trial.done:
            trial.step()
            if not trial.done:  # every step from a checkpoint
                state = trial.state_dict()
                trial = TrialRun(architecture, DATA, splits, lanes, training, backend=name, memory=100_000)
                trial.load_state_dict(state)
        return trial.outcome()

    found, expected = outcome("cuda"), outcome("torch")
    for mine, theirs in zip(found.lanes, expected.lanes, strict=True):
        assert (mine.chosen, mine.best_epoch, mine.stopped) == (
            theirs.chosen,
            theirs.best_epoch,
            theirs.stopped,
        )
        assert mine.train_loss == pytest.approx(theirs.train_loss, abs=2e-5)
        assert mine.test_accuracy == theirs.test_accuracy
    for a, b in zip(found.scores, expected.scores, strict=True):
        np.testing.assert_allclose(a.probabilities, b.probabilities, atol=2e-5)
