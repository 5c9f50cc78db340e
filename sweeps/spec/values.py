"""Reads single values of a spec as what uses them takes them."""

from __future__ import annotations

import math
from typing import Any

from seqsweep.seqmodels.hyperparameters import (
    HYPERPARAMETER_RULES,
    OPTIMIZERS,
    SCHEDULES,
    check_hyperparameter,
)
from seqsweep.sweeps.errors import did_you_mean, shown
from seqsweep.sweeps.spec.dimension import OFF

LARGEST_INT = 2**53
"""Float64 holds every whole number up to here."""


def is_number(raw: Any) -> bool:
    """Whether a value is a number that float64 holds."""
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        return False
    return math.isfinite(raw) if isinstance(raw, float) else abs(raw) <= LARGEST_INT


def read_value(name: str, raw: Any) -> tuple[Any, str]:
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
