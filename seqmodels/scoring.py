"""What became of a trial: figures and predictions of its lanes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int64
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from seqsweep.seqmodels.hyperparameters import Hyperparameters, Lane
from seqsweep.seqmodels.progress import EpochRecord


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Holds what a lane's weights give on n sequences of C classes.

    Args:
        loss: mean cross-entropy, without label smoothing, in nats.
        accuracy: share that was classified right, 0 to 1.
        predicted: the likeliest class `[n]`.
        probabilities: `[n, C]`, each row adds up to 1."""

    loss: float
    accuracy: float
    predicted: NDArray[np.int64]
    probabilities: NDArray[np.float32]

    @classmethod
    def of(cls, logits: Float[Tensor, "n C"], label: Int64[Tensor, "n"]) -> Evaluation:
        """Judge logits by the right classes."""
        predicted = logits.argmax(1)
        return cls(
            float(functional.cross_entropy(logits, label)),
            float((predicted == label).sum()) / len(label),
            predicted.cpu().numpy(),
            torch.softmax(logits, 1).float().cpu().numpy(),
        )


@dataclass(frozen=True)
class LaneOutcome:
    """Says what became of a lane.

    Losses and accuracies are those of its kept weights, without dropout or noise. Of the `stage` "search", train, validation
    and the count of epochs are those of the search; where there are no final seeds, the chosen candidate's lanes are tested,
    with the weights of the refit where that was asked for. Of the stage "final" all figures are of the training from a fresh
    seed; validation is None where it was trained on. A lane that diverged has no test figure. `score` is that of the kept
    weights by the search's metric, `rung_score` the same when the lane came to the rung; None: there is none.
    """

    candidate: int
    seed: int
    hyperparameters: Hyperparameters
    stage: str
    chosen: bool
    epochs: int
    best_epoch: int
    refit_epochs: int | None
    stopped: str
    train_loss: float
    train_accuracy: float
    validation_loss: float | None
    validation_accuracy: float | None
    score: float | None
    rung_score: float | None
    test_loss: float | None
    test_accuracy: float | None
    seconds: float


@dataclass(frozen=True, eq=False)
class Scores:
    """Holds a lane's predictions on a split: sequence indices `[n]`, classes `[n]`, probabilities `[n, C]` float32."""

    candidate: int
    seed: int
    split: str
    index: NDArray[np.int64]
    predicted: NDArray[np.int64]
    probabilities: NDArray[np.float32]

    @classmethod
    def of(cls, lane: Lane, split: str, index: NDArray[np.int64], evaluation: Evaluation) -> Scores:
        """Name the lane and the sequences of an evaluation."""
        return cls(lane.candidate, lane.seed, split, index, evaluation.predicted, evaluation.probabilities)


@dataclass(frozen=True, eq=False)
class TrialOutcome:
    """Holds everything a trial leaves. `models` are torch.nn state dicts of the chosen candidate by (candidate, seed)."""

    lanes: list[LaneOutcome]
    epochs: list[EpochRecord]
    scores: list[Scores]
    models: dict[tuple[int, int], dict[str, NDArray[np.float32]]]
