"""Dimensions have the distributions that they say (SciPy's), and every slip in one is explained."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from seqsweep.sweeps.errors import SpecError
from seqsweep.sweeps.spec.candidates import candidates
from seqsweep.sweeps.spec.dimension import BELOW_ONE, Dimension
from seqsweep.sweeps.spec.loading import parse_spec
from seqsweep.sweeps.spec.model import Spec
from seqsweep.sweeps.spec.space_table import read_space

GRID = (np.arange(4000) + 0.5) / 4000


def read(name: str, table: Any) -> Dimension:
    space, complaints = read_space({name: table})
    assert not complaints
    return space[name]


def spec(hyperparameters: dict[str, Any], **more: Any) -> Spec:
    table = {"name": "x", "datasets": "handwriting", "architecture": {"cell": "gru"}, "seeds": 1}
    return parse_spec(table | {"hyperparameters": hyperparameters} | more, base=Path(), source="x.toml")


def test_steps_are_decimal_and_equally_likely() -> None:
    dropout = read("dropout", {"uniform": [0, 0.5], "step": 0.05})
    assert dropout.size == 11
    assert list(dropout.all()) == [0.0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5]
    values, counts = np.unique([dropout.at(q) for q in GRID], return_counts=True)
    assert values.tolist() == list(dropout.all())
    assert max(counts) - min(counts) <= 1
    assert list(read("clip_norm", {"int": [8, 32], "step": 8}).all()) == [8.0, 16.0, 24.0, 32.0]


def test_a_step_of_a_logarithmic_range_has_the_weight_of_the_numbers_up_to_the_next() -> None:
    clip = read("clip_norm", {"log_uniform": [1, 9], "step": 2})
    values, counts = np.unique([clip.at(q) for q in GRID], return_counts=True)
    assert values.tolist() == [1, 3, 5, 7, 9]
    expected = np.diff(np.log([1, 3, 5, 7, 9, 11])) / math.log(11)
    np.testing.assert_allclose(counts / len(GRID), expected, atol=2 / len(GRID))


def test_weights_are_shares() -> None:
    optimizer = read("optimizer", {"choice": ["sgd", "adam", "adamw"], "weights": [1, 5, 2]})
    found = [optimizer.at(q) for q in GRID]
    assert [found.count(each) for each in ("sgd", "adam", "adamw")] == [500, 2500, 1000]


def test_bells_are_scipys_truncated_normal() -> None:
    noise = read("input_noise", {"normal": [0.3, 0.1], "within": [0.2, 0.45]})
    expected = stats.truncnorm(-1, 1.5, loc=0.3, scale=0.1).ppf(GRID)
    np.testing.assert_allclose([noise.at(q) for q in GRID], expected, rtol=1e-12)
    lr = read("lr", {"log_normal": [1e-2, 3], "within": [1e-3, 1e-1]})
    ends = math.log(10) / math.log(3)
    expected = np.exp(stats.truncnorm(-ends, ends, loc=math.log(1e-2), scale=math.log(3)).ppf(GRID))
    np.testing.assert_allclose([lr.at(q) for q in GRID], expected, rtol=1e-12)


EACH = {
    "choice": ("clip_norm", {"choice": ["off", 1, 2, 5], "weights": [1, 2, 3, 4]}),
    "plain choice": ("clip_norm", {"choice": ["off", 1, 2]}),
    "int": ("weight_decay", {"int": [3, 9]}),
    "int step": ("weight_decay", {"int": [3, 9], "step": 3}),
    "uniform": ("dropout", {"uniform": [0.1, 0.7]}),
    "uniform step": ("dropout", {"uniform": [0.1, 0.7], "step": 0.1}),
    "log": ("lr", {"log_uniform": [1e-5, 1]}),
    "log step": ("lr", {"log_uniform": [0.01, 0.64], "step": 0.03}),
    "normal": ("dropout", {"normal": [0.2, 0.2], "within": [0, 0.9]}),
    "log normal": ("lr", {"log_normal": [1e-3, 5], "within": [1e-6, 0.9]}),
}


@pytest.mark.parametrize("name", EACH)
@settings(max_examples=60)
@given(st.floats(0, 1, exclude_max=True) | st.just(BELOW_ONE))
def test_a_quantile_gives_a_value_whose_quantile_gives_it_again(name: str, quantile: float) -> None:
    dimension = read(*EACH[name])
    value = dimension.at(quantile)
    again = dimension.quantile(value)
    assert 0 <= again < 1
    if dimension.size < math.inf:
        assert value in list(dimension.all())
        assert dimension.at(again) == value
    else:
        assert dimension.ends[0] <= value <= dimension.ends[1]
        assert again == pytest.approx(quantile, abs=1e-9)


@pytest.mark.parametrize("name", EACH)
def test_a_dimension_survives_its_table(name: str) -> None:
    where, table = EACH[name]
    dimension = read(where, table)
    assert read(where, dimension.to_table()) == dimension


WRONG: list[tuple[dict[str, Any], str]] = [
    (
        {"dropout": {"uniform": [0, 0.5], "step": 0.2}},
        "`hyperparameters.dropout.step` is 0.2, but must go into 0.5, the range from 0 to 0.5, without a rest: end it at 0.4",
    ),
    (
        {"dropout": {"uniform": [0, 0.5], "step": 0}},
        "`hyperparameters.dropout.step` is 0, but must be a number greater than 0, and at most 0.5, the whole range",
    ),
    (
        {"weight_decay": {"int": [0, 5], "step": 0.5}},
        "`hyperparameters.weight_decay.step` is 0.5, but must be a whole number, as the range is `int`",
    ),
    (
        {"dropout": {"uniform": [0, 0.5], "step": 1e-9}},
        "`hyperparameters.dropout.step` is 1e-09, but makes more than 1,000,000 values: leave it out, or make it larger",
    ),
    (
        {"dropout": {"uniform": [0, 0.5], "stepp": 0.1}},
        "`hyperparameters.dropout.stepp` is not known beside `uniform`, only step and when; did you mean 'step'?",
    ),
    (
        {"clip_norm": {"choice": [1, 2], "weights": [1]}},
        "`hyperparameters.clip_norm.weights` is [1], but must be a list of 2 numbers, one for each value of `choice`",
    ),
    (
        {"clip_norm": {"choice": [1, 2], "weights": [1, 0]}},
        "`hyperparameters.clip_norm.weights[1]` is 0, but must be a number greater than 0, at most 1e6",
    ),
    (
        {"lr": {"log_normal": [-6.9, 2], "within": [1e-4, 1]}},
        "`hyperparameters.lr.log_normal[0]` is -6.9, but must be greater than 0: it is the median itself, not its logarithm",
    ),
    (
        {"lr": {"normal": [0.1, 0.1]}},
        "`hyperparameters.lr.normal` is [0.1, 0.1], but wants `within = [lowest, highest]` beside it, as `lr` must be greater "
        "than 0",
    ),
    (
        {"lr": {"normal": [5, 0.1], "within": [0.1, 1]}},
        "`hyperparameters.lr.within` is [0.1, 1], but holds less than 1 % of the distribution [5, 0.1]: set its middle or its "
        "ends",
    ),
    (
        {"lr": {"normal": [0.1, 0.1], "within": [0, 1]}},
        "`hyperparameters.lr.within[0]` is 0, but must be greater than 0",
    ),
    (
        {"schedule": {"normal": [0.1, 0.1], "within": [0, 1]}},
        "`hyperparameters.schedule.normal` is a range, but `schedule` is not a number: use {choice = [...]}",
    ),
    (
        {"lr": {"choice": [1, 2], "when": {"optimiser": "sgd"}}},
        "`hyperparameters.lr.when.optimiser` is unknown, but must be a hyperparameter or an axis of [architecture]; did you mean "
        "'optimizer'?",
    ),
    (
        {"lr": {"choice": [1, 2], "when": {"cell": "lstm"}}},
        "`hyperparameters.lr.when.cell` is 'lstm', but `cell` is never that in this spec: it is 'gru'",
    ),
    (
        {"lr": {"choice": [1, 2], "when": {"dropout": 0.1}}, "dropout": {"uniform": [0, 0.5]}},
        "`hyperparameters.lr.when.dropout` is a range, but must be a {choice = [...]}, or an axis of [architecture]",
    ),
    (
        {"lr": {"choice": [1, 2], "when": {"lr": 1}}},
        "`hyperparameters.lr.when.lr` is the hyperparameter itself, but must be another",
    ),
    (
        {"lr": {"choice": [1, 2], "when": "sgd"}},
        "`hyperparameters.lr.when` is 'sgd', but must be a table such as {optimizer = \"sgd\"}",
    ),
    (
        {
            "lr": {"choice": [1, 2], "when": {"schedule": "cosine"}},
            "schedule": {"choice": ["cosine", "constant"], "when": {"cell": "gru"}},
        },
        "`hyperparameters.lr.when.schedule` has a `when` of its own: let `lr` depend on what `schedule` depends on",
    ),
    (
        {"lr": {"choice": [1, 2], "when": {"bidirectional": 0}}},
        "`hyperparameters.lr.when.bidirectional` is 0, but `bidirectional` is never that in this spec: it is false",
    ),
]


@pytest.mark.parametrize(("table", "sentence"), WRONG, ids=lambda value: str(value)[:40])
def test_a_slip_is_told_in_one_sentence(table: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SpecError) as error:
        spec(table, candidates=1)
    assert error.value.problems == (f"x.toml: {sentence}",)


def test_a_condition_on_a_hyperparameter_is_met_or_the_default_stands() -> None:
    space = {
        "optimizer": {"choice": ["sgd", "rmsprop"]},
        "momentum": {"uniform": [0.5, 0.99], "when": {"optimizer": "sgd"}},
        "clip_norm": {"choice": ["off", 1]},
        "weight_decay": {
            "uniform": [0.1, 0.2],
            "when": {"clip_norm": ["off"], "optimizer": ["sgd", "rmsprop"]},
        },
        "lr": {"log_uniform": [1e-4, 1e-1]},
    }
    found = candidates(spec(space, candidates=64))
    for each in found:
        assert (0.5 <= each.momentum <= 0.99) if each.optimizer == "sgd" else each.momentum == 0
        assert (0.1 <= each.weight_decay <= 0.2) if each.clip_norm is None else each.weight_decay == 0
    assert len({each.optimizer for each in found}) == len({each.clip_norm for each in found}) == 2
    # as without the condition, where it is met
    space["momentum"] = {"uniform": [0.5, 0.99]}
    free = candidates(spec(space, candidates=64))
    assert [each for each in found if each.optimizer == "sgd"] == [
        each for each in free if each.optimizer == "sgd"
    ]


def test_conditions_make_a_grid_smaller() -> None:
    space = {
        "schedule": {"choice": ["constant", "cosine"]},
        "dropout": {"choice": [0.1, 0.2, 0.3], "when": {"schedule": "cosine"}},
    }
    found = [(each.schedule, each.dropout) for each in candidates(spec(space))]
    assert found == [("constant", 0.0), ("cosine", 0.1), ("cosine", 0.2), ("cosine", 0.3)]
    with pytest.raises(SpecError, match=r"is 5, but .* allows only 4 different candidates"):
        spec(space, candidates=5)


def test_the_grid_of_steps_where_it_is_asked_for() -> None:
    space = {"dropout": {"uniform": [0, 0.2], "step": 0.1}, "weight_decay": {"int": [0, 1]}}
    asked = {"search": {"sampler": "grid"}}
    assert len(candidates(spec(space, **asked))) == 6
    with pytest.raises(SpecError, match="is missing, but must say how many to draw, as `dropout` is a range"):
        spec(space)
    with pytest.raises(SpecError, match="`candidates` is 2, but the sampler `grid` tries every combination"):
        spec(space, candidates=2, **asked)
    with pytest.raises(SpecError, match="as `lr` is a range"):
        spec({**space, "lr": {"uniform": [0.1, 0.2]}}, **asked)
