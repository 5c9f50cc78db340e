"""Reads `[hyperparameters]`; every problem is listed, with its place, the value and the rule."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from seqsweep.seqmodels.hyperparameters import HYPERPARAMETER_RULES, Hyperparameters
from seqsweep.sweeps.errors import did_you_mean, shown
from seqsweep.sweeps.spec.complaints import UNKNOWN, Complaint
from seqsweep.sweeps.spec.conditions import Axes, read_conditions
from seqsweep.sweeps.spec.dimension import BELLS, EVEN, KINDS, OFF, Dimension
from seqsweep.sweeps.spec.space import USED_BY
from seqsweep.sweeps.spec.values import LARGEST_INT, is_number, read_value

MOST_CHOICES = 10_000
"""Values of one choice: as many as a sweep may have candidates."""
MOST_STEPS = 1_000_000
LEAST_INSIDE = 0.01
"""Share of a bell that must lie between its ends; less is a slip, such as a mean that was meant to be a logarithm."""
_EXTRAS = {"choice": ("weights",)} | dict.fromkeys(EVEN, ("step",)) | dict.fromkeys(BELLS, ("within",))


def read_space(
    table: Mapping[str, Any], axes: Axes | None = None
) -> tuple[dict[str, Dimension], list[Complaint]]:
    """Read `[hyperparameters]`; every problem is listed, and a name with a problem is left out.

    Args:
        table: as the spec has it.
        axes: the values that each axis of the architecture has; None where it has problems of its own.
    """
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
    if not complaints:
        for name, raw in table.items():
            if isinstance(raw, dict) and "when" in raw:
                found, when = read_conditions(name, raw["when"], table, space, axes)
                complaints += found
                space[name] = replace(space[name], when=when)
    return space, complaints


def _dimension(name: str, raw: Any) -> tuple[list[Complaint], Dimension | None]:
    if isinstance(raw, list):
        return [((name,), raw, f"is {shown(raw)}, but a list of values is written {{choice = [...]}}")], None
    if not isinstance(raw, dict):
        value, words = read_value(name, raw)
        return ([((name,), raw, words)], None) if words else ([], Dimension("constant", (value,)))
    kinds = [key for key in raw if key in KINDS]
    if len(kinds) != 1:
        unknown = next((key for key in raw if key not in KINDS), None)
        words = f"is {shown(raw)}, but must be one value, or a table with one of {', '.join(KINDS)}"
        return [((name,), raw, words + did_you_mean(unknown, KINDS))], None
    (kind,) = kinds
    extras = {key: value for key, value in raw.items() if key != kind}
    may = (*_EXTRAS[kind], "when")
    complaints: list[Complaint] = [
        (
            (name, key),
            value,
            f"is not known beside `{kind}`, only {' and '.join(may)}{did_you_mean(key, may)}",
        )
        for key, value in extras.items()
        if key not in may
    ]
    values = raw[kind]
    if not isinstance(values, list):
        return [*complaints, ((name, kind), values, f"is {shown(values)}, but must be a list")], None
    if kind in EVEN:
        found, dimension = _even(name, kind, values, extras)
    elif kind in BELLS:
        found, dimension = _bell(name, kind, values, extras)
    else:
        found, dimension = _choice(name, values, extras)
    complaints += found
    return complaints, None if complaints else dimension


def _choice(
    name: str, values: list[Any], extras: Mapping[str, Any]
) -> tuple[list[Complaint], Dimension | None]:
    where = (name, "choice")
    if len(values) > MOST_CHOICES:
        words = f"has {len(values)} values, but may have at most {MOST_CHOICES}"
        return [(where, values, words)], None
    complaints: list[Complaint] = []
    read = []
    for index, each in enumerate(values):
        value, words = read_value(name, each)
        read.append(value)
        if words:
            complaints.append(((*where, index), each, words))
    if not values:
        complaints.append((where, values, "is empty, but must have at least one value"))
    elif not complaints and len(set(read)) < len(read):
        twice = next(each for each, count in Counter(read).items() if count > 1)
        complaints.append((where, values, f"has {shown(twice)} twice, but each value may be there once"))
    if complaints:
        return complaints, None
    weights: tuple[float, ...] = ()
    if "weights" in extras:
        raw = extras["weights"]
        where = (name, "weights")
        if not isinstance(raw, list) or len(raw) != len(values):
            words = f"is {shown(raw)}, but must be a list of {len(values)} numbers, one for each value of `choice`"
            return [(where, raw, words)], None
        complaints += [
            ((*where, index), each, f"is {shown(each)}, but must be a number greater than 0, at most 1e6")
            for index, each in enumerate(raw)
            if not is_number(each) or not 1e-6 <= each <= 1e6
        ]
        weights = () if complaints else tuple(float(each) for each in raw)
    return complaints, Dimension("choice", tuple(read), weights=weights)


def _even(
    name: str, kind: str, values: list[Any], extras: Mapping[str, Any]
) -> tuple[list[Complaint], Dimension | None]:
    complaints = _ends(name, kind, values, (name, kind))
    if complaints:
        return complaints, None
    low, high = float(values[0]), float(values[1])
    if "step" not in extras:
        return [], Dimension(kind, (low, high))
    raw = extras["step"]
    words = ""
    if not is_number(raw) or not 0 < raw <= high - low:
        words = f"is {shown(raw)}, but must be a number greater than 0, and at most {high - low:g}, the whole range"
    elif kind == "int" and not isinstance(raw, int):
        words = f"is {shown(raw)}, but must be a whole number, as the range is `int`"
    elif (high - low) / raw > MOST_STEPS:
        words = f"is {shown(raw)}, but makes more than {MOST_STEPS:,} values: leave it out, or make it larger"
    elif (Decimal(repr(high)) - Decimal(repr(low))) % Decimal(repr(float(raw))):
        reached = low + math.floor((high - low) / raw) * raw
        words = (
            f"is {shown(raw)}, but must go into {high - low:g}, the range from {low:g} to {high:g}, without a rest: "
            f"end it at {reached:.6g}"
        )
    return (
        ([((name, "step"), raw, words)], None)
        if words
        else ([], Dimension(kind, (low, high), step=float(raw)))
    )


def _bell(
    name: str, kind: str, values: list[Any], extras: Mapping[str, Any]
) -> tuple[list[Complaint], Dimension | None]:
    where = (name, kind)
    if HYPERPARAMETER_RULES[name].kind is not float:
        return [(where, values, f"is a range, but `{name}` is not a number: use {{choice = [...]}}")], None
    two = ("mean", "standard deviation") if kind == "normal" else ("median", "factor")
    if len(values) != 2 or not all(map(is_number, values)):
        return [(where, values, f"is {shown(values)}, but must be [{two[0]}, {two[1]}], two numbers")], None
    complaints: list[Complaint] = []
    if kind == "log_normal" and values[0] <= 0:
        words = (
            f"is {shown(values[0])}, but must be greater than 0: it is the median itself, not its logarithm"
        )
        complaints.append(((*where, 0), values[0], words))
    least = 0 if kind == "normal" else 1
    if not values[1] > least:
        words = f"is {shown(values[1])}, but the {two[1]} must be greater than {least}"
        if kind == "log_normal":
            words += ": two thirds of the draws lie between median / factor and median x factor"
        complaints.append(((*where, 1), values[1], words))
    if "within" not in extras:
        rule = HYPERPARAMETER_RULES[name].words
        words = f"is {shown(values)}, but wants `within = [lowest, highest]` beside it, as `{name}` must be {rule}"
        return [*complaints, (where, values, words)], None
    within = extras["within"]
    if not isinstance(within, list):
        return [*complaints, ((name, "within"), within, f"is {shown(within)}, but must be a list")], None
    complaints += _ends(name, "log_uniform" if kind == "log_normal" else "uniform", within, (name, "within"))
    if complaints:
        return complaints, None
    found = Dimension(kind, (float(values[0]), float(values[1])), within=(float(within[0]), float(within[1])))
    if found.bell_inside < LEAST_INSIDE:
        words = f"is {shown(within)}, but holds less than 1 % of the distribution {shown(values)}: set its middle or its ends"
        return [((name, "within"), within, words)], None
    return [], found


def _ends(name: str, kind: str, values: Sequence[Any], where: tuple[str, str]) -> list[Complaint]:
    """Check two numbers that are a range's ends."""
    if HYPERPARAMETER_RULES[name].kind is not float:
        return [(where, values, f"is a range, but `{name}` is not a number: use {{choice = [...]}}")]
    if len(values) != 2:
        return [(where, values, f"is {shown(values)}, but must be [lowest, highest]")]
    complaints: list[Complaint] = []
    for index, each in enumerate(values):
        words = read_value(name, each)[1]
        if not words and each == OFF:
            words = f"is {shown(each)}, but a range must end in numbers"
        elif not words and kind == "int" and not (isinstance(each, int) and abs(each) <= LARGEST_INT):
            words = f"is {shown(each)}, but must be a whole number, at most 2^53"
        elif not words and kind == "log_uniform" and each <= 0:
            words = f"is {shown(each)}, but must be greater than 0 for log_uniform"
        if words:
            complaints.append(((*where, index), each, words))
    if not complaints and float(values[0]) >= float(values[1]):
        complaints.append((where, values, f"is {shown(values)}, but the first must be less than the second"))
    return complaints


def _together(space: Mapping[str, Dimension]) -> Iterator[Complaint]:
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
