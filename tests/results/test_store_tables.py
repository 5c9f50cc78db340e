"""The checked table builder, and tables that come back as they were written."""

import math
import tempfile
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqsweep.results.errors import StoreError
from seqsweep.results.schema import SCHEMA_VERSION, SCHEMAS, VERSION_KEY, table
from seqsweep.results.store import Store
from seqsweep.seqmodels.architecture import Architecture

NAMES = st.text(min_size=1, max_size=8)


def values(field: pa.Field) -> st.SearchStrategy[Any]:
    kind = field.type
    if field.name in ("sweep", "trial"):
        return st.just({"sweep": "s-000000", "trial": "t"}[field.name])
    if kind == pa.bool_():
        plain = st.booleans()
    elif pa.types.is_integer(kind):
        plain = st.integers(1, 2 ** (kind.bit_width - 1) - 1)
        plain = st.one_of(plain, plain.map(np.int64))
    elif pa.types.is_floating(kind):
        if field.name.endswith("_accuracy"):
            plain = st.one_of(st.floats(0, 1), st.just(math.nan), st.sampled_from([0, 1]))
        else:
            plain = st.floats(min_value=0)
            plain = st.one_of(plain, plain.map(np.float64), st.just(math.nan))
    elif pa.types.is_list(kind):
        plain = st.lists(st.floats(0, 1, width=32), max_size=4)
        plain = st.one_of(plain, plain.map(np.array))
    else:
        plain = NAMES
    return st.one_of(st.none(), plain) if field.nullable else plain


def rows(name: str) -> st.SearchStrategy[list[dict[str, Any]]]:
    row = st.fixed_dictionaries({field.name: values(field) for field in SCHEMAS[name]})
    lane = (lambda each: (each["candidate"], each["seed"])) if name == "lanes" else None  # each is there once
    return st.lists(row, min_size=1, max_size=5, unique_by=lane)


def same(left: Any, right: Any) -> bool:
    if isinstance(left, float) and isinstance(right, float) and math.isnan(left):
        return math.isnan(right)
    if isinstance(left, list):
        return left == pytest.approx(list(right), abs=1e-7)
    return bool(left == right)


@settings(max_examples=25)
@given(st.fixed_dictionaries({name: rows(name) for name in SCHEMAS}))
def test_tables_come_back_as_they_were_written(written: dict[str, list[dict[str, Any]]]) -> None:
    with tempfile.TemporaryDirectory() as root:
        Store(root).create("s-000000", {}).write_trial(
            "t", {name: table(name, written[name]) for name in SCHEMAS}
        )
        sweep = Store(root).find("s-0")
        for name, given_rows in written.items():
            back = sweep.read(name)
            assert back.schema.equals(SCHEMAS[name])
            assert len(back) == len(given_rows)
            for row, original in zip(back.to_pylist(), given_rows, strict=True):
                wrong = [column for column in row if not same(row[column], original[column])]
                assert not wrong


LANE: dict[str, Any] = {
    "sweep": "s-000000",
    "trial": "t",
    "dataset": "d",
    **Architecture("gru", 3, 3).record(),
    "optimizer": "adam",
    "schedule": "constant",
    "stopped": "max_epochs",
    "backend": "torch",
    "host": "h",
    **dict.fromkeys(("synthetic", "nesterov", "refit"), False),
    **dict.fromkeys(("candidate", "seed"), 0),
    **dict.fromkeys(("batch_size", "parameters", "epochs", "best_epoch"), 3),
    **dict.fromkeys(("lr", "momentum", "beta1", "beta2", "alpha", "eps", "weight_decay", "dropout"), 0.1),
    **dict.fromkeys(("input_noise", "label_smoothing", "train_accuracy", "validation_accuracy"), 0.5),
    "stage": "search",
    "chosen": True,
    "clip_norm": None,
    "train_loss": math.nan,
    "validation_loss": 1,
    "seconds": 1.0,
}


