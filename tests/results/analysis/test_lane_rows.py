"""Conditions against pandas' own, sorting and cutting, and what is said of mistakes."""

import contextlib
import json
import operator
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqsweep.results.analysis.lane_rows import Rows, lanes
from seqsweep.results.errors import StoreError
from seqsweep.results.query.where import where
from seqsweep.results.schema import SCHEMAS
from seqsweep.results.store import Store, Sweep
from seqsweep.results.views import json_view


@pytest.fixture(scope="module")
def sweep(example_root: Path) -> Sweep:
    return Store(example_root).find()


@pytest.fixture(scope="module")
def frame(sweep: Sweep) -> pd.DataFrame:
    frame = sweep.read("lanes").to_pandas()
    return frame.astype({name: str for name in frame if isinstance(frame[name].dtype, pd.CategoricalDtype)})


def keys(rows: Rows) -> list[tuple[str, int, int]]:
    return [row[:3] for row in rows.rows]


KEYS = ("trial", "candidate", "seed")


@pytest.mark.parametrize(
    "condition",
    [
        "cell == 'lstm' and lr < 0.01",
        "cell != 'lstm' or seed >= 2",
        "not (cell == 'gru') and not chosen",
        "0.001 < lr <= 0.0316",
        "0.01 > lr",
        "cell in ['gru', 'lstm'] and candidate not in (0, 2)",
        "epochs == best_epoch and seed < candidate",
        "bidirectional",
        "chosen == False and lr > -1",
        "test_accuracy > 0.9",
        "clip_norm != 1.0",
        "validation_loss < 2",
    ],
)
def test_a_condition_is_what_pandas_makes_of_it(sweep: Sweep, frame: pd.DataFrame, condition: str) -> None:
    theirs = frame.query(condition)
    found = lanes(sweep, condition=condition, columns=KEYS)
    assert 0 < len(theirs) < len(frame)
    assert keys(found) == list(theirs[list(KEYS)].itertuples(index=False, name=None))
    assert (found.matching, found.total) == (len(theirs), len(frame))


@pytest.mark.parametrize(
    ("condition", "same"),
    [
        ("clip_norm == off", "clip_norm.isna()"),
        ("clip_norm != null and chosen == true", "clip_norm.notna() and chosen"),
        ("clip_norm in [off, 2]", "clip_norm.isna() or clip_norm == 2"),
        ("bidirectional == off", "not bidirectional"),
        ("off == test_accuracy", "test_accuracy.isna()"),
        (
            "clip_norm == test_accuracy",
            "clip_norm.isna() and test_accuracy.isna() or clip_norm == test_accuracy",
        ),
    ],
)
def test_what_is_off_can_be_asked_for(sweep: Sweep, frame: pd.DataFrame, condition: str, same: str) -> None:
    theirs = frame.query(same, engine="python")
    assert 0 < len(theirs) < len(frame)
    found = lanes(sweep, condition=condition, columns=KEYS)
    assert keys(found) == list(theirs[list(KEYS)].itertuples(index=False, name=None))


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("lrr < 1", "table `lanes` has no column `lrr`; did you mean `lr`?"),
        ("lr = 1", "cannot be read at character 4: .*equal is written =="),
        ("cell == 'lstm", "cannot be read at character 9"),
        ("", "the condition `` cannot be read"),
        ("cell == lstm", "`lstm` is no column: text is written in quotes, 'lstm'"),
        ("cell == 3", "`3` is compared with `cell`, which is text"),
        ("lr < '3'", "`'3'` is compared with `lr`, which is a number"),
        ("lr == True", "`True` is compared with `lr`, which is a number"),
        ("chosen == 1", "`1` is compared with `chosen`, which is true or false"),
        ("chosen < true", "`chosen` is true or false, which < does not order"),
        ("lr < off", "`off` has no order: compare `lr` with it by == or !="),
        ("lr == cell", "`cell` is text, but `lr` is a number"),
        ("lr", "`lr` is a number: compare it with something"),
        ("lr in 3", "`3` must be a list"),
        ("3 < 4", "`3` must be a column"),
        ("lr is 3", "is compared by `is`: write == or !="),
        ("lr + 1 > 2", "must be a column"),
        ("__import__('os').system('id')", "is no condition"),
        ("cell == ''.join(['a'])", "must be text in quotes"),
        ("[x for x in lr]", "is no condition"),
        ("(lambda: 1)() == lr", "must be text in quotes"),
        ("cell == b'lstm'", "is compared with `cell`, which is text"),
        ("(" * 500 + "lr", "cannot be read"),
        ("lr < 1 or " * 300 + "chosen", "has 3006 characters, but may have 2000"),
        ("lr < 1\0", "cannot be read"),
        (r"cell == '\ud800'", "holds half a character"),
    ],
)
def test_what_cannot_be_read_is_named(sweep: Sweep, condition: str, message: str) -> None:
    with pytest.raises(StoreError, match=message):
        lanes(sweep, condition=condition)


