"""Differences, Holm's correction, rank ranges, edges and cautions, against scipy and statsmodels."""

import itertools
import math
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats
from statsmodels.stats.multitest import multipletests

from seqsweep.results.analysis.search_edges import edges, ranges
from seqsweep.results.statistics.differences import ALPHA, certain_at, holm, least_deviation, paired, welch
from seqsweep.results.statistics.ranks import places

ACCURACIES = st.integers(2, 8).flatmap(
    lambda n: hnp.arrays(np.float64, (2, n), elements=st.floats(0, 1, width=32))
)


@given(ACCURACIES)
def test_a_paired_difference_is_scipys(figures: np.ndarray) -> None:
    a, b = figures
    mean, half, n, p = paired(a, b)
    assert (mean, n) == (pytest.approx(np.mean(a - b), abs=1e-15), len(a))
    if np.std(a - b, ddof=1) > 1e-9 and abs(mean) > 1e-9:
        theirs = stats.ttest_rel(a, b)
        low, high = theirs.confidence_interval(0.95)
        assert p == pytest.approx(theirs.pvalue, rel=1e-6, abs=1e-12)
        assert (mean - half, mean + half) == (pytest.approx(low), pytest.approx(high))


@given(
    ACCURACIES,
    st.integers(2, 8).flatmap(lambda n: st.lists(st.floats(0, 1, width=32), min_size=n, max_size=n)),
)
def test_a_difference_of_unlike_seeds_is_scipys(figures: np.ndarray, other: list[float]) -> None:
    a = figures[0].tolist()
    mean, half, p = welch(a, other)
    if min(np.std(a), np.std(other)) > 1e-9 and abs(mean) > 1e-9:
        theirs = stats.ttest_ind(a, other, equal_var=False)
        low, high = theirs.confidence_interval(0.95)
        assert p == pytest.approx(theirs.pvalue, rel=1e-6, abs=1e-12)
        assert (mean - half, mean + half) == (pytest.approx(low), pytest.approx(high))


def test_a_seed_that_one_of_them_lacks_is_left_out() -> None:
    a, b = np.array([0.9, math.nan, 0.8, 0.85]), np.array([0.7, 0.6, math.nan, 0.8])
    mean, _, n, p = paired(a, b)
    assert (mean, n, p) == (
        pytest.approx(0.125),
        2,
        pytest.approx(stats.ttest_rel([0.9, 0.85], [0.7, 0.8]).pvalue),
    )
    _, half, n, p = paired(a[:2], b[:2])
    assert (n, math.isnan(half), math.isnan(p)) == (1, True, True)


def test_seeds_that_agree_to_the_last_sequence_do_not_make_a_difference_certain() -> None:
    a, b = np.full(3, 0.98), np.full(3, 0.97)
    floor = least_deviation(100)
    half, p = paired(a, b, floor)[1::2]
    # the variance of the difference of two figures rounded to steps of 0.01, by drawing them
    drawn = np.random.default_rng(0).uniform(-0.005, 0.005, (2, 100_000))
    assert floor == pytest.approx(np.std(drawn[0] - drawn[1]), rel=0.01)
    assert p == pytest.approx(2 * stats.t.sf(0.01 / (floor / math.sqrt(3)), 2))
    assert half == pytest.approx(stats.t.ppf(0.975, 2) * floor / math.sqrt(3))
    assert np.isnan(paired(a, b)[3]), "without the number of sequences nothing says how sure it is"
    assert paired(a, a)[3] == 1
    assert welch([0.9, 0.9], [0.9, 0.9])[2] == 1


@given(hnp.arrays(np.float64, st.integers(0, 40), elements=st.one_of(st.floats(0, 1), st.just(math.nan))))
def test_holm_is_statsmodels(p: np.ndarray) -> None:
    tested = np.isfinite(p)
    ours = holm(p)
    assert np.isnan(ours[~tested]).all()
    if tested.any():
        with mock.patch("gc.collect"):  # which statsmodels calls every time
            np.testing.assert_allclose(ours[tested], multipletests(p[tested], method="holm")[1])


@pytest.mark.parametrize(("comparisons", "seeds"), [(1, 3), (36, 3), (36, 5), (10, 20)])
def test_what_a_difference_must_exceed(comparisons: int, seeds: int) -> None:
    spread = np.random.default_rng(0).normal(size=seeds)
    spread = (spread - spread.mean()) / spread.std(ddof=1)
    factor = certain_at(comparisons, seeds)
    assert stats.ttest_1samp(spread + factor, 0).pvalue * comparisons == pytest.approx(ALPHA)


def expected_ranges(accuracy: np.ndarray, whole: list[bool], m: int) -> list[tuple[int, int]]:
    pairs = list(itertools.combinations(range(m), 2))
    p = [stats.ttest_rel(accuracy[i], accuracy[j], nan_policy="omit").pvalue for i, j in pairs]
    apart = multipletests(p, method="holm", alpha=ALPHA)[0]
    better, worse = [0] * m, [0] * m
    for (i, j), sure in zip(pairs, apart, strict=True):
        winner, loser = (i, j) if np.nanmean(accuracy[i] - accuracy[j]) > 0 else (j, i)
        if sure and whole[winner]:
            better[loser] += 1
            worse[winner] += 1
    return [(1 + better[i], m - worse[i]) for i in range(m)]


