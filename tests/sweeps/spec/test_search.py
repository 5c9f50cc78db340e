"""Candidates: the right distributions (scipy's), the same ones again, and earlier ones kept when there are more."""

import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from seqsweep.seqmodels.hyperparameters import Hyperparameters
from seqsweep.sweeps.errors import SpecError
from seqsweep.sweeps.spec.candidates import candidates
from seqsweep.sweeps.spec.dimension import Dimension
from seqsweep.sweeps.spec.loading import parse_spec
from seqsweep.sweeps.spec.model import Spec
from seqsweep.sweeps.spec.samplers.known import SAMPLERS

MANY = 3000


def spec(hyperparameters: dict[str, Any], **more: Any) -> Spec:
    table = {"name": "x", "datasets": "handwriting", "architecture": {"cell": "gru"}, "seeds": 1}
    return parse_spec(table | {"hyperparameters": hyperparameters} | more, base=Path(), source="x.toml")


def drawn(name: str, dimension: Any, count: int = MANY) -> np.ndarray:
    # a second range keeps equal values of the first from being skipped
    other = {"label_smoothing": {"uniform": [0, 0.5]}}
    return np.array(
        [getattr(each, name) for each in candidates(spec({name: dimension} | other, candidates=count))]
    )


def test_uniform() -> None:
    values = drawn("weight_decay", {"uniform": [2, 5]})
    assert stats.kstest(values, stats.uniform(2, 3).cdf).pvalue > 0.01
    assert values.min() >= 2
    assert values.max() <= 5


def test_log_uniform() -> None:
    values = drawn("lr", {"log_uniform": [1e-4, 1e-1]})
    assert stats.kstest(values, stats.loguniform(1e-4, 1e-1).cdf).pvalue > 0.01
    # not uniform: the test can tell
    assert stats.kstest(values, stats.uniform(1e-4, 1e-1).cdf).pvalue < 1e-9


def test_int_has_both_ends_and_nothing_between_the_whole_numbers() -> None:
    values = drawn("weight_decay", {"int": [3, 7]})
    numbers, counts = np.unique(values, return_counts=True)
    assert numbers.tolist() == [3, 4, 5, 6, 7]
    assert stats.chisquare(counts).pvalue > 0.01


def test_choice() -> None:
    values = drawn("schedule", {"choice": ["constant", "cosine", "one_cycle"]})
    assert stats.chisquare(np.unique(values, return_counts=True)[1]).pvalue > 0.01


def test_hyperparameters_and_neighbours_are_drawn_independently() -> None:
    lr, eps = SAMPLERS["random"].quantiles(0, "lr", MANY), SAMPLERS["random"].quantiles(0, "eps", MANY)
    assert stats.pearsonr(lr, eps).pvalue > 0.01
    assert stats.pearsonr(lr[1:], lr[:-1]).pvalue > 0.01
    assert stats.pearsonr(lr, SAMPLERS["random"].quantiles(1, "lr", MANY)).pvalue > 0.01


@given(st.floats(0, 1, exclude_max=True), st.floats(1e-12, 1e6), st.floats(1.001, 1e6))
def test_quantiles_stay_inside_the_range(quantile: float, low: float, factor: float) -> None:
    for kind in ("uniform", "log_uniform"):
        assert low <= Dimension(kind, (low, low * factor)).at(quantile) <= low * factor
    whole = Dimension("int", (float(math.floor(low)), float(math.ceil(low * factor)))).at(quantile)
    assert whole == int(whole)


SPACES = st.fixed_dictionaries(
    {"lr": st.sampled_from([{"log_uniform": [1e-4, 1e-1]}, {"uniform": [0.1, 1]}])},
    optional={
        "optimizer": st.sampled_from(["adam", {"choice": ["sgd", "adam", "rmsprop"]}]),
        "dropout": st.just({"uniform": [0, 0.5]}),
        "clip_norm": st.just({"choice": ["off", 1, 5]}),
        "weight_decay": st.just({"int": [0, 3]}),
        "schedule": st.just({"choice": ["constant", "cosine"]}),
    },
)


