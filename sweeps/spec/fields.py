"""What the sections of a spec are made of: how they complain, and the kinds of value that several of them have."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from seqsweep.sweeps.errors import shown
from seqsweep.sweeps.spec.complaints import UNKNOWN, Complaint

MAX_LANES = 10_000
"""Most lanes of one trial, and most trials of one sweep: more is a slip of the keyboard."""
LARGEST_SEED = 2**32 - 1
FIRST_FINAL_SEED = 1000
"""Final seeds begin here, so that there may be more seeds of either kind later."""


class Section(BaseModel):
    """A section of a spec; nothing but its keys may be in it."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def says(words: str) -> PydanticCustomError:
    """A whole predicate: `is 3, but ...`."""
    return PydanticCustomError("says", "{words}", {"words": words})


def must(words: str) -> PydanticCustomError:
    """The rule alone; the value is put before it."""
    return PydanticCustomError("must", "{words}", {"words": words})


def raise_all(title: str, complaints: Sequence[Complaint]) -> None:
    """Raise what is wrong inside one field, each with its place below the field."""
    if complaints:
        lines = [
            InitErrorDetails(type=words if words == UNKNOWN else says(words), loc=loc, input=value)
            for loc, value, words in complaints
        ]
        raise ValidationError.from_exception_data(title, lines)


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def _as_short_tuple(value: Any) -> Any:
    values = _as_tuple(value)
    if len(values) > MAX_LANES:  # before each is looked at
        raise says(f"has {len(values)} values, but may have at most {MAX_LANES}")
    return values


def distinct(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Raise where a value is there twice."""
    known: set[Any] = set()
    for value in values:
        # tables, which data sets may be, have no hash; they hold nothing but texts
        key = repr(sorted(value.items())) if isinstance(value, dict) else value
        if key in known:
            raise says(f"has {shown(value)} twice, but each value may be there once")
        known.add(key)
    return values


T = TypeVar("T")
Axis = Annotated[
    tuple[T, ...], BeforeValidator(_as_short_tuple), Field(min_length=1), AfterValidator(distinct)
]
"""One value or a list of different ones."""


def seeds_of(value: Any) -> tuple[int, ...]:
    """Read a list of seeds, or how many there are."""
    if isinstance(value, int) and not isinstance(value, bool):
        if not 1 <= value <= MAX_LANES:
            raise must(f"at least 1 and at most {MAX_LANES}, or a list of seeds")
        return tuple(range(value))
    if isinstance(value, list | tuple) and not value:
        raise says("is empty, but must have at least one value")
    return _listed("seeds", value)


def final_seeds_of(value: Any, searched: Sequence[int]) -> tuple[int, ...]:
    """Read a list of seeds that are none of those `searched`, or how many there are."""
    if isinstance(value, int) and not isinstance(value, bool):
        if not 0 <= value <= MAX_LANES:
            raise must(f"at least 0 and at most {MAX_LANES}, or a list of seeds")
        fresh = (seed for seed in range(FIRST_FINAL_SEED, LARGEST_SEED) if seed not in searched)
        return tuple(islice(fresh, value))
    seeds = _listed("final_seeds", value)
    both = next((seed for seed in seeds if seed in searched), None)
    if both is not None:
        raise says(
            f"has {both}, which is in `seeds` too, but must be fresh: a seed's luck in the search is its luck in the test, too"
        )
    return seeds


def _listed(name: str, value: Any) -> tuple[int, ...]:
    if not isinstance(value, list | tuple):
        raise must("how many seeds there are, or a list of them")
    if len(value) > MAX_LANES:
        raise says(f"has {len(value)} seeds, but may have at most {MAX_LANES}")
    wrong = [
        ((index,), seed, f"is {shown(seed)}, but must be a whole number from 0 to 2^32 - 1")
        for index, seed in enumerate(value)
        if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed <= LARGEST_SEED
    ]
    raise_all(name, wrong)
    return tuple(value)
