"""The four tables of a sweep and its examples: columns, types and the rules that their values obey.

``docs/store.md`` explains every column. A change of name, type or meaning raises `SCHEMA_VERSION`; what is new and may be
absent does not.
"""

import math
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from numbers import Integral, Real
from typing import Any

import numpy as np
import pyarrow as pa

from seqsweep.results import architecture
from seqsweep.results.architecture import COLUMNS, LEAST, NAME
from seqsweep.results.errors import Invalid

SCHEMA_VERSION = 2
VERSION_KEY = b"seqsweep.schema_version"
TABLE_KEY = b"seqsweep.table"

_KEYS = {
    "sweep": pa.string(),
    "trial": pa.string(),
    "dataset": pa.string(),
    **COLUMNS,
    "candidate": pa.int32(),
    "seed": pa.int64(),
}


def _schema(table: str, columns: Mapping[str, pa.DataType], nullable: Iterable[str] = ()) -> pa.Schema:
    may_be_null = set(nullable)
    fields = [pa.field(name, kind, name in may_be_null) for name, kind in {**_KEYS, **columns}.items()]
    return pa.schema(fields, metadata={VERSION_KEY: str(SCHEMA_VERSION), TABLE_KEY: table})


LANES = _schema(
    "lanes",
    {
        "synthetic": pa.bool_(),
        "parameters": pa.int64(),
        "optimizer": NAME,
        "schedule": NAME,
        "lr": pa.float64(),
        "momentum": pa.float64(),
        "nesterov": pa.bool_(),
        "beta1": pa.float64(),
        "beta2": pa.float64(),
        "alpha": pa.float64(),
        "eps": pa.float64(),
        "weight_decay": pa.float64(),
        "clip_norm": pa.float64(),
        "dropout": pa.float64(),
        "input_noise": pa.float64(),
        "label_smoothing": pa.float64(),
        "stage": NAME,
        "chosen": pa.bool_(),
        "refit": pa.bool_(),
        "epochs": pa.int32(),
        "best_epoch": pa.int32(),
        "refit_epochs": pa.int32(),
        "stopped": NAME,
        "train_loss": pa.float64(),
        "train_accuracy": pa.float64(),
        "validation_loss": pa.float64(),
        "validation_accuracy": pa.float64(),
        "score": pa.float64(),
        "rung_score": pa.float64(),
        "test_loss": pa.float64(),
        "test_accuracy": pa.float64(),
        "seconds": pa.float64(),
        "backend": NAME,
        "host": NAME,
    },
    nullable=(
        *("clip_norm", "refit_epochs"),
        *("validation_loss", "validation_accuracy", "score", "rung_score", "test_loss", "test_accuracy"),
    ),
)
EPOCHS = _schema(
    "epochs",
    {
        "phase": NAME,
        "epoch": pa.int32(),
        "train_loss": pa.float64(),
        "train_accuracy": pa.float64(),
        "validation_loss": pa.float64(),
        "validation_accuracy": pa.float64(),
        "learning_rate": pa.float64(),
        "seconds": pa.float64(),
    },
    nullable=("validation_loss", "validation_accuracy"),
)
CONFUSIONS = _schema("confusions", {"split": NAME, "true": NAME, "predicted": NAME, "count": pa.int64()})
PREDICTIONS = _schema(
    "predictions",
    {
        "split": NAME,
        "sequence": pa.string(),
        "true": NAME,
        "predicted": NAME,
        "probabilities": pa.list_(pa.float32()),
    },
)
SCHEMAS: dict[str, pa.Schema] = {
    "lanes": LANES,
    "epochs": EPOCHS,
    "confusions": CONFUSIONS,
    "predictions": PREDICTIONS,
}

EXAMPLES = pa.schema(
    [
        pa.field(name, kind, nullable=False)
        for name, kind in {
            "dataset": pa.string(),
            "class": pa.string(),
            "sequence": pa.string(),
            "length": pa.int32(),
            "features": pa.int32(),
            "token_step": pa.int32(),
            "feature_step": pa.int32(),
            "values": pa.list_(pa.float32()),
        }.items()
    ],
    metadata={VERSION_KEY: str(SCHEMA_VERSION), TABLE_KEY: "examples"},
)
"""A few sequences of each class, to be drawn; one table for the sweep, which no trial writes."""

BEFORE = {**architecture.BEFORE, "stage": "search", "score": None, "rung_score": None}
"""What the columns that came later were before there were any (None: null); older stores lack them."""

