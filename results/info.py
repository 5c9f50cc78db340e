"""`sweep.json`: read by one model, so that a wrong field is named where it stands and not met by some figure later."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError, from_json

from seqsweep.results.errors import Damaged
from seqsweep.results.parquet import check_version
from seqsweep.results.seal import FIELD

DEEPEST = 32  # levels of lists and tables; a spec has 4
LARGEST = 2**63 - 1
_SHOWN = 40  # characters of a value in a message
_RULES = {
    "string_type": "text",
    "string_too_short": "text that is not empty",
    "int_type": "an integer",
    "int_from_float": "an integer",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "an object",
    "model_type": "an object",
    "model_attributes_type": "an object",
    "missing": "there",
}


def _moment(text: str) -> str:
    try:
        year = datetime.fromisoformat(text).year
    except ValueError:
        year = 0
    if not 1970 <= year <= 9998:
        raise PydanticCustomError("moment", "an ISO time of the years 1970 to 9998")
    return text


def _different(values: list[str]) -> list[str]:
    if len(set(values)) < len(values):
        raise PydanticCustomError("different", "a list without repeats")
    return values


def _named_once(entries: list[DatasetEntry]) -> list[DatasetEntry]:
    _different([entry.name for entry in entries])
    return entries


BESIDE_A_KIND = frozenset({"step", "weights", "within", "when"})
"""Keys of a dimension beside the one that says its kind."""


def _dimension(value: Any) -> Any:
    """A constant, or a table such as `{"log_uniform": [0.001, 0.01]}`."""
    if not isinstance(value, dict):
        if isinstance(value, list):
            raise PydanticCustomError("dimension", "a constant or a table with one list")
        return value
    kinds = [each for key, each in value.items() if key not in BESIDE_A_KIND]
    values = next(iter(kinds), None)
    if len(kinds) != 1 or not isinstance(values, list) or not values:
        raise PydanticCustomError("dimension", "a constant or a table with one list")
    if any(isinstance(each, list | dict) for each in values):
        raise PydanticCustomError("dimension", "a table with a list of constants")
    if "log_uniform" in value and not all(_positive(each) for each in values):
        raise PydanticCustomError("dimension", "a table with positive numbers")
    return value


def _positive(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


Count = Annotated[int, Field(ge=0, le=LARGEST)]
Seconds = Annotated[float, Field(ge=0, le=1e12)]
Name = Annotated[str, Field(min_length=1)]
Moment = Annotated[str, AfterValidator(_moment)]


class _Open(BaseModel):
    """Fields that are not listed are kept as they are: newer versions may add some."""

    model_config = ConfigDict(strict=True, extra="allow", allow_inf_nan=False)


class ClassCounts(_Open):
    """Sequences of each class in each part."""

    train: list[Count] | None = None
    validation: list[Count] | None = None
    test: list[Count] | None = None


class Normalization(_Open):
    """What was done to the raw numbers."""

    kind: Name
    steps: list[Normalization] | None = None
    mean: list[float] | None = None
    std: list[float] | None = None


class DatasetEntry(_Open):
    """What a sweep recorded of a data set."""

    name: Name
    synthetic: bool | None = None
    format: str | None = None
    features: Count | None = None
    classes: Annotated[list[Name], AfterValidator(_different)] | None = None
    train: Count | None = None
    validation: Count | None = None
    test: Count | None = None
    fingerprint: str | None = None
    normalization: Normalization | None = None
    length_min: Count | None = None
    length_median: Seconds | None = None
    length_max: Count | None = None
    tokens: Count | None = None
    groups: Count | None = None
    class_counts: ClassCounts | None = None
    class_lengths: list[list[Annotated[float, Field(ge=0, le=1e12)]]] | None = None


class SpecTable(_Open):
    """The fields of a spec that results are read with."""

    name: Name | None = None
    candidates: Count | None = None
    hyperparameters: dict[str, Annotated[Any, AfterValidator(_dimension)]] | None = None


class Info(_Open):
    """`sweep.json`, version 1. All but `created` may be absent: older versions wrote less."""

    created: Moment
    ended: Moment | None = None
    id: Name | None = None
    name: Name | None = None
    status: Name | None = None
    seconds: Seconds | None = None
    command: str | None = None
    spec: SpecTable | None = None
    trials: Count | None = None
    lanes: Count | None = None
    datasets: Annotated[list[DatasetEntry], AfterValidator(_named_once)] | None = None
    versions: dict[str, str] | None = None
    failed: dict[str, str] | None = None
    git: str | None = None
    host: str | None = None
    cores: Count | None = None
    backend: str | None = None


def read(content: bytes, file: str) -> dict[str, Any]:
    """The fields of a `sweep.json` as plain values, all of them of the types that `docs/store.md` gives.

    Raises `Damaged` that names `file`, the field, its value and the rule; `Newer` for a later schema version.
    """
    try:
        found = from_json(content.removeprefix(b"\xef\xbb\xbf"), allow_inf_nan=False)
    except ValueError as error:
        raise Damaged(f"{file} is damaged: {error}") from None
    if not isinstance(found, dict):
        raise Damaged(f"{file} is damaged: it holds no object")
    found.pop(FIELD, None)
    version = found.get("schema_version")
    if not isinstance(version, int) or isinstance(version, bool):
        raise Damaged(f"{file} is damaged: `schema_version` is {_short(version)}, but must be an integer")
    check_version(version, file)
    for complaint in _unfit(found):
        raise Damaged(f"{file} is damaged: {complaint}")
    try:
        Info.model_validate(found)
    except ValidationError as error:
        wrong = [_sentence(each) for each in error.errors(include_url=False)]
        more = f"; and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise Damaged(f"{file} is damaged: {'; '.join(wrong[:3])}{more}") from None
    return found


def started(info: dict[str, Any]) -> datetime:
    """When the sweep was started; times without a zone are UTC."""
    moment = datetime.fromisoformat(info["created"])
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _unfit(table: dict[str, Any]) -> Iterator[str]:
    """Find what no field may hold, also those that are not listed: later they are printed, compared and written again."""
    left: list[tuple[str, Any, int]] = [("", table, 0)]
    while left:
        place, value, depth = left.pop()
        if isinstance(value, dict | list):
            if depth == DEEPEST:
                yield f"`{place[:_SHOWN]}...` has lists within lists, but may have {DEEPEST} levels"
                return
            inner = value.items() if isinstance(value, dict) else enumerate(value)
            left += [(_place(place, key), each, depth + 1) for key, each in inner]
        elif isinstance(value, float) and not math.isfinite(value):
            yield f"`{place}` is larger than any number here"
        elif isinstance(value, int) and abs(value) > LARGEST:
            yield f"`{place}` is {_short(value)}, but must lie between -2^63 and 2^63"


def _place(outer: str, key: str | int) -> str:
    if isinstance(key, int):
        return f"{outer}[{key}]"
    return f"{outer}.{key}" if outer else key


def _sentence(error: Any) -> str:
    place = ""
    for key in error["loc"]:
        place = _place(place, key)
    kind = error["type"]
    if kind == "missing":
        return f"`{place}` is missing"
    rule = _RULES.get(kind) or error["msg"].removeprefix("Input should be ")
    return f"`{place}` is {_short(error['input'])}, but must be {rule}"


def _short(value: Any) -> str:
    if value is None:
        return "null"
    text = (
        repr(value)
        if not isinstance(value, dict | list)
        else f"a{'n object' if isinstance(value, dict) else ' list'}"
    )
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
