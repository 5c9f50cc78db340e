"""How lanes are trained: the settings that all lanes of a sweep share. Imports nothing heavy."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

KEEPS = ("best", "last")
PRECISIONS = ("tf32", "float32")
CLASS_WEIGHTS = ("none", "balanced")


@dataclass(frozen=True)
class TrainingConfig:
    """How every lane of a trial is trained.

    Args:
        epochs: most epochs, and the length of learning-rate schedules.
        batch_size: sequences in a step; the last batch of an epoch may be smaller.
        min_change: the reference rule: stop a lane whose mean training error changed by less than this between successive
            epochs, `patience` times in a row; 0 turns the rule off.
        patience: see `min_change`.
        validation_patience: stop after so many epochs without a better validation accuracy (the loss breaks ties); None: never.
        keep: which weights count: those of the `best` epoch by validation, or the `last`.
        bptt: steps through which gradients flow; None for all.
        refit: train the chosen candidate again on train + validation, for as many epochs as its kept weights had seen.
        precision: of matrix products on a GPU: `tf32` keeps 10 bits of a factor's mantissa, `float32` all of them. Cores
            always compute in float32.
        class_weights: of the training loss: `balanced` makes all classes count the same, whatever their numbers in the part
            that is trained on; `none` each sequence.

    Raises:
        ValueError: a field is out of its range.
    """

    epochs: int = 40
    batch_size: int = 32
    min_change: float = 1e-4
    patience: int = 3
    validation_patience: int | None = None
    keep: str = "best"
    bptt: int | None = None
    refit: bool = False
    precision: str = "tf32"
    class_weights: str = field(
        default="none", metadata={"later": True}
    )  # see `seqsweep.seqmodels.architecture.LATER`

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "patience", "validation_patience", "bptt"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"`{name}` is {value}, but must be at least 1")
        if not (math.isfinite(self.min_change) and self.min_change >= 0):
            raise ValueError(f"`min_change` is {self.min_change}, but must be at least 0")
        for name, allowed in (
            ("keep", KEEPS),
            ("precision", PRECISIONS),
            ("class_weights", CLASS_WEIGHTS),
        ):
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f"`{name}` is {getattr(self, name)!r}, but must be one of {', '.join(allowed)}"
                )
