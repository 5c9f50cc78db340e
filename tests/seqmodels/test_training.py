"""The training loop: every lane against a plain torch model trained alone, its stopping rules, and its bits."""

import math
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from seqsweep.seqmodels.architecture import Architecture
from seqsweep.seqmodels.backends.torch_ import TorchBackend
from seqsweep.seqmodels.engine import EpochEngine, StepEngine
from seqsweep.seqmodels.hyperparameters import Hyperparameters, Lane
from seqsweep.seqmodels.layout import Layout
from seqsweep.seqmodels.progress import EpochRecord, LaneProgress
from seqsweep.seqmodels.testing.conformance import same_bits
from seqsweep.seqmodels.training import Trainer
from seqsweep.seqmodels.training_config import CLASS_WEIGHTS, TrainingConfig
from tests.support.plain import PlainModel, small_dataset, tokens_of, train_plain

DATA = small_dataset(40, longest=6)
TRAIN, VALIDATION = np.arange(0, 29), np.arange(29, 40)
SETTINGS = [
    Hyperparameters(optimizer="adam", lr=0.01),
    Hyperparameters(optimizer="sgd", lr=0.05, momentum=0.9, nesterov=True, clip_norm=0.5, weight_decay=0.01),
    Hyperparameters(optimizer="rmsprop", lr=0.003, momentum=0.5, schedule="cosine", label_smoothing=0.1),
    Hyperparameters(optimizer="adamw", lr=0.02, weight_decay=0.05, schedule="one_cycle", dropout=0.3),
    Hyperparameters(optimizer="adam", lr=0.01, weight_decay=0.001, input_noise=0.2, clip_norm=1e-2),
    Hyperparameters(
        optimizer="sgd",
        lr=0.1,
        schedule="one_cycle",
        dropout=0.2,
        input_noise=0.1,
        label_smoothing=0.2,
        clip_norm=1.0,
    ),
]
LANES = [Lane(i, 100 + i, h) for i, h in enumerate(SETTINGS)]
ENDLESS = TrainingConfig(epochs=7, batch_size=10, min_change=0.0, keep="last")


def trainer(
    lanes: Sequence[Lane] = LANES,
    config: TrainingConfig = ENDLESS,
    *,
    architecture: Architecture = Architecture("gru", 1, 7),  # noqa: B008
    dtype: torch.dtype = torch.float32,
    train: np.ndarray = TRAIN,
    validation: np.ndarray = VALIDATION,
    threads: int = 1,
    phase: str = "search",
    converges: bool = True,
    epoch_limits: Sequence[int] | None = None,
) -> Trainer:
    return Trainer(
        Layout(architecture, DATA.feature_count, DATA.class_count),
        lanes,
        tokens_of(DATA, dtype),
        train,
        validation,
        config,
        TorchBackend(),
        phase=phase,
        converges=converges,
        epoch_limits=epoch_limits,
        threads=threads,
        dtype=dtype,
    )


def finished(one: Trainer) -> Trainer:
    while not one.done:
        one.run_epoch()
    return one


def records(one: Trainer, lane: int) -> list[EpochRecord]:
    """The lane's history without its wall clock."""
    who = (one.lanes[lane].candidate, one.lanes[lane].seed)
    return [replace(r, seconds=0.0) for r in one.history if (r.candidate, r.seed) == who]


def assert_same_lane(a: Trainer, row: int, b: Trainer, other: int) -> None:
    assert same_bits(a.kept[row], b.kept[other])
    assert repr(records(a, row)) == repr(records(b, other))  # repr: every digit, and NaN equals NaN
    assert repr(replace(a.progress[row], seconds=0.0)) == repr(replace(b.progress[other], seconds=0.0))


