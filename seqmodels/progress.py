"""Where lanes stand: the stopping rules, an epoch's record, and both as a checkpoint's tables."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from seqsweep.seqmodels.hyperparameters import Lane
from seqsweep.seqmodels.training_config import TrainingConfig

STOPS = ("", "max_epochs", "converged", "validation", "diverged", "cut")
"""Why a lane stopped; checkpoints hold the place in this list, so that names are only ever added at its end."""


@dataclass(frozen=True)
class EpochRecord:
    """Hold one lane's epoch.

    Args:
        candidate, seed: the lane.
        phase: `search`, `refit` or `final`.
        epoch: its number, from 1.
        train_loss: mean cross-entropy in nats (with label smoothing and class weights) over the training rows, each before the
            update it led to; NaN: it was not finite.
        train_accuracy: share of the training rows that were classified right, 0 to 1.
        validation_loss, validation_accuracy: after the epoch, without smoothing, dropout or noise; None: no validation rows,
            or the lane diverged before.
        learning_rate: of the lane's last step in the epoch.
        seconds: wall clock of its calls, each divided by the lanes of the call.
        event: why the lane stopped after it, one of `STOPS`; None: it goes on.
    """

    candidate: int
    seed: int
    phase: str
    epoch: int
    train_loss: float
    train_accuracy: float
    validation_loss: float | None
    validation_accuracy: float | None
    learning_rate: float
    seconds: float
    event: str | None


@dataclass
class LaneProgress:
    """Say where a lane stands. All fields are numbers, so that a checkpoint is a table of them, in this order.

    Args:
        epochs: trained so far.
        kept_epoch: after which the kept weights were copied; 0: they are the initial ones.
        kept_score, kept_loss: of the kept weights on the validation rows, by the search's metric (0 to 1) and mean nats; NaN:
            there are no such rows; infinite: no epoch has been judged.
        best_score, best_loss: the best epoch's by validation, whichever weights are kept; infinite: there is none yet.
        stale: epochs since the best one.
        quiet: epochs in a row whose training loss changed by less than `TrainingConfig.min_change`.
        previous_loss: the last epoch's training loss.
        stop: place in `STOPS`; 0: the lane goes on.
        seconds: spent so far, as `EpochRecord.seconds`.
        rung_score: `kept_score` as it was at the rung; NaN: the lane has come to none.
    """

    epochs: int = 0
    kept_epoch: int = 0
    kept_score: float = -math.inf
    kept_loss: float = math.inf
    best_score: float = -math.inf
    best_loss: float = math.inf
    stale: int = 0
    quiet: int = 0
    previous_loss: float = math.inf
    stop: int = 0
    seconds: float = 0.0
    rung_score: float = math.nan

    @property
    def stopped(self) -> str:
        """Name why the lane stopped, or give an empty text."""
        return STOPS[int(self.stop)]

    def stop_for(self, reason: str) -> None:
        """Stop the lane for good, for one of `STOPS`."""
        self.stop = STOPS.index(reason)

    def judge(
        self,
        config: TrainingConfig,
        epoch: int,
        loss: float,
        val_loss: float | None,
        score: float | None,
        *,
        limit: int,
        converges: bool,
    ) -> bool:
        """Decide after an epoch whether the lane stops, and whether its weights are now the ones to keep.

        Args:
            config: whose rules hold.
            epoch: its number, from 1.
            loss: mean training loss of the epoch.
            val_loss, score: after it, the score by the search's metric; None: there are no validation rows.
            limit: most epochs of this lane.
            converges: whether the rule of `min_change` and `patience` holds.

        Returns:
            Whether to keep the weights.
        """
        better = True
        if score is not None and val_loss is not None:
            better = (score, -val_loss) > (self.best_score, -self.best_loss)
            if better:
                self.best_score, self.best_loss = score, val_loss
            self.stale = 0 if better else self.stale + 1
        keep = better or config.keep == "last"
        if keep:
            self.kept_epoch = epoch
            self.kept_score, self.kept_loss = _number(score), _number(val_loss)
        quiet = abs(self.previous_loss - loss) < config.min_change
        self.quiet = self.quiet + 1 if quiet else 0
        self.previous_loss = loss
        if epoch >= limit:
            self.stop_for("max_epochs")
        elif self.quiet >= config.patience and converges:
            self.stop_for("converged")
        elif config.validation_patience is not None and self.stale >= config.validation_patience:
            self.stop_for("validation")
        return keep


def progress_table(progress: Sequence[LaneProgress]) -> Float[Tensor, "L F"]:
    """Write where L lanes stand as a checkpoint holds it, a column for each of F fields."""
    rows = [astuple(one) for one in progress]
    return torch.tensor(rows, dtype=torch.float64).reshape(-1, len(fields(LaneProgress)))


def read_progress(table: Float[Tensor, "L F"]) -> list[LaneProgress]:
    """Read a `progress_table`."""
    counts = {field.name for field in fields(LaneProgress) if field.type == "int"}
    return [
        LaneProgress(
            **{
                field.name: int(value) if field.name in counts else value
                for field, value in zip(fields(LaneProgress), row, strict=True)
            }
        )
        for row in table.tolist()
    ]


def history_tables(
    history: Sequence[EpochRecord], lanes: Sequence[Lane]
) -> tuple[Float[Tensor, "E 8"], Int64[Tensor, "E"]]:
    """Write E records as a checkpoint holds them, and the place of each one's lane in `lanes`."""
    owner = {(lane.candidate, lane.seed): number for number, lane in enumerate(lanes)}
    records = [
        [
            row.epoch,
            _number(row.train_loss),
            row.train_accuracy,
            _number(row.validation_loss),
            _number(row.validation_accuracy),
            row.learning_rate,
            row.seconds,
            STOPS.index(row.event or ""),
        ]
        for row in history
    ]
    return (
        torch.tensor(records, dtype=torch.float64).reshape(-1, 8),
        torch.tensor([owner[row.candidate, row.seed] for row in history], dtype=torch.int64),
    )


def read_history(
    table: Float[Tensor, "E 8"], owners: Int64[Tensor, "E"], lanes: Sequence[Lane], phase: str
) -> list[EpochRecord]:
    """Read `history_tables` of a phase."""
    return [
        EpochRecord(
            lanes[lane].candidate,
            lanes[lane].seed,
            phase,
            int(epoch),
            loss,
            accuracy,
            None if math.isnan(val_loss) else val_loss,
            None if math.isnan(val_accuracy) else val_accuracy,
            rate,
            seconds,
            STOPS[int(event)] or None,
        )
        for lane, (epoch, loss, accuracy, val_loss, val_accuracy, rate, seconds, event) in zip(
            owners.tolist(), table.tolist(), strict=True
        )
    ]


def _number(value: float | None) -> float:
    return math.nan if value is None else value
