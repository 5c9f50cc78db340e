"""A trial's whole work: search, choice, refit, one look at test; and its independence of how it is run."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load, save
from sklearn.metrics import accuracy_score, log_loss

from seqsweep.seqmodels.architecture import Architecture
from seqsweep.seqmodels.backends.choosing import create_backend
from seqsweep.seqmodels.data.dataset import SequenceDataset
from seqsweep.seqmodels.data.splits import Splits, split
from seqsweep.seqmodels.hyperparameters import Hyperparameters, Lane
from seqsweep.seqmodels.progress import LaneProgress
from seqsweep.seqmodels.scoring import TrialOutcome
from seqsweep.seqmodels.testing.conformance import same_bits
from seqsweep.seqmodels.training_config import CLASS_WEIGHTS, TrainingConfig
from seqsweep.seqmodels.trial_run import TrialRun
from tests.support.plain import PlainModel, small_dataset, train_plain

DATA = small_dataset(50, longest=6)
SPLITS = split(DATA, fraction=0.25)
ARCHITECTURE = Architecture("gru", 1, 6, bidirectional=True, readout=("last", "mean"))
CANDIDATES = {
    0: Hyperparameters(lr=1e-5),
    1: Hyperparameters(lr=0.02, dropout=0.2, input_noise=0.05, schedule="cosine"),
    2: Hyperparameters(optimizer="sgd", lr=0.1, momentum=0.9, clip_norm=1.0),
    3: Hyperparameters(optimizer="sgd", lr=1e38, weight_decay=1e3),  # diverges
}
LANES = [Lane(c, s, h) for c, h in CANDIDATES.items() for s in (0, 1)]
CONFIG = TrainingConfig(epochs=5, batch_size=15, min_change=0.01, patience=1, refit=True)


def trial(
    lanes: Sequence[Lane] = LANES,
    config: TrainingConfig = CONFIG,
    *,
    dataset: SequenceDataset = DATA,
    threads: int = 1,
) -> TrialRun:
    return TrialRun(ARCHITECTURE, dataset, SPLITS, lanes, config, threads=threads)


def finished(one: TrialRun) -> TrialOutcome:
    while not one.done:
        one.step()
    return one.outcome()


@pytest.fixture(scope="module")
def outcome() -> TrialOutcome:
    return finished(trial())


def timeless(outcome: TrialOutcome) -> str:
    """Every number of an outcome to its last digit, but for wall clocks."""
    return repr(
        (
            [replace(lane, seconds=0.0) for lane in outcome.lanes],
            [replace(record, seconds=0.0) for record in outcome.epochs],
            [
                (
                    s.candidate,
                    s.seed,
                    s.split,
                    s.index.tolist(),
                    s.predicted.tolist(),
                    s.probabilities.tolist(),
                )
                for s in outcome.scores
            ],
            {who: {name: v.tolist() for name, v in state.items()} for who, state in outcome.models.items()},
        )
    )


def cross_entropy(label: np.ndarray, probabilities: np.ndarray) -> float:
    wide = probabilities.astype(np.float64)
    return float(log_loss(label, wide / wide.sum(1, keepdims=True)))


def test_every_lane_has_its_row_and_only_the_chosen_candidate_a_test_figure(outcome: TrialOutcome) -> None:
    assert [(row.candidate, row.seed) for row in outcome.lanes] == [(k.candidate, k.seed) for k in LANES]
    (chosen,) = {row.candidate for row in outcome.lanes if row.chosen}
    assert chosen in (1, 2)
    for row in outcome.lanes:
        assert row.hyperparameters == CANDIDATES[row.candidate]
        assert (row.stopped == "diverged") == (row.candidate == 3)
        tested = row.candidate == chosen
        assert (row.test_loss is not None) == (row.test_accuracy is not None) == tested
        assert row.refit_epochs == (row.best_epoch if tested else None)
        own = [r for r in outcome.epochs if (r.candidate, r.seed) == (row.candidate, row.seed)]
        assert sum(r.phase == "search" for r in own) == row.epochs
        assert sum(r.phase == "refit" for r in own) == (row.refit_epochs or 0)
        assert row.seconds == pytest.approx(sum(r.seconds for r in own))
    assert set(outcome.models) == {(chosen, 0), (chosen, 1)}
    wanted = {(lane.candidate, lane.seed, "validation") for lane in LANES}
    assert {(s.candidate, s.seed, s.split) for s in outcome.scores} == wanted | {
        (chosen, seed, "test") for seed in (0, 1)
    }


def test_exported_models_in_plain_modules_give_the_test_figures(outcome: TrialOutcome) -> None:
    for (candidate, seed), state in outcome.models.items():
        model = PlainModel(ARCHITECTURE, DATA.feature_count, DATA.class_count)
        model.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
        with torch.no_grad():
            logits = model([torch.from_numpy(DATA.sequence(i)) for i in SPLITS.test])
        (score,) = [s for s in outcome.scores if (s.candidate, s.seed, s.split) == (candidate, seed, "test")]
        (row,) = [r for r in outcome.lanes if (r.candidate, r.seed) == (candidate, seed)]
        assert score.index.tolist() == SPLITS.test.tolist()
        np.testing.assert_allclose(score.probabilities, logits.softmax(1), atol=1e-6)
        assert score.predicted.tolist() == logits.argmax(1).tolist()
        label = DATA.label[SPLITS.test]
        assert row.test_accuracy == accuracy_score(label, score.predicted)
        assert row.test_loss == pytest.approx(cross_entropy(label, score.probabilities), rel=1e-4)


def test_figures_of_the_search_are_those_of_the_kept_epoch(outcome: TrialOutcome) -> None:
    for row in outcome.lanes:
        (score,) = [
            s
            for s in outcome.scores
            if (s.candidate, s.seed, s.split) == (row.candidate, row.seed, "validation")
        ]
        label = DATA.label[SPLITS.validation]
        assert row.validation_accuracy == accuracy_score(label, score.predicted)
        assert row.validation_loss == pytest.approx(cross_entropy(label, score.probabilities), rel=1e-4)
        if row.candidate != 3:
            (record,) = [
                r
                for r in outcome.epochs
                if (r.candidate, r.seed, r.phase, r.epoch)
                == (row.candidate, row.seed, "search", row.best_epoch)
            ]
            assert row.validation_accuracy == record.validation_accuracy
            assert row.validation_loss == record.validation_loss


@pytest.mark.parametrize("class_weights", CLASS_WEIGHTS)
def test_a_refit_is_a_plain_model_trained_on_train_and_validation(class_weights: str) -> None:
    lanes = [Lane(1, 0, Hyperparameters(lr=0.02, label_smoothing=0.1))]
    config = replace(CONFIG, min_change=0.0, class_weights=class_weights)
    outcome = finished(trial(lanes, config))
    (row,) = outcome.lanes
    layout = trial(lanes).layout
    model = PlainModel(ARCHITECTURE, DATA.feature_count, DATA.class_count).double()
    initial = trial(lanes)._search.kept[0].double()
    model.load_state_dict(layout.state_dict(initial))
    both = np.sort(np.concatenate([SPLITS.train, SPLITS.validation]))
    assert row.refit_epochs is not None
    config = replace(config, epochs=row.refit_epochs)
    last = train_plain(model, lanes[0], DATA, both, SPLITS.test, config)[-1]
    for name, value in outcome.models[1, 0].items():
        np.testing.assert_allclose(value, last.state[name], atol=1e-4)
    assert row.test_loss == pytest.approx(last.validation_loss, rel=1e-3)
    assert {r.validation_loss for r in outcome.epochs if r.phase == "refit"} == {None}


def test_without_refit_the_searchs_own_weights_are_tested() -> None:
    outcome = finished(trial(LANES[2:4], replace(CONFIG, refit=False)))
    searched = trial(LANES[2:4], replace(CONFIG, refit=False))
    while searched.phase == "search":
        searched.step()
    for row, lane in enumerate(LANES[2:4]):
        kept = searched.layout.state_dict(searched._search.kept[row])
        for name, value in outcome.models[lane.candidate, lane.seed].items():
            assert same_bits(kept[name], torch.from_numpy(value))
    assert {r.phase for r in outcome.epochs} == {"search"}
    assert {row.refit_epochs for row in outcome.lanes} == {None}


def test_nothing_but_the_test_figures_depends_on_the_test_data(outcome: TrialOutcome) -> None:
    tokens, label = DATA.tokens.copy(), DATA.label.copy()
    for i in SPLITS.test:
        tokens[DATA.start[i] : DATA.start[i] + DATA.length[i]] = 1000.0
    label[SPLITS.test] = (label[SPLITS.test] + 1) % DATA.class_count
    other = finished(trial(dataset=replace(DATA, tokens=tokens, label=label)))

    def blind(one: TrialOutcome) -> str:
        rows = [replace(row, test_loss=None, test_accuracy=None) for row in one.lanes]
        scores = [s for s in one.scores if s.split != "test"]
        return timeless(TrialOutcome(rows, one.epochs, scores, one.models))

    assert blind(other) == blind(outcome)
    assert timeless(other) != timeless(outcome)


def test_the_choice_by_hand() -> None:
    one = trial([Lane(c, s, CANDIDATES[0]) for c in (5, 2, 9) for s in (0, 1)])

    def chosen(*results: tuple[float, float]) -> int:
        """(accuracy, loss) of candidate 5's two seeds, of 2's, of 9's; NaN is a diverged one."""
        one._search.progress = [
            LaneProgress(kept_score=0.99, kept_loss=0.0, stop=4)
            if math.isnan(accuracy)
            else LaneProgress(kept_score=accuracy, kept_loss=loss, stop=1)
            for accuracy, loss in results
        ]
        return one.chosen_candidate()

    lost = (math.nan, math.nan)
    assert chosen((0.9, 1.0), (0.5, 1.0), (0.8, 1.0), (0.8, 1.0), (0.1, 0.0), (0.7, 0.0)) == 2
    assert chosen((0.9, 1.0), (0.5, 1.0), (0.8, 1.0), lost, (0.1, 0.0), (0.6, 0.0)) == 5
    assert chosen((0.5, 0.3), (0.5, 0.3), (0.5, 0.1), (0.5, 0.6), (0.25, 0.3), (0.75, 0.2)) == 9
    assert chosen((0.5, 0.3), (0.5, 0.3), (0.5, 0.1), (0.5, 0.5), (0.4, 0.0), (0.5, 0.0)) == 2
    assert chosen(lost, lost, lost, lost, lost, (0.1, 9.0)) == 9
    assert chosen(lost, lost, lost, lost, lost, lost) == 2