@pytest.mark.parametrize(
    ("architecture", "epochs"),
    [
        (Architecture("lstm", 2, 7), 25),
        (Architecture("gru", 2, 6, bidirectional=True, readout=("last", "max"), head_hidden=5), 4),
        (Architecture("rnn_tanh", 3, 5, readout=("mean",)), 8),
        (Architecture("rnn_relu", 1, 9, bidirectional=True, readout=("mean", "max")), 8),
    ],
    ids=lambda value: getattr(value, "label", ""),
)
@pytest.mark.parametrize("class_weights", CLASS_WEIGHTS)
def test_every_lane_is_the_plain_model_trained_alone(
    architecture: Architecture, epochs: int, class_weights: str
) -> None:
    config = replace(ENDLESS, epochs=epochs, class_weights=class_weights)
    # a class of few sequences, and one of many
    train = TRAIN if class_weights == "none" else TRAIN[(DATA.label[TRAIN] > 0) | (TRAIN < 9)]
    ours = trainer(config=config, architecture=architecture, dtype=torch.float64, train=train)
    models = []
    for row in ours.kept:
        model = PlainModel(architecture, DATA.feature_count, DATA.class_count).double()
        model.load_state_dict(ours.array.layout.state_dict(row))
        models.append(model)
    finished(ours)
    for row, (lane, model) in enumerate(zip(LANES, models, strict=True)):
        history = train_plain(model, lane, DATA, train, VALIDATION, config)
        for mine, theirs in zip(records(ours, row), history, strict=True):
            assert mine.train_loss == pytest.approx(theirs.train_loss, rel=1e-9)
            assert mine.train_accuracy == theirs.train_accuracy
            assert mine.validation_loss == pytest.approx(theirs.validation_loss, rel=1e-9)
            assert mine.validation_accuracy == theirs.validation_accuracy
        final = ours.array.layout.state_dict(ours.kept[row])
        for name, expected in history[-1].state.items():
            torch.testing.assert_close(final[name], expected, rtol=1e-8, atol=1e-9)


def test_records_say_which_learning_rate_was_last_used() -> None:
    ours = finished(trainer())
    assert {r.learning_rate for r in records(ours, 0)} == {0.01}
    cosine = [r.learning_rate for r in records(ours, 2)]
    assert cosine == sorted(cosine, reverse=True)
    assert cosine[-1] == pytest.approx(0.003 * (1 + math.cos(math.pi * 20 / 21)) / 2)  # 7 epochs of 3 steps
    assert [r.epoch for r in records(ours, 2)] == list(range(1, 8))


def test_the_best_epochs_weights_are_kept() -> None:
    config = replace(ENDLESS, keep="best")
    ours = trainer(config=config, dtype=torch.float64)
    weights: list[Tensor] = []
    while not ours.done:
        before = dict(enumerate(ours.active))
        params = ours.array
        ours.run_epoch()
        # the last epoch drops every lane: read the array that it left before
        weights.append(params.params.clone() if len(params.lanes) == len(before) else None)
    for lane in range(len(LANES)):
        own = records(ours, lane)
        best = max(own, key=lambda r: (r.validation_accuracy, -r.validation_loss, -r.epoch))
        assert ours.progress[lane].kept_epoch == best.epoch
        if best.epoch < config.epochs:
            assert same_bits(ours.kept[lane], weights[best.epoch - 1][lane])
    assert {ours.progress[lane].kept_epoch for lane in range(len(LANES))} != {config.epochs}


def test_without_validation_the_last_weights_are_kept() -> None:
    none = np.zeros(0, dtype=np.int64)
    ours = finished(trainer(config=replace(ENDLESS, keep="best"), validation=none))
    last = finished(trainer())
    for lane in range(len(LANES)):
        assert same_bits(ours.kept[lane], last.kept[lane])
        assert {r.validation_loss for r in records(ours, lane)} == {None}


def reference_stop(losses: Sequence[float], min_change: float, patience: int) -> int | None:
    """The epoch after which the reference rule stops, by its words."""
    for epoch in range(len(losses)):
        changes = [
            abs(losses[e] - losses[e - 1]) if e else math.inf for e in range(epoch - patience + 1, epoch + 1)
        ]
        if epoch >= patience and all(change < min_change for change in changes):
            return epoch + 1
    return None


SLOWER_AND_FASTER = [
    Lane(i, 7, Hyperparameters(optimizer="sgd", lr=lr)) for i, lr in enumerate((1e-5, 0.01, 0.03, 0.3))
]
FIFTEEN = TrainingConfig(epochs=15, batch_size=29, min_change=0.0)


@pytest.fixture(scope="module")
def losses() -> list[list[float]]:
    """Losses of each lane where no rule stops it."""
    endless = finished(trainer(SLOWER_AND_FASTER, FIFTEEN))
    return [[r.train_loss for r in records(endless, lane)] for lane in range(4)]


