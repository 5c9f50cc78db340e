"""Whether what was chosen lies on the edge of what was searched."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from seqsweep.results.info import BESIDE_A_KIND

NEAR = 0.1  # share of a range, logarithmic for `log_uniform`, that counts as its edge


@dataclass(frozen=True)
class Edge:
    """`name`'s chosen `value` lies at the lower or upper `end` of `low` to `high`, so a better one may lie beyond."""

    name: str
    value: float
    end: Literal["lower", "upper"]
    low: float
    high: float


@dataclass(frozen=True)
class Range:
    """What `name` was searched in: numbers from `low` to `high`, by a spec's `kind`."""

    name: str
    kind: str
    low: float
    high: float


def ranges(space: Mapping[str, Any]) -> tuple[Range, ...]:
    """The searched numbers of the spec's `[hyperparameters]` as `sweep.json` has it: `{"lr": {"log_uniform": [0.001, 0.01]}}`.

    Ranges, and choices of three or more values.
    """
    found = []
    for name, dimension in space.items():
        if isinstance(dimension, dict):
            kind, values = next(each for each in dimension.items() if each[0] not in BESIDE_A_KIND)
            if "within" in dimension:  # a bell's middle and width are no ends
                values = dimension["within"]
            numbers = [number for number in map(_number, values) if number is not None]
            # of a choice of two each is an end
            told = kind != "choice" or len(set(map(repr, values))) > 2
            if told and len(set(numbers)) > 1:
                found.append(Range(name, kind, min(numbers), max(numbers)))
    return tuple(found)


def edges(chosen: Mapping[str, Any], searched: Sequence[Range]) -> tuple[Edge, ...]:
    """Edges at which `chosen` settings lie.

    Of a range those within `NEAR` of an end; of a choice its smallest and largest number. 0 is no lower edge: no
    hyperparameter is negative. A value outside is the default of an optimizer that does not read it, and on no edge.
    """
    found = []
    for each in searched:
        value = _number(chosen.get(each.name))
        if value is None or not each.low <= value <= each.high:
            continue
        place = _place(each.kind, value, each.low, each.high)
        near = 0.0 if each.kind == "choice" else NEAR
        if place <= near and each.low > 0:
            found.append(Edge(each.name, value, "lower", each.low, each.high))
        elif place >= 1 - near:
            found.append(Edge(each.name, value, "upper", each.low, each.high))
    return tuple(found)


def _place(kind: str, value: float, low: float, high: float) -> float:
    """0 at the lower end, 1 at the upper one."""
    if kind in ("log_uniform", "log_normal"):
        value, low, high = map(math.log, (value, low, high))
    return (value - low) / (high - low)


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