@settings(max_examples=50)
@given(SPACES, st.integers(0, 2**32 - 1), st.integers(1, 30), st.integers(0, 30))
def test_more_candidates_keep_the_earlier_ones(
    space: dict[str, Any], seed: int, count: int, more: int
) -> None:
    few = candidates(spec(space, candidates=count, search_seed=seed))
    many = candidates(spec(space, candidates=count + more, search_seed=seed))
    assert many[:count] == few
    assert len(few) == count
    assert len(set(many)) == count + more
    assert few == candidates(spec(space, candidates=count, search_seed=seed))


@settings(max_examples=50)
@given(st.integers(1, 40))
def test_discrete_spaces_keep_the_earlier_ones_too(count: int) -> None:
    space = {
        "lr": {"choice": [1, 2, 3, 4, 5]},
        "dropout": {"choice": [0, 0.1, 0.2, 0.3]},
        "clip_norm": {"choice": ["off", 1]},
    }
    few, all_of_them = (candidates(spec(space, candidates=number)) for number in (count, 40))
    assert all_of_them[:count] == few
    assert len(set(all_of_them)) == 40


def test_a_new_hyperparameter_leaves_the_others_draws() -> None:
    lr = {"lr": {"log_uniform": [1e-4, 1e-1]}}
    before = candidates(spec(lr, candidates=9))
    after = candidates(spec({"dropout": {"uniform": [0, 0.5]}} | lr, candidates=9))
    assert [replace(each, dropout=0.0) for each in after] == before


def test_the_search_seed_matters() -> None:
    lr = {"lr": {"log_uniform": [1e-4, 1e-1]}}
    first, second = (set(candidates(spec(lr, candidates=9, search_seed=seed))) for seed in (0, 1))
    assert not first & second


def test_the_full_grid() -> None:
    found = candidates(spec({"lr": {"choice": [1, 2]}, "dropout": {"choice": [0, 0.5, 0.1]}, "eps": 1e-6}))
    assert [(each.lr, each.dropout, each.eps) for each in found] == [
        (lr, dropout, 1e-6) for lr in (1, 2) for dropout in (0, 0.5, 0.1)
    ]


def test_no_hyperparameters_are_one_candidate() -> None:
    assert candidates(spec({})) == [Hyperparameters()]


def test_settings_that_are_not_read_do_not_make_candidates() -> None:
    space = {
        "optimizer": {"choice": ["sgd", "adam", "rmsprop"]},
        "momentum": {"choice": [0, 0.9]},
        "nesterov": {"choice": [False, True]},
        "beta1": {"choice": [0.8, 0.9]},
    }
    found = {(each.optimizer, each.momentum, each.nesterov, each.beta1) for each in candidates(spec(space))}
    assert found == {
        ("sgd", 0, False, 0.9),
        ("sgd", 0.9, False, 0.9),
        ("sgd", 0.9, True, 0.9),
        ("adam", 0, False, 0.8),
        ("adam", 0, False, 0.9),
        ("rmsprop", 0, False, 0.9),
        ("rmsprop", 0.9, False, 0.9),
    }


def test_off_is_none() -> None:
    found = candidates(spec({"clip_norm": {"choice": ["off", 2]}}))
    assert [each.clip_norm for each in found] == [None, 2.0]
    assert all(type(value) is float for value in (found[1].clip_norm, found[1].lr))


def test_a_range_with_hardly_any_numbers_ends() -> None:
    narrow = {"lr": {"uniform": [1.0, math.nextafter(1.0, 2.0)]}}
    with pytest.raises(SpecError, match="only 2 different candidates"):
        candidates(spec(narrow, candidates=3))


def test_candidates_are_valid_and_plain() -> None:
    for each in candidates(spec({"lr": {"int": [1, 9]}, "weight_decay": {"uniform": [0, 1]}}, candidates=20)):
        assert {type(value) for value in asdict(each).values()} <= {float, str, bool, type(None)}