@pytest.mark.parametrize("patience", [1, 2, 4])
def test_the_reference_rule_stops_where_its_words_say(losses: list[list[float]], patience: int) -> None:
    min_change = 5e-3
    ours = finished(trainer(SLOWER_AND_FASTER, replace(FIFTEEN, min_change=min_change, patience=patience)))
    expected = [reference_stop(own, min_change, patience) for own in losses]
    assert expected[0] == patience + 1  # hardly moves: the first change can be seen after epoch 2
    assert None in expected
    for lane, stop in enumerate(expected):
        own = records(ours, lane)
        assert len(own) == (stop or 15)
        assert [r.train_loss for r in own] == losses[lane][: len(own)]
        assert own[-1].event == ours.progress[lane].stopped == ("converged" if stop else "max_epochs")
        assert {r.event for r in own[:-1]} <= {None}


def test_the_reference_rule_by_hand() -> None:
    config = TrainingConfig(epochs=99, min_change=0.1, patience=2, keep="last")
    progress = LaneProgress()

    def judge(epoch: int, loss: float) -> str:
        progress.judge(config, epoch, loss, 0.5, 0.5, limit=99, converges=True)
        return progress.stopped

    # changes: -, 0.5, 0.05 (quiet), 0.2, 0.09 (quiet), 0.09 upwards (quiet, the second in a row)
    for epoch, loss in enumerate((2.0, 1.5, 1.45, 1.25, 1.16), 1):
        assert judge(epoch, loss) == ""
    assert judge(6, 1.25) == "converged"


@pytest.mark.parametrize("engine", [StepEngine, EpochEngine])
@pytest.mark.parametrize("sequences", [1, 7, 300])
def test_mean_losses_of_many_lanes_are_those_of_each(
    sequences: int, engine: type[StepEngine] | type[EpochEngine]
) -> None:
    generator = torch.Generator().manual_seed(sequences)
    logits = 5 * torch.randn(9, sequences, 4, generator=generator)
    logits[3, 0, 1] = torch.nan
    label = torch.randint(4, (sequences,), generator=generator)
    found = engine.mean_losses(logits, label)
    for own, loss in zip(logits, found, strict=True):
        exact = float(torch.nn.functional.cross_entropy(own.double(), label))
        assert loss == pytest.approx(exact, rel=1e-6, abs=1e-6, nan_ok=True)
        assert repr(engine.mean_losses(own[None], label)) == repr([loss])


def test_validation_patience_by_hand() -> None:
    config = TrainingConfig(epochs=99, min_change=0.0, validation_patience=3)
    progress = LaneProgress()
    # accuracy, loss; the loss breaks ties of accuracy and nothing else
    course = [(0.5, 1.0), (0.5, 0.9), (0.4, 0.1), (0.5, 0.9), (0.6, 2.0), (0.6, 2.0), (0.6, 2.1)]
    kept = []
    for epoch, (accuracy, loss) in enumerate(course, 1):
        progress.judge(config, epoch, 1.0 / epoch, loss, accuracy, limit=99, converges=True)
        kept.append(progress.kept_epoch)
        assert progress.stopped == ""
    assert kept == [1, 2, 2, 2, 5, 5, 5]
    progress.judge(config, 8, 0.01, 0.0, 0.59, limit=99, converges=True)
    assert progress.stopped == "validation"


def test_epoch_limits_and_the_refit_phase() -> None:
    config = TrainingConfig(epochs=9, batch_size=5, min_change=100.0, patience=1)
    ours = finished(trainer(LANES[:3], config, phase="refit", converges=False, epoch_limits=[2, 5, 1]))
    # in a refit only the limit counts: the rule that would stop after two epochs is off
    assert [len(records(ours, lane)) for lane in range(3)] == [2, 5, 1]
    assert {r.phase for r in ours.history} == {"refit"}
    assert {p.stopped for p in ours.progress} == {"max_epochs"}


STOPPING = TrainingConfig(epochs=6, batch_size=15, min_change=0.02, patience=1, validation_patience=3)


@pytest.mark.parametrize("threads", [1, 3])
def test_a_lane_alone_and_among_others_that_stop_at_their_own_times_has_the_same_bits(threads: int) -> None:
    together = finished(trainer(config=STOPPING))
    assert len({p.epochs for p in together.progress}) > 1
    torch.set_num_threads(threads)
    try:
        reverse = finished(trainer(LANES[::-1], STOPPING, threads=threads))
        pair = finished(trainer([LANES[4], LANES[1]], STOPPING, threads=threads))
        for lane in range(6):
            alone = finished(trainer([LANES[lane]], STOPPING, threads=threads))
            assert_same_lane(together, lane, alone, 0)
            assert_same_lane(together, lane, reverse, 5 - lane)
    finally:
        torch.set_num_threads(1)
    assert_same_lane(together, 4, pair, 0)
    assert_same_lane(together, 1, pair, 1)


