"""Figures of folds, against what scikit-learn's guide publishes, scipy, and folds whose correlation is known."""

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.model_selection import KFold
from statsmodels.stats.multitest import multipletests

from seqsweep.results.statistics.differences import ALPHA, certain_at, paired
from seqsweep.results.statistics.folds import over_seeds, overlap
from seqsweep.results.statistics.interval import interval
from seqsweep.results.statistics.ranks import places

# Two SVMs, ten times ten folds: differences of their AUC in steps of 1/25, as "Statistical comparison of models using grid
# search" of scikit-learn's guide makes them. baycomp 1.0.3's CorrelatedTTest gives the p below too: 0.2274229710133665.
AUC = np.array([
    -1, -3, 0, 0, 0, 1, 1, 0, 1, 0, 1, 1, 1, 1, 1, -1, 0, 0, 0, 0, -1, -1, 1, -2, 0, 1, 1, 1, 0, 0, -1, 1, 0, 0,
    1, 0, 0, 1, 1, 0, 1, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 1, 1, 1, 0, 1, -1, 2, 0, 0, 0, 0, 0, 5, -1, 0, 1, 0, 0,
    0, 0, 1, 1, 2, 0, 1, 0, -1, 0, 0, 1, -2, 1, 0, 1, 0, 0, 0, 0, 0, 0, -1, 0, -1, 0, 0, 1, 2, 0, 0,
]) / 25  # fmt: skip


def test_what_is_published_comes_out() -> None:
    share = overlap([10] * 100, [90] * 100)
    mean, half, n, p = paired(AUC, np.zeros(100), overlap=share)
    t = stats.t.ppf(0.975, 99) * mean / half
    assert (round(float(t), 3), round(float(p) / 2, 3), n) == (0.750, 0.227, 100)
    assert p / 2 == pytest.approx(0.2274229710133665)
    _, half, _, p = paired(AUC, np.zeros(100))
    t = stats.t.ppf(0.975, 99) * mean / half
    assert (round(float(t), 3), round(float(p) / 2, 3)) == (2.611, 0.005)


@pytest.mark.parametrize(("folds", "times"), [(5, 1), (10, 1), (3, 4)])
def test_p_is_uniform_and_intervals_hold_where_folds_share_as_much_as_is_assumed(
    folds: int, times: int
) -> None:
    """Any two figures of the model behind the test correlate by the share of test among all sequences."""
    n, drawn, rho = folds * times, 4000, 1 / folds
    rng = np.random.default_rng(folds)
    figures = math.sqrt(rho) * rng.normal(size=(drawn, 1)) + math.sqrt(1 - rho) * rng.normal(size=(drawn, n))
    share = overlap([1] * n, [folds - 1] * n)
    mean, half, _, p = paired(figures, np.zeros(n), overlap=share)
    assert stats.kstest(p, "uniform").pvalue > 0.01
    assert np.mean(np.abs(mean) < half) == pytest.approx(0.95, abs=0.015)
    assert np.mean(paired(figures, np.zeros(n))[3] < ALPHA) > 2 * ALPHA, "Student's alone is wrong"
    own = interval(figures[0].tolist(), share)
    assert (own.mean, own.half_width) == (pytest.approx(mean[0]), pytest.approx(half[0]))


@given(st.integers(2, 9), st.integers(0, 40), st.integers(1, 3))
def test_the_share_of_folds_does_not_depend_on_their_sizes(folds: int, more: int, times: int) -> None:
    parts = list(KFold(folds).split(np.zeros(folds + more))) * times
    share = overlap([len(test) for _, test in parts], [len(train) for train, _ in parts])
    assert share == pytest.approx(1 / (folds - 1))


def test_a_share_needs_something_that_was_trained_on() -> None:
    with pytest.raises(ValueError, match="no fold has training sequences"):
        overlap([3], [0])


def test_a_fold_is_the_mean_of_its_seeds() -> None:
    figures = np.array([[[0.8, 0.9], [0.7, math.nan]], [[math.nan, math.nan], [0.5, 0.7]]])
    np.testing.assert_allclose(over_seeds(figures), [[0.85, 0.7], [math.nan, 0.6]])


def test_ranks_over_folds_are_wider_and_corrected_by_holm() -> None:
    rng = np.random.default_rng(2)
    folds, means = 10, np.array([0.95, 0.94, 0.92, 0.85])
    accuracy = means[:, None] + rng.normal(0, 0.012, (4, folds))
    share = overlap([1] * folds, [folds - 1] * folds)
    found, naive = places(accuracy, [True] * 4, 0.0, share), places(accuracy, [True] * 4, 0.0)
    pairs = list(combinations(range(4), 2))
    p = []
    for i, j in pairs:
        apart = accuracy[i] - accuracy[j]
        t = apart.mean() / math.sqrt(apart.var(ddof=1) * (1 / folds + share))
        p.append(2 * stats.t.sf(abs(t), folds - 1))
    sure, corrected = multipletests(p, method="holm", alpha=ALPHA)[:2]
    worse = [sum(sure[n] for n, (i, _) in enumerate(pairs) if i == place) for place in range(4)]
    better = [sum(sure[n] for n, (_, j) in enumerate(pairs) if j == place) for place in range(4)]
    assert found.low == tuple(1 + count for count in better)
    assert found.high == tuple(4 - count for count in worse)
    assert [each.p_holm for each in found.to_best[1:]] == pytest.approx(corrected[:3])
    assert found.tied.count(True) > naive.tied.count(True)
    assert found.high[0] < 4, "something was told apart"


def test_what_a_difference_must_exceed() -> None:
    spread = np.random.default_rng(0).normal(size=5)
    spread = (spread - spread.mean()) / spread.std(ddof=1)
    factor = certain_at(3, 5, 0.25)
    assert paired(spread + factor, np.zeros(5), overlap=0.25)[3] * 3 == pytest.approx(ALPHA)
