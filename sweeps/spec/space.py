"""The search space: what each hyperparameter may be, as the spec's `[hyperparameters]` says it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from types import MappingProxyType
from typing import Any

from seqsweep.seqmodels.hyperparameters import (
    HYPERPARAMETER_RULES,
    OPTIMIZERS,
    SCHEDULES,
    Hyperparameters,
    check_hyperparameter,
)
from seqsweep.sweeps.errors import did_you_mean, shown

RANGES = ("uniform", "log_uniform", "int")
KINDS = ("choice", *RANGES)
OFF = "off"
"""What a spec writes for None, which TOML lacks."""
USED_BY: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "momentum": frozenset({"sgd", "rmsprop"}),
        "nesterov": frozenset({"sgd"}),
        "beta1": frozenset({"adam", "adamw"}),
        "beta2": frozenset({"adam", "adamw"}),
        "alpha": frozenset({"rmsprop"}),
        "eps": frozenset({"rmsprop", "adam", "adamw"}),
    }
)
"""Hyperparameters that only some optimizers read."""
MOST_CHOICES = 10_000
"""Values of one choice: as many as a sweep may have candidates."""
_LARGEST_INT = 2**53  # float64 holds every whole number up to here


@dataclass(frozen=True)
class Dimension:
    """One hyperparameter's possible values.

    Args:
        kind: `constant` (one value), `choice` (its values) or one of `RANGES` (the lower and the upper end).
        values: plain Python values; numbers are float, None is "off".
    """

    kind: str
    values: tuple[Any, ...]

    @property
    def size(self) -> float:
        """How many different values there are; infinite for a continuous range."""
        if self.kind == "int":
            return float(self.values[1] - self.values[0] + 1)
        return math.inf if self.kind in RANGES else len(self.values)

    def all(self) -> Iterable[Any]:
        """Every value of a dimension of finite size, in order."""
        if self.kind == "int":
            return (float(value) for value in range(int(self.values[0]), int(self.values[1]) + 1))
        return self.values

    def at(self, quantile: float) -> Any:
        """The value at a quantile, 0 <= quantile < 1 (the inverse of the distribution function)."""
        if self.kind in ("constant", "choice"):
            return self.values[int(quantile * len(self.values))]
        low, high = self.values
        if self.kind == "int":
            return min(low + math.floor(quantile * (high - low + 1)), high)
        if self.kind == "uniform":
            return min(low + quantile * (high - low), high)
        # rounding in exp and log may step over an end by one unit
        return min(max(math.exp(math.log(low) + quantile * (math.log(high) - math.log(low))), low), high)

    def to_table(self) -> Any:
        """Give a dimension as the spec writes it: a constant, or a table with one key."""
        values = [
            OFF if value is None else int(value) if self.kind == "int" else value for value in self.values
        ]
        return values[0] if self.kind == "constant" else {self.kind: values}


Space = Mapping[str, Dimension]
Complaint = tuple[tuple[str | int, ...], Any, str]
"""Where (keys and indices below `[hyperparameters]`), the value, and what is said of it."""
UNKNOWN = "extra_forbidden"  # pydantic's word for it


def settings(values: Mapping[str, Any]) -> Hyperparameters:
    """A candidate in its one canonical form: what its optimizer does not read is left at the default.

    So candidates that would train alike are equal.
    """
    kept = dict(values)
    optimizer = kept.get("optimizer", Hyperparameters.optimizer)
    for name, optimizers in USED_BY.items():
        if optimizer not in optimizers:
            kept.pop(name, None)
    if not kept.get("momentum"):
        kept.pop("nesterov", None)  # without momentum it is plain SGD
    return Hyperparameters(**kept)


def combinations(space: Space) -> float:
    """Count how many combinations there are before any are found to be alike; infinite with a continuous range."""
    return math.prod(dimension.size for dimension in space.values())


def grid(space: Space) -> list[Hyperparameters]:
    """Every different candidate of a finite space; the last name of the spec changes fastest."""
    rows = product(*(dimension.all() for dimension in space.values()))
    return list(dict.fromkeys(settings(dict(zip(space, row, strict=True))) for row in rows))


def read_space(table: Mapping[str, Any]) -> tuple[dict[str, Dimension], list[Complaint]]:
    """Read `[hyperparameters]`; every problem is listed, and a name with a problem is left out."""
    space: dict[str, Dimension] = {}
    complaints: list[Complaint] = []
    for name, raw in table.items():
        if name not in HYPERPARAMETER_RULES:
            complaints.append(((name,), raw, UNKNOWN))
            continue
        found, dimension = _dimension(name, raw)
        complaints += found
        if dimension is not None:
            space[name] = dimension
    if not complaints:
        complaints += _together(space)
    return space, complaints


def _dimension(name: str, raw: Any) -> tuple[list[Complaint], Dimension | None]:
    if isinstance(raw, list):
        return [((name,), raw, f"is {shown(raw)}, but a list of values is written {{choice = [...]}}")], None
    if not isinstance(raw, dict):
        value, words = _value(name, raw)
        return ([((name,), raw, words)], None) if words else ([], Dimension("constant", (value,)))
    if len(raw) != 1 or next(iter(raw)) not in KINDS:
        known = ", ".join(KINDS)
        unknown = next((kind for kind in raw if kind not in KINDS), None)
        words = f"is {shown(raw)}, but must be one value, or a table with one of {known}"
        return [((name,), raw, words + did_you_mean(unknown, KINDS))], None
    kind, values = next(iter(raw.items()))
    if not isinstance(values, list):
        return [((name, kind), values, f"is {shown(values)}, but must be a list")], None
    if kind in RANGES:
        return _range(name, kind, values)
    complaints: list[Complaint] = []
    if len(values) > MOST_CHOICES:
        words = f"has {len(values)} values, but may have at most {MOST_CHOICES}"
        return [((name, kind), values, words)], None
    read = []
    for index, each in enumerate(values):
        value, words = _value(name, each)
        read.append(value)
        if words:
            complaints.append(((name, kind, index), each, words))
    if not values:
        complaints.append(((name, kind), values, "is empty, but must have at least one value"))
    elif not complaints and len(set(read)) < len(read):
        twice = next(each for each, count in Counter(read).items() if count > 1)
        complaints.append(
            ((name, kind), values, f"has {shown(twice)} twice, but each value may be there once")
        )
    return (complaints, None) if complaints else ([], Dimension(kind, tuple(read)))


def _range(name: str, kind: str, values: list[Any]) -> tuple[list[Complaint], Dimension | None]:
    where = (name, kind)
    if HYPERPARAMETER_RULES[name].kind is not float:
        return [(where, values, f"is a range, but `{name}` is not a number: use {{choice = [...]}}")], None
    if len(values) != 2:
        return [(where, values, f"is {shown(values)}, but must be [lowest, highest]")], None
    complaints: list[Complaint] = []
    for index, each in enumerate(values):
        words = _value(name, each)[1]
        if not words and each == OFF:
            words = f"is {shown(each)}, but a range must end in numbers"
        elif not words and kind == "int" and not (isinstance(each, int) and abs(each) <= _LARGEST_INT):
            words = f"is {shown(each)}, but must be a whole number, at most 2^53"
        elif not words and kind == "log_uniform" and each <= 0:
            words = f"is {shown(each)}, but must be greater than 0 for log_uniform"
        if words:
            complaints.append(((*where, index), each, words))
    if complaints:
        return complaints, None
    low, high = float(values[0]), float(values[1])
    if low >= high:
        return [(where, values, f"is {shown(values)}, but the first must be less than the second")], None
    return [], Dimension(kind, (low, high))


def _value(name: str, raw: Any) -> tuple[Any, str]:
    """The value as `Hyperparameters` takes it, and what is wrong with it (nothing: the empty string)."""
    rule = HYPERPARAMETER_RULES[name]
    if rule.optional and raw == OFF:
        return None, ""
    words = rule.words + (f", or {OFF!r}" if rule.optional else "")
    if raw is not None:
        try:
            check_hyperparameter(name, raw)
            return (float(raw) if rule.kind is float else raw), ""
        except (ValueError, OverflowError):  # OverflowError: a whole number beyond float64
            pass
    known = {"optimizer": OPTIMIZERS, "schedule": SCHEDULES}.get(name, ())
    kind = (
        "a number "
        if rule.kind is float and (isinstance(raw, bool) or not isinstance(raw, int | float))
        else ""
    )
    return None, f"is {shown(raw)}, but must be {kind}{words}{did_you_mean(raw, known)}"


def _together(space: Space) -> Iterator[Complaint]:
    """Rules about several hyperparameters."""
    optimizer = space.get("optimizer", Dimension("constant", (Hyperparameters.optimizer,)))
    for name, users in USED_BY.items():
        if name in space and not users & set(optimizer.values):
            sentence = (
                f"is set, but no optimizer of this spec ({', '.join(optimizer.values)}) reads it: "
                f"{' and '.join(sorted(users))} would"
            )
            yield (name,), None, sentence
    if "nesterov" in space and True in space["nesterov"].values:
        momentum = space.get("momentum", Dimension("constant", (0.0,)))
        if not any(momentum.values):
            yield ("nesterov",), True, "is true, but `momentum` is 0 and must then be greater than 0"