def test_a_nullable_column_may_be_left_out() -> None:
    assert table("lanes", [LANE])["test_accuracy"].to_pylist() == [None]


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("layers", 0, "lanes, row 1: `layers` is 0, but must be at least 1"),
        ("layers", 2.0, "`layers` is 2.0, but must be an integer"),
        ("layers", True, "`layers` is True, but must be an integer"),
        ("epochs", -1, "`epochs` is -1, but must be at least 0"),
        ("hidden", 2**31, "`hidden` is 2147483648, but must be at most 2147483647"),
        ("seed", 2**63, "`seed` is 9223372036854775808, but must be at most 9223372036854775807"),
        ("test_accuracy", 97.8, "`test_accuracy` is 97.8, but must be between 0 and 1"),
        ("train_accuracy", -0.1, "`train_accuracy` is -0.1, but must be between 0 and 1"),
        ("lr", "0.1", "`lr` is '0.1', but must be a number"),
        ("lr", True, "`lr` is True, but must be a number"),
        ("seconds", -2.0, "`seconds` is -2.0, but must be at least 0"),
        ("cell", 3, "`cell` is 3, but must be text"),
        ("cell", "", "`cell` is empty, but must name something"),
        ("cell", None, "`cell` is None, but must be text"),
        ("chosen", 1, "`chosen` is 1, but must be true or false"),
        (
            "test_acuracy",
            0.9,
            "lanes, row 1: there is no column `test_acuracy`; did you mean `test_accuracy`?",
        ),
    ],
)
def test_misuse_names_column_row_value_and_rule(column: str, value: Any, said: str) -> None:
    with pytest.raises(StoreError) as caught:
        table("lanes", [LANE, LANE | {column: value}])
    assert said in str(caught.value)


def test_a_missing_column_is_named() -> None:
    with pytest.raises(StoreError, match="row 0: `seed` is missing, but every row must have it"):
        table("lanes", [{name: value for name, value in LANE.items() if name != "seed"}])


def test_an_unknown_table_is_named() -> None:
    with pytest.raises(StoreError, match="there is no table `lane`; the tables are lanes, epochs"):
        table("lane", [])


@pytest.mark.parametrize("value", ["abc", [[0.1]], 0.5, [None, "x"]])
def test_probabilities_are_one_list_per_sequence(value: Any) -> None:
    key = {name: LANE[name] for name in SCHEMAS["predictions"].names if name in LANE}
    row = key | {"split": "test", "sequence": "q", "true": "a", "predicted": "a", "probabilities": value}
    with pytest.raises(StoreError, match=r"`probabilities` is .*, but must be a list of numbers"):
        table("predictions", [row])


def test_every_part_carries_the_schema_version(tmp_path: Any) -> None:
    Store(tmp_path).create("s-000000", {}).write_trial("t", {"lanes": table("lanes", [LANE])})
    for name in SCHEMAS:
        schema = pa.parquet.read_schema(tmp_path / "s-000000" / name / "t.parquet")
        assert schema.metadata[VERSION_KEY] == str(SCHEMA_VERSION).encode()
        assert schema.equals(SCHEMAS[name])


def test_columns_filter_and_trials_narrow_what_is_read(tmp_path: Any) -> None:
    sweep = Store(tmp_path).create("s-000000", {})
    for trial in ("t", "u"):
        lanes = [LANE | {"trial": trial, "seed": seed} for seed in range(3)]
        sweep.write_trial(trial, {"lanes": table("lanes", lanes)})
    kept = sweep.read("lanes", ["seed", "trial"], pc.field("seed") > 0, ["u"])
    assert kept.to_pylist() == [{"seed": 1, "trial": "u"}, {"seed": 2, "trial": "u"}]
    assert sweep.read("lanes", ["seed"], trials=[]).num_rows == 0
    with pytest.raises(StoreError, match="table `lanes` has no column `sed`"):
        sweep.read("lanes", ["sed"])
    with pytest.raises(StoreError, match="no finished trial `v`"):
        sweep.read("lanes", trials=["v"])


def test_models_come_back_bit_for_bit(tmp_path: Any) -> None:
    state = {
        "rnn.weight_ih_l0": np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32).T,
        "head.bias": np.array([math.nan, 1.0]),
    }
    sweep = Store(tmp_path).create("s-000000", {})
    sweep.write_trial("t", {"lanes": table("lanes", [LANE])}, {"c0-s0": state})
    back = sweep.model("t", 0, 0)
    assert back.keys() == state.keys()
    for name, array in state.items():
        assert back[name].dtype == array.dtype
        np.testing.assert_array_equal(back[name], array)
