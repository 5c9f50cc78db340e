"""What an optimizer's update of a lane is; knows no torch."""

from __future__ import annotations

from typing import NamedTuple

from seqsweep.seqmodels.hyperparameters import Hyperparameters


class UpdateKind(NamedTuple):
    """What decides which operations a lane's update needs; lanes of one kind can be updated together."""

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
        """Whether it keeps first moments: Adam's mean gradient, or the momentum buffer."""
        return self.momentum or self.optimizer in ("adam", "adamw")

    @property
    def uses_second(self) -> bool:
        """Whether it keeps second moments, the mean squared gradient."""
        return self.optimizer != "sgd"
