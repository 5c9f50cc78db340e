"""What an optimizer's update of a lane is: which operations, and their scalars. Knows no torch."""

from __future__ import annotations

import math
from typing import Generic, NamedTuple, TypeVar

from seqsweep.seqmodels.hyperparameters import Hyperparameters


class UpdateKind(NamedTuple):
    """Says which operations a lane's update needs; lanes of one kind can be updated together."""

    optimizer: str
    momentum: bool
    """Whether it keeps a momentum buffer (Adam's mean gradient is always there)."""
    nesterov: bool
    decay: bool

    @classmethod
    def of(cls, h: Hyperparameters) -> UpdateKind:
        """Read a candidate's kind from its settings."""
        momentum = h.optimizer in ("sgd", "rmsprop") and h.momentum > 0
        nesterov = h.optimizer == "sgd" and momentum and h.nesterov
        return cls(h.optimizer, momentum, nesterov, h.weight_decay != 0)

    @property
    def uses_first(self) -> bool:
        """Tell whether it keeps first moments: Adam's mean gradient, or the momentum buffer."""
        return self.momentum or self.optimizer in ("adam", "adamw")

    @property
    def uses_second(self) -> bool:
        """Tell whether it keeps second moments, the mean squared gradient."""
        return self.optimizer != "sgd"


T = TypeVar("T")
"""A number, or a column of them: one of each lane."""


class SgdCoefficients(NamedTuple, Generic[T]):
    """Holds the scalars of an SGD update. Kernels read them by their places, as those of the other optimizers."""

    rate: T
    decay: T
    momentum: T


class RmspropCoefficients(NamedTuple, Generic[T]):
    """Holds the scalars of an RMSprop update: `keep` and `rest` are alpha and 1 - alpha."""

    rate: T
    decay: T
    momentum: T
    keep: T
    rest: T
    eps: T


class AdamCoefficients(NamedTuple, Generic[T]):
    """Holds the scalars of an update by Adam, or by AdamW, whose `decay` is the share of a weight that is left.

    `rate` is divided by the first moment's bias correction, `bias` is the root of the second's. `first_rest` is 1 - beta1,
    `keep` and `rest` are beta2 and 1 - beta2.
    """

    rate: T
    decay: T
    first_rest: T
    keep: T
    rest: T
    bias: T
    eps: T


COEFFICIENTS = len(AdamCoefficients._fields)
"""Scalars of an update as kernels take them; an optimizer that has fewer leaves the last ones at 0."""


def coefficients(h: Hyperparameters, lr: float, step: int) -> tuple[float, ...]:
    """Compute the scalars of update number `step` (from 1) of a lane at learning rate `lr`, `COEFFICIENTS` of them."""
    scalars: tuple[float, ...]
    if h.optimizer == "sgd":
        scalars = SgdCoefficients(lr, h.weight_decay, h.momentum)
    elif h.optimizer == "rmsprop":
        scalars = RmspropCoefficients(lr, h.weight_decay, h.momentum, h.alpha, 1 - h.alpha, h.eps)
    else:
        bias1, bias2 = 1 - h.beta1**step, 1 - h.beta2**step
        decay = 1 - lr * h.weight_decay if h.optimizer == "adamw" else h.weight_decay
        scalars = AdamCoefficients(
            lr / bias1, decay, 1 - h.beta1, h.beta2, 1 - h.beta2, math.sqrt(bias2), h.eps
        )
    return tuple(scalars) + (0.0,) * (COEFFICIENTS - len(scalars))