def test_threads_change_no_number(outcome: TrialOutcome) -> None:
    torch.set_num_threads(2)
    try:
        assert timeless(finished(trial(threads=3))) == timeless(outcome)
    finally:
        torch.set_num_threads(1)


def test_a_candidates_numbers_do_not_depend_on_the_others(outcome: TrialOutcome) -> None:
    (chosen,) = {row.candidate for row in outcome.lanes if row.chosen}
    alone = finished(trial([lane for lane in reversed(LANES) if lane.candidate == chosen]))
    for row in alone.lanes:
        (same,) = [r for r in outcome.lanes if (r.candidate, r.seed) == (row.candidate, row.seed)]
        assert replace(row, seconds=0.0) == replace(same, seconds=0.0)
    for who, state in alone.models.items():
        for name, value in state.items():
            assert np.array_equal(value, outcome.models[who][name])


def test_stopped_before_any_step_and_resumed_the_bits_are_the_same(outcome: TrialOutcome) -> None:
    straight, states = trial(), []
    while True:
        states.append((straight.phase, save(straight.state_dict())))  # the bytes of a checkpoint
        if straight.done:
            break
        straight.step()
    assert {phase for phase, _ in states} == {"search", "refit", "score", "done"}
    thrown_about = trial()
    for number, (phase, state) in reversed(list(enumerate(states))):
        for one in (trial(), thrown_about)[: 1 + (number % 3 == 0)]:
            one.load_state_dict(load(state))
            assert one.phase == ("score" if phase == "done" else phase)
            assert timeless(finished(one)) == timeless(outcome)


