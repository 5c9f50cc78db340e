"""The search space: what each hyperparameter may be, and what of a draw makes a candidate."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from seqsweep.seqmodels.hyperparameters import HYPERPARAMETER_RULES, Hyperparameters
from seqsweep.sweeps.spec.dimension import Dimension

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

Space = Mapping[str, Dimension]
Point = Mapping[str, Any]
"""Where in `[architecture]` a trial lies: a value of each axis, several readouts joined."""


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


def candidate(space: Space, values: Mapping[str, Any]) -> Hyperparameters:
    """Make a candidate of a draw, without the values whose condition it does not meet."""
    return settings({name: value for name, value in values.items() if applies(space[name], values)})


def applies(dimension: Dimension, values: Mapping[str, Any]) -> bool:
    """Whether a draw has what the dimension depends on; what is not drawn is at its default."""
    return all(values.get(name, getattr(Hyperparameters, name)) in wanted for name, wanted in dimension.when)


def read_names(space: Space, values: Mapping[str, Any]) -> list[str]:
    """Name what of a draw is read: its condition is met, and its optimizer reads it."""
    optimizer = values.get("optimizer", Hyperparameters.optimizer)
    return [
        name
        for name, dimension in space.items()
        if applies(dimension, values) and optimizer in USED_BY.get(name, {optimizer})
    ]


def at(space: Space, point: Point) -> Space:
    """Give the space of one architecture: conditions on axes are met, or their dimensions left out."""
    found = {}
    for name, dimension in space.items():
        on_axes = [(key, wanted) for key, wanted in dimension.when if key not in HYPERPARAMETER_RULES]
        if all(point[key] in wanted for key, wanted in on_axes):
            rest = tuple(each for each in dimension.when if each not in on_axes)
            found[name] = replace(dimension, when=rest)
    return found


def axes_of(space: Space) -> frozenset[str]:
    """Names of the architecture's axes on which dimensions depend."""
    names: Iterable[str] = (name for dimension in space.values() for name, _ in dimension.when)
    return frozenset(names) - HYPERPARAMETER_RULES.keys()


def combinations(space: Space) -> float:
    """Count how many combinations there are before any are found to be alike; infinite with a continuous range."""
    return math.prod(dimension.size for dimension in space.values())