def study(seed: int, means: list[float], deviation: float = 0.01, seeds: int = 5) -> np.ndarray:
    return np.random.default_rng(seed).normal(np.array(means)[:, None], deviation, (len(means), seeds))


@pytest.mark.parametrize("seed", range(5))
def test_rank_ranges_are_counted_as_defined(seed: int) -> None:
    accuracy = study(seed, [0.95, 0.94, 0.94, 0.85, 0.7, 0.3])
    found = places(accuracy, [True] * 6, 0.0)
    assert list(zip(found.low, found.high, strict=True)) == expected_ranges(accuracy, [True] * 6, 6)
    assert (found.best, found.comparisons, found.every_pair) == (0, 15, True)
    assert found.high[0] < 6, "something was told apart"
    assert found.tied == tuple(found.low[place] == 1 for place in range(6))
    last = found.to_best[5]
    assert last is not None
    theirs = stats.ttest_rel(accuracy[5], accuracy[0])
    assert (last.mean, last.p) == (
        pytest.approx(np.mean(accuracy[5] - accuracy[0])),
        pytest.approx(theirs.pvalue),
    )
    assert found.to_best[0] is None


def test_who_lost_a_seed_is_never_counted_as_better() -> None:
    accuracy = study(0, [0.99, 0.9, 0.5, 0.2])
    accuracy[0, 1] = math.nan
    whole = [False, True, True, True]
    found = places(accuracy, whole, 0.0)
    assert list(zip(found.low, found.high, strict=True)) == expected_ranges(accuracy, whole, 4)
    assert (found.best, found.low[0], found.high[0]) == (1, 1, 4)
    assert found.tied[:2] == (True, True)


def test_who_has_no_figure_is_behind_all_that_have_one() -> None:
    accuracy = np.vstack([study(0, [0.9, 0.5]), np.full((2, 5), math.nan)])
    found = places(accuracy, [True, True, False, False], 0.0)
    assert list(zip(found.low, found.high, strict=True)) == [(1, 1), (2, 2), (3, 4), (3, 4)]
    assert found.to_best[2] is None


def test_one_seed_tells_nothing() -> None:
    found = places(np.array([[0.9], [0.5], [0.1]]), [True] * 3, 0.001)
    assert (found.low, found.high, found.tied) == ((1, 1, 1), (3, 3, 3), (False, False, False))
    assert found.comparisons == 0
    assert places(np.full((2, 0), math.nan), [False, False], 0.0).low == (1, 1)


def test_of_very_many_each_is_compared_with_the_best_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqsweep.results.statistics.ranks.MOST_FOR_ALL_PAIRS", 3)
    accuracy = study(1, [0.95, 0.949, 0.6, 0.3])
    found = places(accuracy, [True] * 4, 0.0)
    corrected = multipletests(
        [stats.ttest_rel(accuracy[0], other).pvalue for other in accuracy[1:]], method="holm"
    )[1]
    assert [each.p_holm for each in found.to_best[1:] if each] == pytest.approx(list(corrected))
    assert (found.comparisons, found.every_pair) == (3, False)
    assert list(zip(found.low, found.high, strict=True)) == [(1, 2), (1, 4), (2, 4), (2, 4)]


LR = {"log_uniform": [1e-3, 1e-1]}


@pytest.mark.parametrize(
    ("dimension", "value", "end"),
    [
        (LR, 1.5e-3, "lower"),
        (LR, 1.7e-3, None),
        (LR, 0.01, None),
        (LR, 0.07, "upper"),
        ({"uniform": [0.1, 0.5]}, 0.13, "lower"),
        ({"uniform": [0.0, 0.5]}, 0.01, None),
        ({"uniform": [0.1, 0.5]}, 0.2, None),
        ({"int": [1, 4]}, 4.0, "upper"),
        ({"choice": [0.0, 0.2, 0.4]}, 0.4, "upper"),
        ({"choice": [0.0, 0.2, 0.4]}, 0.2, None),
        ({"choice": [0.0, 0.2, 0.4]}, 0.0, None),
        ({"choice": ["off", 0.5, 1.0]}, 0.5, "lower"),
        ({"choice": ["off", 0.5, 1.0]}, None, None),
        ({"choice": ["off", 1.0]}, 1.0, None),
        ({"choice": ["adam", "sgd"]}, "adam", None),
        ({"choice": [0.5, 0.9]}, 0.0, None),  # the default of an optimizer that does not read it
        (0.01, 0.01, None),
        ({"choice": [True, False]}, True, None),
    ],
)
def test_edges_of_the_search(dimension: Any, value: Any, end: str | None) -> None:
    found = edges({"lr": value}, ranges({"lr": dimension}))
    assert [edge.end for edge in found] == ([] if end is None else [end])
    assert edges({}, ranges({"lr": dimension})) == ()
