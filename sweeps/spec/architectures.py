"""Architectures: the cross product of the axes, table by table, without those that break a constraint, or a sample of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

from seqsweep.sweeps.errors import SpecError
from seqsweep.sweeps.spec.constraint import Constraint
from seqsweep.sweeps.spec.dimension import Dimension
from seqsweep.sweeps.spec.samplers.stratified import StratifiedSampler
from seqsweep.sweeps.spec.space import Point

if TYPE_CHECKING:
    from seqsweep.sweeps.spec.axes import ArchitectureAxes

MOST_LISTED = 100_000
"""Points of a product that are looked at one by one."""


def size(tables: Sequence[ArchitectureAxes]) -> int:
    """Count the points of the products."""
    return sum(math.prod(len(getattr(axes, name)) for name in _names(tables)) for axes in tables)


def values_of(tables: Sequence[ArchitectureAxes]) -> dict[str, tuple[Any, ...]]:
    """Give the values that each axis has in any of the tables, several readouts joined."""
    return {
        name: tuple(dict.fromkeys(_plain(value) for axes in tables for value in getattr(axes, name)))
        for name in _names(tables)
    }


def overlapping(tables: Sequence[ArchitectureAxes]) -> tuple[int, int] | None:
    """Find the numbers of two tables that have an architecture in common."""
    for second, axes in enumerate(tables):
        for first, other in enumerate(tables[:second]):
            if all(set(getattr(axes, name)) & set(getattr(other, name)) for name in _names(tables)):
                return first, second
    return None


def points(tables: Sequence[ArchitectureAxes], rules: Sequence[Constraint]) -> Iterator[Point]:
    """Yield every point that keeps the rules about axes alone; the last axis changes fastest."""
    of_axes, names = [rule for rule in rules if rule.of_axes], _names(tables)
    for axes in tables:
        for values in product(*(getattr(axes, name) for name in names)):
            point = {name: _plain(value) for name, value in zip(names, values, strict=True)}
            if all(rule.holds(point) for rule in of_axes):
                yield point


def sampled(
    tables: Sequence[ArchitectureAxes], rules: Sequence[Constraint], count: int, seed: int, name: str
) -> list[Point]:
    """Draw different points that keep the rules: a larger `count` keeps the earlier ones.

    Each axis is drawn in strata by itself, so a run of 8 architectures has its values as evenly as can be.

    Raises:
        SpecError: there are not so many.
    """
    of_axes, sampler = [rule for rule in rules if rule.of_axes], StratifiedSampler()
    names = _names(tables)
    which = Dimension(
        "choice", tuple(range(len(tables))), weights=tuple(float(size([axes])) for axes in tables)
    )
    found: dict[tuple[Any, ...], Point] = {}
    first, last, most = 0, 64, 50 * count + MOST_LISTED
    if size(tables) <= MOST_LISTED // 10:
        most = max(most, 50 * size(tables))
    while first < most:
        columns = {
            axis: sampler.quantiles(seed, f"architecture {axis}", last)[first:] for axis in ("table", *names)
        }
        for row in range(last - first):
            axes = tables[which.at(float(columns["table"][row]))]
            values = {axis: getattr(axes, axis) for axis in names}
            point = {
                axis: _plain(values[axis][int(float(columns[axis][row]) * len(values[axis]))])
                for axis in names
            }
            if all(rule.holds(point) for rule in of_axes):
                found.setdefault(tuple(point.values()), point)
            if len(found) == count:
                return list(found.values())
        first, last = last, 2 * last
    raise SpecError(
        [f"{name}: `architectures` is {count}, but only {len(found)} were found that keep `constraints`"]
    )


def _names(tables: Sequence[ArchitectureAxes]) -> list[str]:
    return list(type(tables[0]).model_fields)


def _plain(value: Any) -> Any:
    return "+".join(value) if isinstance(value, tuple) else value