def test_another_arithmetic_does_not_go_on_where_one_has_stopped() -> None:
    one = trial()
    one.step()
    state = one.state_dict()
    other = TrialRun(
        ARCHITECTURE, DATA, SPLITS, LANES, CONFIG, backend="torch" if one.backend_name == "cpu" else "cpu"
    )
    with pytest.raises(ValueError, match=r"the state is of (cpu \S+|torch), but here trains (cpu \S+|torch)"):
        other.load_state_dict(state)


def test_work_adds_up_and_never_grows() -> None:
    one = trial()
    totals = [one.work_total]
    assert totals[0] == len(LANES) * CONFIG.epochs + 2 * CONFIG.epochs
    done = [one.work_done]
    while not one.done:
        records = one.step()
        done.append(one.work_done)
        totals.append(one.work_total)
        assert done[-1] - done[-2] == len(records)
    assert totals == sorted(totals, reverse=True)
    assert done[-1] == totals[-1] == len(one.outcome().epochs)


def test_a_study_whose_lanes_all_diverge_has_an_outcome() -> None:
    outcome = finished(trial(LANES[6:]))
    assert [row.stopped for row in outcome.lanes] == ["diverged", "diverged"]
    assert {row.test_accuracy for row in outcome.lanes} == {None}
    assert outcome.models == {}
    assert all(np.isfinite(s.probabilities).all() for s in outcome.scores)


def test_a_lane_that_diverges_in_its_refit_has_no_test_figure() -> None:
    one = trial(LANES[2:4])
    while one.phase != "refit":
        one.step()
    assert one._final is not None
    one._final.array.params[0] = torch.nan
    outcome = finished(one)
    assert [row.stopped == "diverged" for row in outcome.lanes] == [True, False]
    assert [row.test_accuracy is None for row in outcome.lanes] == [True, False]
    assert set(outcome.models) == {(1, 1)}


def test_read_only_arrays_are_fine(outcome: TrialOutcome) -> None:
    frozen = replace(DATA, tokens=DATA.tokens.copy(), label=DATA.label.copy())
    for array in (frozen.tokens, frozen.start, frozen.length, frozen.label):
        array.flags.writeable = False
    assert timeless(finished(trial(dataset=frozen))) == timeless(outcome)


def test_facts_before_the_end() -> None:
    one = trial()
    assert one.backend_name == create_backend("auto").name
    assert one.parameter_count == sum(
        p.numel() for p in PlainModel(ARCHITECTURE, DATA.feature_count, DATA.class_count).parameters()
    )
    with pytest.raises(RuntimeError, match="still in its search phase"):
        one.outcome()


def test_unknown_backends_are_refused() -> None:
    with pytest.raises(ValueError, match="`backend` is 'tpu'"):
        TrialRun(
            ARCHITECTURE,
            DATA,
            Splits(SPLITS.train, SPLITS.validation, SPLITS.test),
            LANES,
            CONFIG,
            backend="tpu",
        )
