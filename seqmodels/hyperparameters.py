"""What a candidate is: the settings that leave tensor shapes alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

OPTIMIZERS = ("sgd", "rmsprop", "adam", "adamw")
SCHEDULES = ("constant", "cosine", "one_cycle")


@dataclass(frozen=True)
class Rule:
    """Says what one hyperparameter may be."""

    kind: type
    allowed: Callable[[Any], bool]
    words: str
    optional: bool = False


def _number(allowed: Callable[[float], bool], words: str, *, optional: bool = False) -> Rule:
    return Rule(float, lambda value: math.isfinite(value) and allowed(value), words, optional)


HYPERPARAMETER_RULES: dict[str, Rule] = {
    "lr": _number(lambda v: v > 0, "greater than 0"),
    "optimizer": Rule(str, lambda v: v in OPTIMIZERS, f"one of {', '.join(OPTIMIZERS)}"),
    "momentum": _number(lambda v: 0 <= v < 1, "at least 0 and less than 1"),
    "nesterov": Rule(bool, lambda v: True, "true or false"),
    "beta1": _number(lambda v: 0 <= v < 1, "at least 0 and less than 1"),
    "beta2": _number(lambda v: 0 <= v < 1, "at least 0 and less than 1"),
    "alpha": _number(lambda v: 0 <= v < 1, "at least 0 and less than 1"),
    "eps": _number(lambda v: v > 0, "greater than 0"),
    "weight_decay": _number(lambda v: v >= 0, "at least 0"),
    "clip_norm": _number(lambda v: v > 0, "greater than 0", optional=True),
    "schedule": Rule(str, lambda v: v in SCHEDULES, f"one of {', '.join(SCHEDULES)}"),
    "dropout": _number(lambda v: 0 <= v < 1, "at least 0 and less than 1"),
    "input_noise": _number(lambda v: v >= 0, "at least 0"),
    "label_smoothing": _number(lambda v: 0 <= v < 1, "at least 0 and less than 1"),
}


def check_hyperparameter(name: str, value: object) -> None:
    """Raise `ValueError` with the value and the rule where `value` is not allowed for `name`."""
    rule = HYPERPARAMETER_RULES[name]
    if value is None and rule.optional:
        return
    # bool is an int in Python; a switch is not a number here
    right_kind = (
        isinstance(value, int | float) and not isinstance(value, bool)
        if rule.kind is float
        else isinstance(value, rule.kind)
    )
    if not right_kind or not rule.allowed(value):
        raise ValueError(f"`{name}` is {value!r}, but must be {rule.words}")


@dataclass(frozen=True)
class Hyperparameters:
    """One candidate's settings; every optimizer reads the fields that concern it.

    Args:
        lr: peak learning rate.
        optimizer: one of `OPTIMIZERS`, each as in `torch.optim`.
        momentum: of SGD and RMSprop.
        nesterov: Nesterov's momentum in SGD; needs `momentum` above 0.
        beta1, beta2: decay of Adam's and AdamW's moments.
        alpha: decay of RMSprop's squared gradients.
        eps: added to the denominator by Adam, AdamW and RMSprop.
        weight_decay: L2 penalty (decoupled in AdamW).
        clip_norm: largest Euclidean norm of a lane's gradient; None leaves it alone.
        schedule: one of `SCHEDULES`, stepped once a batch.
        dropout: rate between layers and before the head.
        input_noise: standard deviation of Gaussian noise added to the normalised input while training.
        label_smoothing: share of the target spread evenly over all classes.

    Raises:
        ValueError: a value breaks its rule in `HYPERPARAMETER_RULES`.
    """

    lr: float = 1e-3
    optimizer: str = "adam"
    momentum: float = 0.0
    nesterov: bool = False
    beta1: float = 0.9
    beta2: float = 0.999
    alpha: float = 0.99
    eps: float = 1e-8
    weight_decay: float = 0.0
    clip_norm: float | None = None
    schedule: str = "constant"
    dropout: float = 0.0
    input_noise: float = 0.0
    label_smoothing: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            check_hyperparameter(field.name, getattr(self, field.name))
        if self.nesterov and self.momentum == 0:
            raise ValueError("`nesterov` is true, but `momentum` is 0 and must then be greater than 0")


@dataclass(frozen=True)
class Lane:
    """One model of a trial: a candidate's hyperparameters with one seed."""

    candidate: int
    seed: int
    hyperparameters: Hyperparameters
