"""The figures of the verdict, the confusion matrix and the curves, against scipy, scikit-learn and pandas."""

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics

from seqsweep.results.analysis.confusion import confusion
from seqsweep.results.analysis.curves import Curve, curves
from seqsweep.results.analysis.summary import summary
from seqsweep.results.analysis.verdict import verdict
from seqsweep.results.errors import StoreError
from seqsweep.results.schema import SCHEMAS, table
from seqsweep.results.statistics.interval import Interval, interval
from seqsweep.results.store import Store, Sweep
from seqsweep.results.views import json_view
from tests.support.example_sweep import ARCHITECTURES, CANDIDATES, EPOCHS


@pytest.fixture(scope="module")
def sweep(example_root: Path) -> Sweep:
    return Store(example_root).find()


@pytest.fixture(scope="module")
def lanes(sweep: Sweep) -> pd.DataFrame:
    return sweep.read("lanes").to_pandas()


@given(st.lists(st.floats(0, 1), min_size=2, max_size=12))
def test_interval_is_students_t(values: list[float]) -> None:
    found = interval(values)
    scale = stats.sem(values)
    assert (found.mean, found.n) == (pytest.approx(np.mean(values)), len(values))
    if scale > 0:
        low, high = stats.t.interval(0.95, len(values) - 1, loc=np.mean(values), scale=scale)
        assert found.half_width == pytest.approx((high - low) / 2, abs=1e-12)
    else:
        assert found.half_width == 0


def test_interval_is_that_of_the_one_sample_t_test() -> None:
    values = [0.97, 0.981, 0.975, 0.99]
    low, high = stats.ttest_1samp(values, 0.5).confidence_interval(0.95)
    assert interval(values).half_width == pytest.approx((high - low) / 2)


@pytest.mark.parametrize(
    ("values", "mean", "n"),
    [([], None, 0), ([None, math.nan], None, 0), ([0.5], 0.5, 1), ([None, 0.5, math.inf], 0.5, 1)],
)
def test_fewer_than_two_values_have_no_interval(
    values: list[float | None], mean: float | None, n: int
) -> None:
    assert interval(values) == Interval(mean, None, n)


def test_verdict_is_what_pandas_says(sweep: Sweep, lanes: pd.DataFrame) -> None:
    chosen = lanes[lanes.chosen]
    found = verdict(sweep)
    assert [block.dataset.name for block in found.datasets] == ["handwriting", "segments"]
    for block in found.datasets:
        assert len(block.rows) == len(ARCHITECTURES)
        for row in block.rows:
            mine = chosen[chosen.trial == row.trial]
            every = lanes[lanes.trial == row.trial]
            assert row.seconds == pytest.approx(every.seconds.sum())
            assert (row.lanes, row.diverged) == (len(every), (every.stopped == "diverged").sum())
            assert row.candidates == len(CANDIDATES)
            if mine.empty:
                assert (row.candidate, row.chosen, row.test.mean) == (None, {}, None)
                continue
            for split in ("train", "validation", "test"):
                accuracy = mine[f"{split}_accuracy"]
                figure = getattr(row, split)
                assert (figure.mean, figure.n) == (pytest.approx(accuracy.mean()), 3)
                assert figure.half_width == pytest.approx(stats.t.ppf(0.975, 2) * accuracy.sem(), abs=1e-12)
            assert row.unstable == (mine.test_accuracy.std() > 0.03)
            assert row.chosen == {"lr": 0.004217, "optimizer": "adam", "clip_norm": 1.0}
            assert row.parameters == mine.parameters.iloc[0]
    assert (found.lanes, found.diverged) == (len(lanes), (lanes.stopped == "diverged").sum())
    assert found.seeds == 3


def test_ranks_follow_test_accuracy_then_parameters(sweep: Sweep) -> None:
    for block in verdict(sweep).datasets:
        assert [row.rank for row in block.rows] == list(range(1, len(block.rows) + 1))
        means = [-1.0 if row.test.mean is None else row.test.mean for row in block.rows]
        assert means == sorted(means, reverse=True)