WILD = Hyperparameters(optimizer="sgd", lr=1e30)


def test_a_diverging_lane_is_frozen_and_recorded_and_nobody_notices() -> None:
    architecture = Architecture("rnn_relu", 1, 7)
    wild = [Lane(90, 1, WILD), Lane(91, 2, replace(WILD, momentum=0.9))]
    mixed = [wild[0], *LANES[:2], wild[1], *LANES[2:]]
    with_wild = finished(trainer(mixed, architecture=architecture))
    without = finished(trainer(architecture=architecture))
    for row in (0, 3):
        (only,) = records(with_wild, row)
        assert only.event == with_wild.progress[row].stopped == "diverged"
        assert math.isnan(only.train_loss)
        assert with_wild.kept[row].isfinite().all()
    for row, lane in zip((1, 2, 4, 5, 6, 7), range(6), strict=True):
        assert_same_lane(with_wild, row, without, lane)


def test_weights_of_the_last_good_epoch_survive_a_divergence() -> None:
    ours = trainer(LANES[:2])
    ours.run_epoch()
    kept = ours.kept.clone()
    ours.array.params[0, 0] = torch.nan
    ours.run_epoch()
    assert ours.progress[0].stopped == "diverged"
    assert same_bits(ours.kept[0], kept[0])
    assert not same_bits(ours.kept[1], kept[1])
    assert ours.active == [1]


@pytest.mark.parametrize("validation", [VALIDATION, np.zeros(0, dtype=np.int64)], ids=["", "no-validation"])
def test_a_lane_that_diverges_in_its_very_last_update_is_recorded(validation: np.ndarray) -> None:
    config = TrainingConfig(epochs=1, batch_size=len(TRAIN), keep="last")
    exploding = Lane(0, 1, Hyperparameters(optimizer="sgd", lr=1e39))
    ours = finished(trainer([exploding, LANES[0]], config, validation=validation))
    assert [p.stopped for p in ours.progress] == ["diverged", "max_epochs"]
    assert ours.kept.isfinite().all()
    assert ours.progress[0].epochs == 1


def test_all_lanes_may_diverge() -> None:
    ours = finished(trainer([Lane(0, s, WILD) for s in (1, 2)], architecture=Architecture("rnn_relu", 1, 7)))
    assert [p.stopped for p in ours.progress] == ["diverged", "diverged"]


def test_stopped_after_any_epoch_and_resumed_the_bits_are_the_same() -> None:
    lanes = [*LANES, Lane(90, 1, WILD)]
    straight, states = trainer(lanes, STOPPING), []
    while not straight.done:
        straight.run_epoch()
        states.append(deepcopy(straight.state_dict()))
    assert len(states) == STOPPING.epochs
    third = trainer(lanes, STOPPING)  # one that is thrown back and forth between states
    for epoch, state in reversed(list(enumerate(states, 1))):
        assert all(isinstance(value, Tensor) for value in state.values())
        before = {name: value.clone() for name, value in state.items()}
        second = trainer(lanes, STOPPING)
        for one in (second, third):
            one.load_state_dict(state)
            assert one.epoch == epoch
            finished(one)
            assert one.work_left == 0
            for lane in range(len(lanes)):
                assert_same_lane(straight, lane, one, lane)
        # a state that is given is copied
        assert all(same_bits(state[name], value) for name, value in before.items())


def test_work_left_counts_active_lanes_epochs() -> None:
    ours = trainer(LANES[:2], replace(ENDLESS, epochs=4))
    assert ours.work_left == 8
    ours.run_epoch()
    assert ours.work_left == 6
    assert finished(ours).work_left == 0


@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("epochs", 0, "at least 1"),
        ("batch_size", 0, "at least 1"),
        ("patience", 0, "at least 1"),
        ("validation_patience", 0, "at least 1"),
        ("bptt", 0, "at least 1"),
        ("min_change", -1e-4, "at least 0"),
        ("min_change", math.nan, "at least 0"),
        ("keep", "first", "one of best, last"),
        ("class_weights", "even", "one of none, balanced"),
    ],
)
def test_settings_out_of_range_are_refused(field: str, value: object, rule: str) -> None:
    with pytest.raises(ValueError, match=f"`{field}` is {value!r}, but must be {rule}"):
        TrainingConfig(**{field: value})  # type: ignore[arg-type]
