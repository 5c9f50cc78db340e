"""Shares, averages, calibration and the comparison of two matrices, against scikit-learn, statsmodels and scipy."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn import calibration, metrics
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from seqsweep.results.analysis.confusion import confusion
from seqsweep.results.analysis.confusion_contrast import contrast
from seqsweep.results.errors import StoreError
from seqsweep.results.schema import table
from seqsweep.results.statistics.answers import Answers
from seqsweep.results.statistics.calibration import BINS
from seqsweep.results.statistics.calibration import calibration as calibrate
from seqsweep.results.statistics.interval import interval
from seqsweep.results.statistics.proportion import proportion
from seqsweep.results.statistics.sign_flip import MOST_EXACT, sign_flip
from seqsweep.results.store import Store, Sweep


@pytest.fixture(scope="module")
def sweep(example_root: Path) -> Sweep:
    return Store(example_root).find()


@given(st.integers(1, 200), st.data())
def test_where_seeds_agree_a_share_has_wilsons_interval(of: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, of))
    for seeds in (1, 4):
        found = proportion(np.full(seeds, hits), np.full(seeds, of))
        low, high = proportion_confint(hits, of, method="wilson")
        assert found is not None
        assert (found.share, found.low, found.high) == pytest.approx((hits / of, low, high), abs=1e-9)


def test_where_there_are_many_sequences_a_share_has_students_interval() -> None:
    of = 10**9
    shares = [0.31, 0.35, 0.30, 0.38]
    found = proportion(np.array([share * of for share in shares]), np.full(4, of))
    low, high = stats.ttest_1samp(shares, 0.0).confidence_interval(0.95)
    assert found is not None
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-4)


def test_a_share_of_few_sequences_and_seeds_that_differ_is_less_sure_than_either_alone() -> None:
    found = proportion(np.array([2, 6, 4]), np.array([20, 20, 20]))
    agreed = proportion(np.array([4, 4, 4]), np.array([20, 20, 20]))
    assert found is not None
    assert agreed is not None
    over_seeds = interval([0.1, 0.3, 0.2]).half_width
    assert over_seeds is not None
    assert found.high > max(agreed.high, 0.2 + over_seeds)
    assert proportion(np.array([0, 0]), np.array([0, 0])) is None


def test_f1_and_averages_are_scikit_learns(sweep: Sweep) -> None:
    found = confusion(sweep, "segments", "rnn_tanh x 2 x 100")
    mine = sweep.read("predictions", trials=[found.trial]).to_pandas()
    true, predicted, labels = mine.true.astype(str), mine.predicted.astype(str), list(found.classes)
    assert found.f1 == pytest.approx(metrics.f1_score(true, predicted, labels=labels, average=None))
    for name, average in (("macro", found.macro), ("weighted", found.weighted)):
        theirs = metrics.precision_recall_fscore_support(true, predicted, labels=labels, average=name)
        assert (average.precision, average.recall, average.f1) == pytest.approx(theirs[:3])


def test_averages_pass_over_a_class_without_sequences(own_sweep: Sweep) -> None:
    trial = confusion(own_sweep).trial
    cells = own_sweep.read("confusions", trials=[trial]).to_pylist()
    counts = {("a", "a"): 3, ("a", "ai"): 1, ("ai", "a"): 2, ("bA", "tA"): 4}
    for cell in cells:
        cell["count"] = counts.get((cell["true"], cell["predicted"]), 0)
    lanes = table("lanes", own_sweep.read("lanes", trials=[trial]).to_pylist())
    own_sweep.write_trial(trial, {"lanes": lanes, "confusions": table("confusions", cells)})
    found = confusion(own_sweep, trial=trial)
    pairs = [pair for pair, count in counts.items() for _ in range(count)]
    true, predicted = zip(*pairs, strict=True)
    for name, average in (("macro", found.macro), ("weighted", found.weighted)):
        theirs = metrics.precision_recall_fscore_support(
            true, predicted, labels=["a", "ai", "bA"], average=name, zero_division=0
        )
        assert (average.precision, average.recall, average.f1) == pytest.approx(theirs[:3])
    assert found.calibration is None, "no predictions were written"
    assert found.confused[0].examples == ()


def answered(rng: np.random.Generator, classes: int, rows: int = 400) -> Answers:
    probabilities = rng.dirichlet(np.full(classes, 0.4), size=rows)
    true = np.array([rng.choice(classes, p=0.7 * row + 0.3 / classes) for row in probabilities])
    seeds, sequences = np.repeat([0, 1], rows // 2), np.tile(np.arange(rows // 2).astype(str), 2)
    return Answers(seeds, sequences, true, probabilities.argmax(axis=1), probabilities)


@pytest.mark.parametrize("classes", [2, 5, 12])
def test_calibration_is_scikit_learns(classes: int) -> None:
    said = answered(np.random.default_rng(classes), classes)
    found = calibrate(said)
    assert found is not None
    errors, scores = [], {"brier": [], "loss": [], 3: [], 5: []}
    for seed in (0, 1):
        mine = said.seed == seed
        true, probabilities = said.true[mine], said.probabilities[mine]
        correct, confidence = said.predicted[mine] == true, probabilities.max(axis=1)
        share, mean = calibration.calibration_curve(correct, confidence, n_bins=BINS)
        size, _ = np.histogram(confidence, np.linspace(0, 1, BINS + 1))
        errors.append(float(size[size > 0] @ np.abs(share - mean) / size.sum()))
        labels = list(range(classes))
        onehot = np.eye(classes)[true]
        scores["brier"].append(((probabilities - onehot) ** 2).sum(axis=1).mean())
        scores["loss"].append(metrics.log_loss(true, probabilities, labels=labels))
        for k in (3, 5):
            if classes >= 2 * k:
                scores[k].append(metrics.top_k_accuracy_score(true, probabilities, k=k, labels=labels))
    assert found.expected_error.mean == pytest.approx(np.mean(errors))
    assert found.expected_error.half_width == pytest.approx(interval(errors).half_width)
    assert found.brier.mean == pytest.approx(np.mean(scores["brier"]))
    assert found.log_loss.mean == pytest.approx(np.mean(scores["loss"]))
    assert list(found.top) == [k for k in (3, 5) if classes >= 2 * k]
    for k, accuracy in found.top.items():
        assert accuracy.mean == pytest.approx(np.mean(scores[k]))
    if classes == 2:
        both = [
            metrics.brier_score_loss(said.true[said.seed == seed], said.probabilities[said.seed == seed, 1])
            for seed in (0, 1)
        ]
        assert found.brier.mean == pytest.approx(2 * np.mean(both)), "scikit-learn's is half of Brier's own"


def test_examples_are_sequences_that_were_so_mistaken(sweep: Sweep) -> None:
    found = confusion(sweep, "segments", "rnn_tanh x 2 x 100")
    mine = sweep.read("predictions", trials=[found.trial]).to_pandas()
    for pair in found.confused:
        wrong = (
            mine[(mine.true == pair.true) & (mine.predicted == pair.predicted)]
            .groupby("sequence")
            .seed.nunique()
        )
        assert [wrong[each.sequence] for each in pair.examples] == [each.seeds for each in pair.examples]
        assert [each.seeds for each in pair.examples] == sorted(wrong, reverse=True)[: len(pair.examples)]
        assert pair.examples


@given(st.integers(0, 30), st.integers(0, 30))
def test_with_one_seed_the_test_over_sequences_is_mcnemars(only_first: int, only_second: int) -> None:
    differences = np.array([1] * only_first + [-1] * only_second + [0] * 5)
    theirs = mcnemar([[5, only_first], [only_second, 0]], exact=True).pvalue
    assert sign_flip(differences) == pytest.approx(min(theirs, 1.0))


@given(st.lists(st.integers(-4, 4), min_size=2, max_size=8))
def test_with_several_seeds_it_is_scipys_sign_flip_test(differences: list[int]) -> None:
    values = np.array(differences)
    if not values.any():
        assert sign_flip(values) == 1.0
        return
    theirs = stats.permutation_test(
        (values,),
        lambda x, axis: x.sum(axis=axis),
        permutation_type="samples",
        n_resamples=np.inf,
        vectorized=True,
    )
    assert sign_flip(values) == pytest.approx(theirs.pvalue)


def test_beyond_the_exact_test_the_normal_distribution_agrees_with_it() -> None:
    rng = np.random.default_rng(0)
    values = rng.choice([-2, -1, 1, 2], size=MOST_EXACT + 1, p=[0.24, 0.24, 0.26, 0.26])
    assert sign_flip(values) == pytest.approx(sign_flip(values[:-1]), rel=0.2)


def test_a_difference_is_what_pandas_and_scipy_say(sweep: Sweep) -> None:
    found = contrast(sweep, "segments", "lstm x 2 x 100", "rnn_tanh x 2 x 100")
    frame = sweep.read("predictions").to_pandas()
    frame = frame.assign(right=(frame.true.astype(str) == frame.predicted.astype(str)).astype(int))
    first, second = (frame[frame.trial == each.trial] for each in (found.first, found.second))
    both = first.merge(second, on=["seed", "sequence"])
    per_seed = both.groupby("seed")[["right_x", "right_y"]].mean()
    theirs = stats.ttest_rel(per_seed.right_x, per_seed.right_y)
    assert (found.seeds, found.sequences) == (3, both.sequence.nunique())
    assert found.accuracy.difference.mean == pytest.approx(np.mean(per_seed.right_x - per_seed.right_y))
    assert found.accuracy.p_seeds == pytest.approx(theirs.pvalue)
    assert found.accuracy.p == max(found.accuracy.p_seeds or 0.0, found.accuracy.p_sequences)
    assert found.only_first == (both.right_x > both.right_y).sum()
    assert found.only_second == (both.right_x < both.right_y).sum()
    flips = both.groupby("sequence")[["right_x", "right_y"]].sum()
    assert found.accuracy.p_sequences == sign_flip((flips.right_x - flips.right_y).to_numpy())
    shares = np.array([[entry.share if entry else 0.0 for entry in row] for row in found.first.shares])
    shares -= np.array([[entry.share if entry else 0.0 for entry in row] for row in found.second.shares])
    cells = {(cell.true, cell.predicted): cell for cell in found.cells}
    for row, true in enumerate(found.first.classes):
        for column, predicted in enumerate(found.first.classes):
            cell = cells.get((true, predicted))
            mean = cell.share.difference.mean if cell else 0.0
            assert mean == pytest.approx(shares[row, column], abs=1e-12)
    corrected = multipletests([cell.share.p for cell in found.cells], method="holm")[1]
    assert [cell.p_holm for cell in found.cells] == pytest.approx(list(corrected))


def test_only_common_seeds_are_compared(own_sweep: Sweep) -> None:
    first = confusion(own_sweep, trial="lstm x 2 x 100")
    names = ("lanes", "confusions", "predictions")
    tables = {name: own_sweep.read(name, trials=[first.trial]).to_pylist() for name in names}
    for rows in tables.values():
        for row in rows:
            row["seed"] += 2  # 2, 3, 4: only 2 is common
    own_sweep.write_trial(first.trial, {name: table(name, rows) for name, rows in tables.items()})
    found = contrast(own_sweep, None, "lstm x 2 x 100", "rnn_tanh x 2 x 100")
    assert (found.seeds, found.accuracy.p_seeds, found.accuracy.difference.half_width) == (1, None, None)
    for rows in tables.values():
        for row in rows:
            row["seed"] += 9
    own_sweep.write_trial(first.trial, {name: table(name, rows) for name, rows in tables.items()})
    with pytest.raises(StoreError, match="have no seed in common on handwriting"):
        contrast(own_sweep, None, "lstm x 2 x 100", "rnn_tanh x 2 x 100")


def test_what_cannot_be_compared_is_said(own_sweep: Sweep) -> None:
    with pytest.raises(StoreError, match="`lstm x 2 x 100` is lstm x 2 x 100 itself"):
        contrast(own_sweep, None, "lstm x 2 x 100", "lstm x 2 x 100")
    with pytest.raises(StoreError, match="no trial or architecture `lstm x 9 x 1`; nearest: lstm"):
        contrast(own_sweep, None, None, "lstm x 9 x 1")
    trial = confusion(own_sweep, trial="lstm x 2 x 100").trial
    tables = {
        name: table(name, own_sweep.read(name, trials=[trial]).to_pylist())
        for name in ("lanes", "confusions")
    }
    own_sweep.write_trial(trial, tables)
    with pytest.raises(StoreError, match=f"trial {trial} has no predictions of split `test`"):
        contrast(own_sweep, None, None, trial)


def test_two_models_that_answer_alike_do_not_differ(own_sweep: Sweep) -> None:
    first = confusion(own_sweep)
    twin = {}
    for name in ("lanes", "confusions", "predictions"):
        rows = own_sweep.read(name, trials=[first.trial]).to_pylist()
        twin[name] = table(name, [row | {"trial": "twin", "batch_size": 64} for row in rows])
    own_sweep.write_trial("twin", twin)
    found = contrast(own_sweep, None, first.trial, "twin")
    assert (found.cells, found.accuracy.p, found.only_first) == ((), 1.0, 0)