def test_of_equal_accuracies_the_smaller_model_leads(own_sweep: Sweep) -> None:
    for name in own_sweep.finished():
        rows = own_sweep.read("lanes", trials=[name]).to_pylist()
        # 0.1 + 0.2 + 0.3 and 0.3 + 0.2 + 0.1 differ in the last bit; the order of the seeds must not matter.
        accuracies = [0.1, 0.2, 0.3] if rows[0]["parameters"] > 60000 else [0.3, 0.2, 0.1]
        for row in rows:
            row["test_accuracy"] = accuracies[row["seed"]] if row["chosen"] else None
        own_sweep.write_trial(name, {"lanes": table("lanes", rows)})
    rows = [row for row in verdict(own_sweep, "segments").datasets[0].rows if row.candidate is not None]
    assert [row.parameters for row in rows] == sorted(row.parameters for row in rows)


def test_a_seed_without_a_test_result_is_left_out_and_counted(own_sweep: Sweep) -> None:
    trial = verdict(own_sweep).datasets[0].rows[0].trial
    rows = own_sweep.read("lanes", trials=[trial]).to_pylist()
    for row in rows:
        if row["chosen"] and row["seed"] > 0:
            row |= {"test_accuracy": None, "test_loss": None, "train_loss": math.nan, "stopped": "diverged"}
    own_sweep.write_trial(trial, {"lanes": table("lanes", rows)})
    row = next(row for row in verdict(own_sweep).datasets[0].rows if row.trial == trial)
    assert (row.test.n, row.test.half_width, row.diverged_seeds, row.seeds) == (1, None, 2, 3)
    assert row.train.n == row.validation.n == 1, "all three figures are over the same seeds"


def test_confusion_is_what_scikit_learn_says(sweep: Sweep) -> None:
    predictions = sweep.read("predictions").to_pandas()
    for block in verdict(sweep).datasets:
        for row in block.rows:
            if row.candidate is None:
                continue
            found = confusion(sweep, block.dataset.name, row.trial)
            mine = predictions[predictions.trial == row.trial]
            labels = list(found.classes)
            assert tuple(labels) == block.dataset.classes
            true, predicted = mine.true.astype(str), mine.predicted.astype(str)
            np.testing.assert_array_equal(
                found.counts, metrics.confusion_matrix(true, predicted, labels=labels)
            )
            for name, ours in (("recall", found.recall), ("precision", found.precision)):
                score = getattr(metrics, f"{name}_score")
                theirs = score(true, predicted, labels=labels, average=None, zero_division=np.nan)
                np.testing.assert_allclose([math.nan if each is None else each for each in ours], theirs)
            assert found.n == len(mine)
            each = [metrics.accuracy_score(seed.true, seed.predicted) for _, seed in mine.groupby("seed")]
            assert found.accuracy == interval(each)
            assert found.accuracy.mean == pytest.approx(row.test.mean)


def test_the_most_confused_pair_leads(sweep: Sweep) -> None:
    found = confusion(sweep, "segments", "rnn_tanh x 2 x 100")
    counts = np.array(found.counts, dtype=float)
    shares = counts / counts.sum(axis=1, keepdims=True)
    np.fill_diagonal(shares, 0)
    i, j = np.unravel_index(shares.argmax(), shares.shape)
    first = found.confused[0]
    assert (first.true, first.predicted, first.count) == (found.classes[i], found.classes[j], counts[i, j])
    assert first.share.share == pytest.approx(shares.max())
    assert len(found.confused) == np.count_nonzero(shares)


def test_confusion_and_curves_take_the_best_by_default(sweep: Sweep) -> None:
    best = verdict(sweep).datasets[0].rows[0]
    assert confusion(sweep).trial == curves(sweep).trial == best.trial
    assert confusion(sweep, trial=best.trial[:6]).trial == best.trial
    assert confusion(sweep, trial=best.label.upper().replace(" ", "")).trial == best.trial