HYPERPARAMETERS = (
    *("lr", "optimizer", "schedule", "momentum", "nesterov", "beta1", "beta2", "alpha", "eps"),
    *("weight_decay", "clip_norm", "dropout", "input_noise", "label_smoothing"),
)

_LEAST = {
    **LEAST,
    **dict.fromkeys(("epoch", "length", "features", "token_step", "feature_step"), 1),
    **dict.fromkeys(("candidate", "parameters", "epochs", "best_epoch", "count", "seconds"), 0),
}


def table(name: str, rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Build the table `name` ("lanes", "epochs", "confusions", "predictions" or "examples") from rows of plain values.

    numpy scalars and arrays pass for Python's. A nullable column may be left out. Losses may be NaN or infinite.

    Raises `Invalid` that names the table, row, column, value and rule for the first value that breaks one.
    """
    schema = EXAMPLES if name == "examples" else named_schema(name)
    given = list(rows)
    known = set(schema.names)
    for index, row in enumerate(given):
        for key in row.keys() - known:
            near = get_close_matches(key, schema.names, n=1)
            hint = f"; did you mean `{near[0]}`?" if near else ""
            raise Invalid(f"{name}, row {index}: there is no column `{key}`{hint}")
    return pa.table([_column(name, field, given) for field in schema], schema=schema)


def named_schema(name: str) -> pa.Schema:
    """Schema of the table `name`; `Invalid` for an unknown name."""
    if name not in SCHEMAS:
        raise Invalid(f"there is no table `{name}`; the tables are {', '.join(SCHEMAS)}")
    return SCHEMAS[name]


def _column(table_name: str, field: pa.Field, rows: list[Mapping[str, Any]]) -> pa.Array:
    check = _checker(field.name, field.type)
    values: list[Any] = []
    for index, row in enumerate(rows):
        value = row.get(field.name)
        if value is None and (field.nullable or field.name not in row):
            rule = None if field.nullable else "missing, but every row must have it"
        else:
            value, rule = check(value)
        if rule is not None:
            raise Invalid(f"{table_name}, row {index}: `{field.name}` is {rule}")
        values.append(value)
    return pa.array(values, type=field.type)


# A check returns (the value to store, None), or (anything, what is wrong: "-1, but must be at least 1").
_Check = Callable[[Any], tuple[Any, str | None]]


def _checker(column: str, kind: pa.DataType) -> _Check:
    if kind == pa.bool_():
        return _boolean
    if pa.types.is_integer(kind):
        smallest = -(2 ** (kind.bit_width - 1))
        lowest = _LEAST.get(column, smallest)
        return lambda value: _integer(value, lowest, 2 ** (kind.bit_width - 1) - 1)
    if pa.types.is_floating(kind):
        if column.endswith("_accuracy"):
            return lambda value: _number(value, 0.0, 1.0)
        return lambda value: _number(value, float(_LEAST.get(column, -math.inf)), math.inf)
    if pa.types.is_list(kind):
        return _numbers
    return _text


def _boolean(value: Any) -> tuple[Any, str | None]:
    if isinstance(value, bool | np.bool_):
        return bool(value), None
    return value, f"{value!r}, but must be true or false"


def _integer(value: Any, lowest: int, highest: int) -> tuple[Any, str | None]:
    if isinstance(value, bool | np.bool_) or not isinstance(value, Integral):
        return value, f"{value!r}, but must be an integer"
    number = int(value)
    if number < lowest:
        return value, f"{number}, but must be at least {lowest}"
    if number > highest:
        return value, f"{number}, but must be at most {highest}"
    return number, None


def _number(value: Any, lowest: float, highest: float) -> tuple[Any, str | None]:
    if isinstance(value, bool | np.bool_) or not isinstance(value, Real):
        return value, f"{value!r}, but must be a number"
    number = float(value)
    if number < lowest or number > highest:  # NaN passes: a diverged lane has no better figure
        span = f"at least {lowest:g}" if math.isinf(highest) else f"between {lowest:g} and {highest:g}"
        return value, f"{number!r}, but must be {span}"
    return number, None


def _text(value: Any) -> tuple[Any, str | None]:
    if not isinstance(value, str):
        return value, f"{value!r}, but must be text"
    if not value:
        return value, "empty, but must name something"
    return value, None


def _numbers(value: Any) -> tuple[Any, str | None]:
    wrong = f"{value!r}, but must be a list of numbers"
    try:
        array = np.asarray(value, dtype=np.float32)
    except (TypeError, ValueError):
        return value, wrong
    return array, None if array.ndim == 1 else wrong
