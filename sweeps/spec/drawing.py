"""Draws become candidates: each once, and none that breaks a constraint."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from seqsweep.sweeps.spec.constraint import AXES, Constraint
from seqsweep.sweeps.spec.samplers.known import SAMPLERS
from seqsweep.sweeps.spec.space import Point, Space, at, axes_of, candidate, combinations

if TYPE_CHECKING:
    from seqsweep.seqmodels.hyperparameters import Hyperparameters
    from seqsweep.sweeps.spec.samplers.base import Sampler, Scored

MOST_COUNTED = 100_000
"""Combinations that are tried one by one to count the candidates."""


def different(
    sampler: Sampler,
    space: Space,
    rules: Sequence[Constraint],
    point: Point,
    seed: int,
    history: Sequence[Scored] = (),
) -> Iterator[Hyperparameters | None]:
    """Yield a candidate for each draw, None where it was there before or breaks a rule."""
    here, seen = at(space, point), {each.candidate for each in history}
    rules = [rule for rule in rules if not rule.of_axes]
    for values in sampler.draws(here, seed, history):
        found = candidate(here, values)
        if found in seen:
            yield None
            continue
        seen.add(found)
        everything = {**point, **asdict(found)} if rules else {}
        yield found if all(rule.holds(everything) for rule in rules) else None


def axes_read(space: Space, rules: Iterable[Constraint]) -> tuple[str, ...]:
    """Name the axes that candidates depend on."""
    read = axes_of(space).union(*(rule.names for rule in rules if not rule.of_axes))
    return tuple(name for name in AXES if name in read)


def counts(space: Space, rules: Sequence[Constraint], points: Sequence[Point]) -> tuple[float, float]:
    """Count the different candidates: the fewest and the most of a trial at these points.

    Where the combinations are too many to be tried, all of them are counted.
    """
    names = axes_read(space, rules)
    projected = [
        dict(each) for each in dict.fromkeys(tuple((name, point[name]) for name in names) for point in points)
    ]
    projected = projected or [{}]
    total = combinations(space)
    if total * len(projected) > MOST_COUNTED or (names and not points):
        return total, total
    grid = SAMPLERS["grid"]
    found = [sum(each is not None for each in different(grid, space, rules, point, 0)) for point in projected]
    return min(found), max(found)