def test_the_best_by_default_lost_no_seed(own_sweep: Sweep) -> None:
    first = verdict(own_sweep).datasets[0].best
    assert first is not None
    rows = own_sweep.read("lanes", trials=[first]).to_pylist()
    for row in rows:
        if row["chosen"]:
            lost = {"test_accuracy": None, "test_loss": None, "stopped": "diverged"}
            row |= lost if row["seed"] == 0 else {"test_accuracy": 1.0}
    own_sweep.write_trial(first, {"lanes": table("lanes", rows)})
    block = verdict(own_sweep).datasets[0]
    assert block.rows[0].trial == first, "it has the highest mean"
    best = block.best
    assert best != first
    assert confusion(own_sweep).trial == curves(own_sweep).trial == best


def test_a_class_that_is_never_predicted_has_no_precision(own_sweep: Sweep) -> None:
    trial = verdict(own_sweep).datasets[0].rows[0].trial
    tables = {name: own_sweep.read(name, trials=[trial]) for name in SCHEMAS}
    cells = tables["confusions"].to_pylist()
    for cell in cells:
        cell["count"] = 5 if cell["predicted"] == "a" and cell["true"] != "tA" else 0
    own_sweep.write_trial(
        trial,
        {"lanes": table("lanes", tables["lanes"].to_pylist()), "confusions": table("confusions", cells)},
    )
    found = confusion(own_sweep, trial=trial)
    assert found.precision == (0.25, None, None, None, None)
    assert found.recall == (1.0, 0.0, 0.0, 0.0, None)


def test_curves_are_what_pandas_says(sweep: Sweep) -> None:
    found = curves(sweep, "segments")
    epochs = sweep.read("epochs").to_pandas()
    mine = epochs[(epochs.trial == found.trial) & np.isfinite(epochs.train_loss)]
    assert found.searched == ("lr", "optimizer", "clip_norm")
    assert [curve.candidate for curve in found.curves if curve.chosen] == [0]
    for curve in found.curves:
        assert curve.validation is not None
        of = mine[mine.candidate == curve.candidate].groupby("epoch")
        for drawn, theirs in (
            (curve.errors, of.train_loss.mean()),
            (curve.least, of.train_loss.min()),
            (curve.greatest, of.train_loss.max()),
            (curve.validation.mean, of.validation_loss.mean()),
            (curve.validation.least, of.validation_loss.min()),
            (curve.validation.greatest, of.validation_loss.max()),
        ):
            assert list(drawn[: len(theirs)]) == pytest.approx(list(theirs))
            assert all(error is None for error in drawn[len(theirs) :])
    assert [len(curve.errors) for curve in found.curves] == [EPOCHS, EPOCHS - 3, EPOCHS, 3]


def test_a_seed_that_stopped_early_keeps_its_last_error(own_sweep: Sweep) -> None:
    trial = verdict(own_sweep).datasets[0].rows[0].trial
    rows = own_sweep.read("epochs", trials=[trial]).to_pylist()
    kept = [row for row in rows if not (row["candidate"] == 0 and row["seed"] == 0 and row["epoch"] > 2)]
    refit = [row | {"phase": "refit", "train_loss": 99.0} for row in rows]
    lanes = table("lanes", own_sweep.read("lanes", trials=[trial]).to_pylist())
    own_sweep.write_trial(trial, {"lanes": lanes, "epochs": table("epochs", kept + refit)})
    errors = curves(own_sweep, trial=trial).curves[0].errors
    full = {row["epoch"]: row["train_loss"] for row in rows if row["candidate"] == 0 and row["seed"] == 1}
    assert errors[-1] == pytest.approx((full[2] + 2 * full[EPOCHS]) / 3)


