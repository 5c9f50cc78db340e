"""Half, then seeds, and finals on fresh seeds: lanes have the bits of a search that trains all of them."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from safetensors.torch import load, save
from sklearn.metrics import balanced_accuracy_score, f1_score

from seqsweep.seqmodels.architecture import Architecture
from seqsweep.seqmodels.data.splits import split
from seqsweep.seqmodels.hyperparameters import Hyperparameters, Lane
from seqsweep.seqmodels.progress import EpochRecord
from seqsweep.seqmodels.scoring import LaneOutcome, TrialOutcome
from seqsweep.seqmodels.search_rule import SearchRule
from seqsweep.seqmodels.training_config import TrainingConfig
from seqsweep.seqmodels.trial_run import TrialRun
from tests.seqmodels.test_trial_run import finished, timeless
from tests.support.plain import small_dataset

DATA = small_dataset(50, longest=6)
SPLITS = split(DATA, fraction=0.25)
ARCHITECTURE = Architecture("gru", 1, 6)
SETTINGS = [
    Hyperparameters(lr=lr, optimizer=optimizer, momentum=momentum, schedule=schedule, dropout=dropout)
    for lr, optimizer, momentum, schedule, dropout in [
        (1e-4, "adam", 0.0, "one_cycle", 0.0),
        (0.02, "adam", 0.0, "one_cycle", 0.2),
        (0.1, "sgd", 0.9, "one_cycle", 0.0),
        (0.05, "sgd", 0.0, "cosine", 0.0),
        (0.01, "rmsprop", 0.0, "cosine", 0.0),
        (0.01, "adamw", 0.0, "cosine", 0.0),
        (0.03, "adam", 0.0, "one_cycle", 0.0),
        (0.005, "adam", 0.0, "one_cycle", 0.1),
    ]
]
SETTINGS.insert(5, Hyperparameters(optimizer="sgd", lr=1e38, weight_decay=1e3))  # diverges
SEEDS = (4, 0, 1)
LANES = [Lane(c, s, h) for c, h in enumerate(SETTINGS) for s in SEEDS]
CONFIG = TrainingConfig(epochs=6, batch_size=15, min_change=0.0)
HALVING = SearchRule(method="halving", finalists=2)
FRESH = (1000, 1001)


def trial(
    rule: SearchRule = HALVING,
    config: TrainingConfig = CONFIG,
    *,
    lanes: Sequence[Lane] = LANES,
    finals: Sequence[int] = (),
    backend: str = "torch",
    memory: int | None = None,
) -> TrialRun:
    return TrialRun(
        ARCHITECTURE,
        DATA,
        SPLITS,
        lanes,
        config,
        search=rule,
        final_seeds=finals,
        backend=backend,
        memory=memory,
    )


@cache
def full() -> TrialOutcome:
    return finished(trial(SearchRule()))


@cache
def halved() -> TrialOutcome:
    return finished(trial(finals=FRESH))


def own(records: Sequence[EpochRecord], row: LaneOutcome) -> list[EpochRecord]:
    return [replace(r, seconds=0.0) for r in records if (r.candidate, r.seed) == (row.candidate, row.seed)]


def test_lanes_have_the_bits_of_the_full_search_as_far_as_they_go() -> None:
    whole = {(row.candidate, row.seed): row for row in full().lanes}
    rows = [row for row in halved().lanes if row.stage == "search"]
    cut = [row for row in rows if row.stopped == "cut"]
    to_the_end = [row for row in rows if row.stopped == "max_epochs"]
    assert len(cut) == len(SETTINGS) - 1 - 4
    assert {row.seed for row in cut} == {4}
    assert len(to_the_end) == 4 + 2 * 2  # of the four that went on, two got the other seeds
    assert len(rows) == len(SETTINGS) + 2 * 2
    for row in rows:
        twin = whole[row.candidate, row.seed]
        mine, its = own(halved().epochs, row), own(full().epochs, twin)
        if row.stopped == "cut":
            assert row.epochs == 3
            assert repr(mine) == repr(its[:3])
        else:
            assert repr(mine) == repr(its)
            assert repr(replace(row, seconds=0.0, chosen=True)) == repr(
                replace(
                    twin,
                    seconds=0.0,
                    chosen=True,
                    test_loss=None,
                    test_accuracy=None,
                    rung_score=row.rung_score,
                )
            )


def test_who_went_on_was_best_in_the_middle_within_its_schedule() -> None:
    """Recomputed from the records of the search that cut nobody."""
    middle: dict[int, tuple[float, float]] = {}
    for record in full().epochs:
        if record.seed == 4 and record.epoch <= 3 and record.validation_accuracy is not None:
            assert record.validation_loss is not None
            here = (record.validation_accuracy, -record.validation_loss)
            middle[record.candidate] = max(middle.get(record.candidate, here), here)
    cycles = sorted(
        (c for c in middle if SETTINGS[c].schedule == "one_cycle"), key=lambda c: middle[c], reverse=True
    )
    cosines = sorted(
        (c for c in middle if SETTINGS[c].schedule == "cosine"), key=lambda c: middle[c], reverse=True
    )
    # 4 places for 5 one-cycle and 3 cosine ones: 2.5 and 1.5
    rows = [row for row in halved().lanes if row.stage == "search"]
    assert {row.candidate for row in rows if row.stopped == "max_epochs"} >= {*cycles[:2], *cosines[:1]}


@pytest.mark.parametrize("backend", ["torch", "cpu"])
def test_stopped_before_any_step_and_in_waves_the_bits_are_the_same(backend: str) -> None:
    lanes = [lane for lane in LANES if lane.candidate < 6]
    straight = trial(lanes=lanes, finals=FRESH, backend=backend)
    states = []
    while not straight.done:
        states.append(save(straight.state_dict()))
        straight.step()
    wanted = timeless(straight.outcome())
    for state in states[:: 5 if backend == "torch" else 2]:
        resumed = trial(lanes=lanes, finals=FRESH, backend=backend)
        resumed.load_state_dict(load(state))
        assert timeless(finished(resumed)) == wanted
    waves = trial(lanes=lanes, finals=FRESH, backend=backend, memory=1)
    assert waves.lanes_at_once == 1
    rows = finished(waves)
    # records come in another order
    assert sorted(repr(replace(r, seconds=0.0)) for r in rows.epochs) == sorted(
        repr(replace(r, seconds=0.0)) for r in straight.outcome().epochs
    )
    assert timeless(replace(rows, epochs=[])) == timeless(replace(straight.outcome(), epochs=[]))


def test_in_waves_a_stop_at_any_step_keeps_the_bits() -> None:
    lanes = [lane for lane in LANES if lane.candidate in (1, 2, 3, 4, 6)]
    one = trial(lanes=lanes, finals=FRESH, memory=1)
    states = []
    while not one.done:
        states.append(save(one.state_dict()))
        one.step()
    for state in states[::13]:
        resumed = trial(lanes=lanes, finals=FRESH, memory=1)
        resumed.load_state_dict(load(state))
        assert timeless(finished(resumed)) == timeless(one.outcome())


def test_finals_are_trained_from_fresh_seeds_and_alone_are_tested() -> None:
    (chosen,) = {row.candidate for row in halved().lanes if row.chosen}
    finals = [row for row in halved().lanes if row.stage == "final"]
    assert [(row.candidate, row.seed, row.chosen) for row in finals] == [(chosen, s, True) for s in FRESH]
    # the oracle: a trial of that candidate alone, from these seeds
    alone = finished(trial(SearchRule(), lanes=[Lane(0, seed, SETTINGS[chosen]) for seed in FRESH]))
    for row, twin in zip(finals, alone.lanes, strict=True):
        assert repr(replace(row, seconds=0.0)) == repr(
            replace(twin, seconds=0.0, candidate=chosen, stage="final")
        )
    assert all(row.test_accuracy is None for row in halved().lanes if row.stage == "search")
    assert {(s.seed, s.split) for s in halved().scores if s.split == "test"} == {(s, "test") for s in FRESH}
    assert set(halved().models) == {(chosen, seed) for seed in FRESH}


def test_finals_with_refit_take_the_median_of_the_kept_epochs_and_no_validation() -> None:
    outcome = finished(trial(config=replace(CONFIG, refit=True), finals=(*FRESH, 77)))
    chosen = [row for row in outcome.lanes if row.chosen and row.stage == "search"]
    finals = [row for row in outcome.lanes if row.stage == "final"]
    median = round(float(np.median([row.best_epoch for row in chosen])))
    for row in finals:
        assert row.epochs == row.refit_epochs == median
        assert row.validation_accuracy is row.validation_loss is None
        assert row.test_accuracy is not None
    assert {r.phase for r in outcome.epochs} == {"search", "final"}


def test_work_is_known_before_it_is_done() -> None:
    one = trial(finals=FRESH)
    totals = []
    while not one.done:
        totals.append(one.work_total)
        one.step()
    assert totals[0] == HALVING.work(len(SETTINGS), 3, 6) + len(FRESH) * 6
    assert totals == sorted(totals, reverse=True)  # lanes that diverge take less
    assert one.work_done == one.work_total == len(one.outcome().epochs)


@pytest.mark.parametrize("metric", ["macro_f1", "balanced_accuracy"])
def test_another_metric_keeps_and_chooses_by_scikit_learns_figure(metric: str) -> None:
    lanes = [lane for lane in LANES if lane.candidate in (1, 2, 3, 4)]
    one = trial(SearchRule(metric=metric), lanes=lanes)
    label = DATA.label[SPLITS.validation]

    def score(predicted: np.ndarray) -> float:
        if metric == "macro_f1":
            return float(f1_score(label, predicted, average="macro"))
        return float(balanced_accuracy_score(label, predicted))

    best = dict.fromkeys(range(len(lanes)), -1.0)
    while one.phase == "search":
        one.step()
        search = one._search
        for row, lane in enumerate(search.active):
            start, length = (x[SPLITS.validation] for x in (one._data.start, one._data.length))
            logits, _ = search.engine.logits(search.array.params[[row]], one._data.tokens, start, length)
            best[lane] = max(best[lane], score(logits[0].argmax(1).numpy()))
    outcome = finished(one)
    kept = [progress.kept_score for progress in one._search.progress]
    for scores, value in zip((s for s in outcome.scores if s.split == "validation"), kept, strict=True):
        assert score(scores.predicted) == pytest.approx(value, abs=1e-12)
    # the last epoch ends a lane before it can be looked at: the kept score is at least all others'
    assert all(value >= best[lane] - 1e-12 for lane, value in enumerate(kept))
    means = {
        c: np.mean([v for v, lane in zip(kept, lanes, strict=True) if lane.candidate == c])
        for c in (1, 2, 3, 4)
    }
    (chosen,) = {row.candidate for row in outcome.lanes if row.chosen}
    assert means[chosen] == max(means.values())


def test_one_seed_and_few_candidates() -> None:
    lanes = [lane for lane in LANES if lane.seed == 0 and lane.candidate in (0, 1, 2, 3, 4, 6, 7)]
    outcome = finished(trial(SearchRule(method="halving"), lanes=lanes))
    assert sum(row.stopped == "cut" for row in outcome.lanes) == 3
    (chosen,) = {row.candidate for row in outcome.lanes if row.chosen}
    ended = [row for row in outcome.lanes if row.stopped == "max_epochs"]
    assert chosen in {row.candidate for row in ended}
    few = finished(trial(SearchRule(method="halving"), lanes=[x for x in LANES if x.candidate in (1, 2, 3)]))
    assert {row.stopped for row in few.lanes} == {"max_epochs"}
    assert len(few.lanes) == 9


def test_all_lanes_diverge() -> None:
    bad = [Lane(c, s, replace(SETTINGS[5], lr=1e38 - c * 1e36)) for c in range(6) for s in (0, 1)]
    outcome = finished(trial(SearchRule(method="halving"), lanes=bad, finals=FRESH))
    assert {row.stopped for row in outcome.lanes} == {"diverged"}
    assert not outcome.models
    assert not any(s.split == "test" for s in outcome.scores)
    assert torch.get_num_threads() >= 1