@given(st.text("lrcelx '\"=<>!()[],.0123456789-+*nadort\n", max_size=40))
def test_any_text_is_a_condition_or_a_store_error(text: str) -> None:
    with contextlib.suppress(StoreError):
        where(text, SCHEMAS["lanes"], "lanes")


NUMBERS = st.one_of(
    st.integers(-(2**66), 2**66),
    st.sampled_from([2**53 + 1, 2**53, -(2**63), 2**63 - 1, 2**63, 10**400, -(10**400), 3]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(2**66), 2**66).map(float),
)
OPERATORS = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


@given(
    st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), min_size=1, max_size=4),
    st.lists(st.none() | st.floats(), min_size=1, max_size=4),
    st.sampled_from(list(OPERATORS)),
    NUMBERS,
    st.booleans(),
)
def test_numbers_are_compared_as_python_does_exactly(
    seeds: list[int | None], rates: list[float | None], sign: str, value: float, taken: bool
) -> None:
    """Also where Arrow would round one side to the other's type, or refuse."""
    data: dict[str, list[float | None]] = {"seed": [*seeds], "lr": [*rates]}
    if taken:  # so that equal ones are met
        data["seed" if isinstance(value, int) and abs(value) < 2**63 else "lr"].append(
            value if isinstance(value, float) or abs(value) < 2**63 else None
        )
    for name, column in data.items():
        kind = pa.int64() if name == "seed" else pa.float64()
        table = pa.table({name: pa.array(column, kind), "place": pa.array(range(len(column)))})
        expression, _ = where(f"{name} {sign} {value!r}", table.schema, "t")
        expected = [
            place
            for place, each in enumerate(table[name].to_pylist())
            if (sign == "!=" if each is None else OPERATORS[sign](each, value))
        ]
        assert table.filter(expression)["place"].to_pylist() == expected


def test_a_seed_beyond_floats_is_found_alone() -> None:
    table = pa.table({"seed": [2**53, 2**53 + 1], "lr": [float(2**53)] * 2})
    for condition, found in (
        ("seed == 9007199254740993", 1),
        ("seed in [9007199254740993, 0.5]", 1),
        ("seed == 9007199254740992.0", 1),
        ("seed < 1e999 and lr > -1e999", 2),
        ("seed == 18446744073709551616", 0),
        ("seed < 18446744073709551616", 2),
        ("seed >= lr", 2),
    ):
        assert table.filter(where(condition, table.schema, "t")[0]).num_rows == found, condition


def test_python_says_nothing_of_its_own_about_a_condition(sweep: Sweep, frame: pd.DataFrame) -> None:
    """Its parser warns of an unknown escape, and of a word that touches a number; here warnings are errors."""
    found = lanes(sweep, condition=r"cell == '\d' or seed == 1or chosen")
    assert found.matching == int(((frame.seed == 1) | frame.chosen).sum())


def test_sorted_and_cut_as_pandas_does(sweep: Sweep, frame: pd.DataFrame) -> None:
    found = lanes(sweep, sort=["cell", "-validation_accuracy"], columns=KEYS, limit=7)
    theirs = frame.sort_values(["cell", "validation_accuracy"], ascending=[True, False], kind="stable")
    assert keys(found) == list(theirs[list(KEYS)].head(7).itertuples(index=False, name=None))
    assert found.matching == found.total == len(frame)
    last = lanes(sweep, sort=["-test_accuracy"], columns=["test_accuracy"]).rows[-1]
    assert last == (None,)


def test_columns_are_named_or_all(sweep: Sweep) -> None:
    assert lanes(sweep, columns=["all"], limit=1).columns == tuple(SCHEMAS["lanes"].names)
    assert lanes(sweep, columns=["seed", "lr"], limit=0) == Rows(
        sweep.id, ("handwriting",), ("seed", "lr"), (), 120, 120
    )
    for wrong in ({"columns": ["sed"]}, {"sort": ["-sed"]}):
        with pytest.raises(StoreError, match="no column `sed`; did you mean `seed`"):
            lanes(sweep, **wrong)


def test_json_holds_the_rows(sweep: Sweep) -> None:
    found = lanes(sweep, condition="lr == 1", columns=["lr", "validation_loss", "chosen"], limit=2)
    back = json.loads(json_view.dump(found))
    assert (back["columns"], back["rows"]) == (["lr", "validation_loss", "chosen"], [[1.0, None, False]] * 2)
