"""Constraints are read by a grammar of their own (Python is the oracle of what they mean), and architectures are listed."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqsweep.sweeps.errors import SpecError
from seqsweep.sweeps.spec.architectures import values_of
from seqsweep.sweeps.spec.axes import ArchitectureAxes
from seqsweep.sweeps.spec.candidates import candidates
from seqsweep.sweeps.spec.constraint import AXES, read_constraint
from seqsweep.sweeps.spec.loading import parse_spec
from seqsweep.sweeps.spec.model import Spec
from seqsweep.sweeps.spec.plan import architectures, points

POINT = {
    "cell": "lstm",
    "layers": 2,
    "hidden": 96,
    "bidirectional": True,
    "readout": "last+max",
    "head_hidden": 0,
    "batch_size": 16,
    "lr": 0.01,
    "clip_norm": None,
    "optimizer": "adam",
    "nesterov": False,
}


def spec(**changes: Any) -> Spec:
    table = {"name": "x", "datasets": "handwriting", "architecture": {"cell": "gru"}, "seeds": 1}
    return parse_spec(table | changes, base=Path(), source="x.toml")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hidden * layers <= 512", True),
        ("hidden * layers < 192", False),
        ("lr * batch_size < 1 and hidden % 32 == 0", True),
        ("64 < hidden < 128", True),
        ("not (layers > 1) or cell == 'lstm'", True),
        ('cell in ["gru", "lstm"]', True),
        ("cell not in ('gru', 'lstm')", False),
        ("layers in [1, 3]", False),
        ("readout == 'max + last'", True),
        ("readout == 'max'", False),
        ("bidirectional", True),
        ("bidirectional == true and nesterov != True", True),
        ("clip_norm == off", True),
        ("clip_norm != off or lr < 1e-3", False),
        ("clip_norm < 5", False),
        ("clip_norm * 2 >= 0", False),
        ("hidden / head_hidden > 1", False),
        ("hidden // 0 == hidden % 0", True),
        ("-hidden < +1 - 2", True),
    ],
)
def test_what_they_mean(text: str, expected: bool) -> None:
    assert read_constraint(text).holds(POINT) is expected


NUMBERS = st.sampled_from(["layers", "hidden", "batch_size", "lr", "1", "2.5", "0", "1e3"])
EXPRESSIONS = st.recursive(
    NUMBERS,
    lambda inner: st.builds(
        "({} {} {})".format, inner, st.sampled_from(["+", "-", "*", "/", "//", "%"]), inner
    ),
    max_leaves=4,
)
COMPARISONS = st.recursive(
    st.builds(
        "({} {} {})".format, EXPRESSIONS, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), EXPRESSIONS
    ),
    lambda inner: (
        st.builds("({} {} {})".format, inner, st.sampled_from(["and", "or"]), inner)
        | inner.map("(not {})".format)
    ),
    max_leaves=3,
)


@settings(max_examples=200)
@given(
    COMPARISONS.filter(
        lambda text: len(text) <= 300 and any(name in text for name in ("layers", "hidden", "lr"))
    )
)
def test_python_agrees(text: str) -> None:
    try:
        expected = eval(text, {"__builtins__": {}}, dict(POINT))
    except ZeroDivisionError:
        return
    assert read_constraint(text).holds(POINT) is expected


@settings(max_examples=300)
@given(
    st.text(max_size=40)
    | st.text(alphabet="()[]{}<>=!+-*/%.,'\" lambdr0123456789eif_xon", max_size=310)
    | st.sampled_from(
        ["(" * 150, "-" * 299 + "1", "9" * 299 + " < lr", "lr" + " < lr" * 55, "not " * 70 + "lr < 1"]
    )
)
def test_anything_is_read_or_refused(text: str) -> None:
    words = ""
    try:
        found = read_constraint(text)
    except ValueError as error:
        words = str(error)
    if words:
        assert words.startswith("is ")
        assert len(words) < 600
    else:
        assert found.holds({**POINT, **dict.fromkeys(found.names - POINT.keys(), 0.5)}) in (True, False)


WRONG = {
    "hidden * layrs <= 512": "`layrs` is neither a hyperparameter nor an axis of [architecture]; did you mean 'layers'?",
    "hidden * layers": "must be a comparison such as `hidden * layers <= 512`, and this is a number",
    "hidden = 3": "must be a comparison such as `hidden * layers <= 512`",
    "1 < 2": "must name a hyperparameter or an axis of [architecture]",
    "cell == 'lsmt'": "`cell` is never 'lsmt': it is one of rnn_tanh, rnn_relu, gru, lstm; did you mean 'lstm'?",
    "cell < 3": "`cell` is a text, and must be a number there",
    "cell == 3": "`cell` is a text, and `3` is a number: they are never equal",
    "lr == off": "`lr` is never `off`",
    "lr and hidden > 2": "`lr` is a number, and `and`, `or`, `not` join comparisons",
    "hidden in 3": "`3` must be a list, such as [1, 2], after `in`",
    "hidden ** 2 < 9": "may not have `hidden ** 2`: only numbers, texts, names",
    "__import__('os').system('true') == 0": "may not have `__import__('os').system('true')`: only",
    "[x for x in (1,)] == 3": "may not have `[x for x in (1,)]`: only",
    "hidden is 3": "may not have `hidden is 3`: only",
    "lr < 1j": "may not have '1j': only",
}


@pytest.mark.parametrize("text", WRONG)
def test_a_slip_is_told(text: str) -> None:
    with pytest.raises(SpecError) as error:
        spec(constraints=["hidden < 1000", text])
    [problem] = error.value.problems
    assert problem.startswith("x.toml: `constraints[1]` is ")
    assert WRONG[text] in problem


def test_longer_ones_and_other_things_are_refused() -> None:
    for wrong, words in (
        ("hidden < 1" + " " * 300, "is longer than 300 characters"),
        (3, "must be a list of at most 100 comparisons"),
        ([3], r"constraints\[0\]` is 3, but must be a text"),
        (["hidden < 9"] * 2, "twice"),
        ("hidden < 99", "`architecture` has no architecture that keeps `constraints`"),
    ):
        with pytest.raises(SpecError, match=words):
            spec(constraints=wrong)


def test_axes_are_those_of_the_architecture() -> None:
    assert tuple(ArchitectureAxes.model_fields) == AXES


def test_constraints_leave_out_architectures_and_draws() -> None:
    found = spec(
        architecture={"cell": "gru", "layers": [1, 2], "hidden": [64, 256, 512], "batch_size": [8, 64]},
        constraints=["hidden * layers <= 512", "lr * batch_size < 0.5"],
        hyperparameters={"lr": {"log_uniform": [1e-4, 1e-1]}},
        candidates=30,
    )
    assert [(each.layers, each.hidden, batch) for each, batch in architectures(found)] == [
        (layers, hidden, batch)
        for layers in (1, 2)
        for hidden in (64, 256, 512)
        for batch in (8, 64)
        if hidden * layers <= 512
    ]
    wide, narrow = (candidates(found, {"batch_size": batch}) for batch in (8, 64))
    assert len(wide) == len(narrow) == 30, "each architecture has as many"
    assert max(each.lr for each in narrow) < 0.5 / 64 < max(each.lr for each in wide)
    assert [each for each in wide if each.lr * 64 < 0.5] == narrow[: sum(each.lr * 64 < 0.5 for each in wide)]


def test_too_few_candidates_keep_them() -> None:
    grid = {"lr": {"choice": [0.1, 0.2, 0.3]}, "dropout": {"choice": [0.1, 0.2]}}
    few = spec(hyperparameters=grid, constraints=["lr > dropout"])
    assert len(candidates(few)) == 3
    with pytest.raises(
        SpecError, match=r"is 4, but .* allows only 3 different candidates that keep `constraints`"
    ):
        spec(hyperparameters=grid, constraints=["lr > dropout"], candidates=4)
    with pytest.raises(SpecError, match="the full grid has no candidates that keep `constraints`"):
        spec(hyperparameters=grid, constraints=["lr > 1"])
    with pytest.raises(SpecError, match="gave only 0 different candidates that keep `constraints`"):
        candidates(
            spec(
                hyperparameters={"lr": {"uniform": [0.1, 1]}},
                constraints=["lr > 2"],
                candidates=1,
            )
        )


def test_lists_of_architectures_are_a_product_each() -> None:
    tables = [{"cell": "gru", "layers": 2}, {"cell": "lstm", "hidden": [64, 128]}]
    found = spec(architecture=tables)
    assert [(each.cell, each.layers, each.hidden) for each, _ in architectures(found)] == [
        ("gru", 2, 100),
        ("lstm", 1, 64),
        ("lstm", 1, 128),
    ]
    again = parse_spec(json.loads(json.dumps(found.to_table())), base=Path(), source="x")
    assert again == found
    assert values_of(found.architecture)["hidden"] == (100, 64, 128)
    with pytest.raises(SpecError) as error:
        spec(architecture=[*tables, {"cell": ["gru", "lstm"], "layers": [2, 3]}])
    assert error.value.problems == (
        "x.toml: `architecture` has an architecture that is in table 1 and in table 3, but each may be in one",
    )
    with pytest.raises(SpecError) as error:
        spec(architecture=[{"cell": "gru"}, {"cell": "lstn"}, {"layers": 0}, 3])
    assert [each.split(",")[0] for each in error.value.problems] == [
        "x.toml: `architecture[1].cell` is 'lstn'",
        "x.toml: `architecture[2].cell` is missing",
        "x.toml: `architecture[2].layers` is 0",
        "x.toml: `architecture[3]` is 3",
    ]


LARGE = {
    "cell": ["gru", "lstm"],
    "layers": [1, 2, 3, 4],
    "hidden": list(range(8, 520, 8)),
    "batch_size": list(range(1, 257)),
    "bidirectional": [False, True],
}


def test_a_large_product_is_sampled_evenly_and_grows() -> None:
    def found(count: int, **more: Any) -> list[Any]:
        return points(spec(architecture=LARGE, architectures=count, **more))

    many = found(64)
    assert len({tuple(each.values()) for each in many}) == 64
    for count in (1, 7, 40):
        assert found(count) == many[:count]
    for name in ("cell", "layers", "bidirectional"):
        values = [each[name] for each in many]
        assert {values.count(value) for value in values} == {64 // len(LARGE[name])}, "as often each"
    assert found(64, search_seed=1) != many
    kept = found(40, constraints=["hidden * layers <= 512", "cell == 'lstm' or layers > 1"])
    assert all(each["hidden"] * each["layers"] <= 512 for each in kept)
    assert len(kept) == 40
    with pytest.raises(
        SpecError, match="makes 262144 trials, but must make at most 10000; `architectures` says"
    ):
        spec(architecture=LARGE)


def test_all_of_a_small_product_can_be_sampled_and_no_more() -> None:
    tables = [{"cell": ["gru", "lstm"], "layers": [1, 2, 3]}, {"cell": "rnn_tanh", "hidden": [8, 16]}]
    everything = spec(architecture=tables)
    sampled = spec(architecture=tables, architectures=8)
    assert sorted(map(str, points(sampled))) == sorted(map(str, points(everything)))
    with pytest.raises(SpecError) as error:
        spec(architecture=tables, architectures=9)
    assert error.value.problems == (
        "x.toml: `architecture` has only 8 architectures, but `architectures` asks for 9 of them",
    )


def test_conditions_on_axes_hold_for_the_trials_of_that_axis() -> None:
    space = {
        "lr": {"log_uniform": [1e-4, 1e-1]},
        "dropout": {"uniform": [0.1, 0.5], "when": {"cell": "lstm", "layers": [2]}},
    }
    found = spec(
        architecture={"cell": ["gru", "lstm"], "layers": [1, 2]}, hyperparameters=space, candidates=9
    )
    by_trial = {(point["cell"], point["layers"]): candidates(found, point) for point in points(found)}
    for key, drawn in by_trial.items():
        assert len(drawn) == 9
        assert all((each.dropout > 0) == (key == ("lstm", 2)) for each in drawn)
        assert [each.lr for each in drawn] == [each.lr for each in by_trial["gru", 1]]
    assert len(by_trial) == 4


def test_conditions_on_both_an_axis_and_a_hyperparameter_must_all_be_met() -> None:
    space = {
        "lr": {"log_uniform": [1e-4, 1e-1]},
        "schedule": {"choice": ["cosine", "one_cycle"]},
        "dropout": {"uniform": [0.1, 0.5], "when": {"cell": "lstm", "schedule": "cosine"}},
    }
    found = spec(architecture={"cell": ["gru", "lstm"]}, hyperparameters=space, candidates=16)
    for cell in ("gru", "lstm"):
        for each in candidates(found, {"cell": cell}):
            assert (each.dropout > 0) == (cell == "lstm" and each.schedule == "cosine")


def test_tables_are_sampled_by_their_sizes() -> None:
    tables = [{"cell": "gru", "hidden": list(range(1, 901))}, {"cell": "lstm", "hidden": list(range(1, 101))}]
    found = points(spec(architecture=tables, architectures=160))
    assert 10 <= sum(each["cell"] == "lstm" for each in found) <= 22, "a tenth of them"