def test_a_validation_error_that_was_not_measured_is_none(own_sweep: Sweep) -> None:
    trial = verdict(own_sweep).datasets[0].rows[0].trial
    rows = own_sweep.read("epochs", trials=[trial]).to_pylist()
    for row in rows:
        row["validation_loss"] = (
            None if row["candidate"] == 0 or row["epoch"] == 2 else row["validation_loss"]
        )
    lanes = table("lanes", own_sweep.read("lanes", trials=[trial]).to_pylist())
    own_sweep.write_trial(trial, {"lanes": lanes, "epochs": table("epochs", rows)})
    none, some, *_ = curves(own_sweep, trial=trial).curves
    assert none.validation is None
    assert some.validation is not None
    assert [error is None for error in some.validation.mean[:3]] == [False, True, False]


def test_a_sweep_without_results_says_so(tmp_path: Path) -> None:
    sweep = Store(tmp_path).create("new-000000", {"trials": 4, "datasets": [{"name": "handwriting"}]})
    found = verdict(sweep)
    assert (found.datasets, found.summary.missing, found.summary.status) == ((), 4, "running")
    for ask in (confusion, curves, lambda sweep: verdict(sweep, "handwriting")):
        with pytest.raises(StoreError, match="sweep new-000000 has no finished trial yet"):
            ask(sweep)


def test_what_is_not_there_is_named_with_the_nearest(sweep: Sweep) -> None:
    with pytest.raises(StoreError, match="no results on data set `handwritin`; nearest: handwriting"):
        verdict(sweep, "handwritin")
    with pytest.raises(StoreError, match=r"no trial or architecture `gru x 2 x 10`; nearest: gru x 2 x 100"):
        curves(sweep, trial="gru x 2 x 10")
    with pytest.raises(StoreError, match="no confusions of split `validation`; it has test"):
        confusion(sweep, split="validation")
    with pytest.raises(StoreError, match="has no chosen candidate: all of its lanes diverged"):
        confusion(sweep, trial="rnn_tanh x 3 x 100")


def test_an_architecture_with_two_batch_sizes_is_two_rows(own_sweep: Sweep) -> None:
    old = verdict(own_sweep).datasets[0].rows[0]
    rows = own_sweep.read("lanes", trials=[old.trial]).to_pylist()
    own_sweep.write_trial(
        "twin", {"lanes": table("lanes", [row | {"trial": "twin", "batch_size": 64} for row in rows])}
    )
    labels = [row.label for row in verdict(own_sweep).datasets[0].rows]
    assert {f"{old.label} batch 32", f"{old.label} batch 64"} <= set(labels)
    with pytest.raises(StoreError, match=r"fits several trials: .*batch 32.*batch 64.*give the id"):
        curves(own_sweep, trial=old.label)
    assert curves(own_sweep, trial=f"{old.label} batch 64").trial == "twin"


def test_json_holds_what_the_dataclass_holds(sweep: Sweep) -> None:
    views = [
        verdict(sweep),
        confusion(sweep),
        curves(sweep),
        summary(sweep),
    ]
    for data in views:
        back = json.loads(json_view.dump(data))
        assert back == json.loads(json.dumps(dataclasses.asdict(data)))
        assert back.keys() == {field.name for field in dataclasses.fields(data)}
    assert json.loads(json_view.dump([views[3], views[3]]))[1]["id"] == sweep.id


def test_json_has_no_nan() -> None:
    row = Curve(0, {"lr": math.inf}, True, 1, 0, (1.0, math.nan, None))
    assert json.loads(json_view.dump(row))["errors"] == [1.0, None, None]
    assert json.loads(json_view.dump(row))["hyperparameters"] == {"lr": None}


def test_a_row_is_refitted_where_the_first_seed_diverged_before(own_sweep: Sweep) -> None:
    trial = verdict(own_sweep).datasets[0].rows[0].trial
    rows = own_sweep.read("lanes", trials=[trial]).to_pylist()
    for row in rows:
        row["refit"] = row["chosen"] and row["seed"] != min(each["seed"] for each in rows if each["chosen"])
    own_sweep.write_trial(trial, {"lanes": table("lanes", rows)})
    refitted = {row.trial: row.refit for row in verdict(own_sweep).datasets[0].rows}
    assert [name for name, each in refitted.items() if each] == [trial]
