"""The packed training loop: all lanes of an architecture, epoch by epoch, each stopping by its own rule."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Int64
from numpy.typing import NDArray
from torch import Tensor

from seqsweep.class_averages import balanced_accuracy, macro_f1
from seqsweep.seqmodels.backends.base import Backend
from seqsweep.seqmodels.class_weights import balanced_weights
from seqsweep.seqmodels.engine import create_engine
from seqsweep.seqmodels.hyperparameters import Lane
from seqsweep.seqmodels.lanes import LaneArray, Tokens
from seqsweep.seqmodels.layout import Layout
from seqsweep.seqmodels.metrics import confusion_matrix
from seqsweep.seqmodels.optim import LaneOptimizer
from seqsweep.seqmodels.parking import ParkedLane, park, parked_table, read_parked, together, unpark
from seqsweep.seqmodels.progress import (
    EpochRecord,
    LaneProgress,
    history_tables,
    progress_table,
    read_history,
    read_progress,
)
from seqsweep.seqmodels.schedules import learning_rate
from seqsweep.seqmodels.tensor_buffer import part
from seqsweep.seqmodels.training_config import TrainingConfig


class Trainer:
    """Trains lanes on some sequences of a data set.

    Args:
        layout: the architecture on this data set.
        lanes: whom to train.
        data: all sequences.
        train: indices to train on.
        validation: indices to validate on after every epoch; may be empty.
        config: how.
        backend: who computes the recurrence.
        phase: written into records.
        metric: of `seqsweep.seqmodels.search_rule.METRICS`, of the validation part: the best epoch is best by it.
        converges: whether the rule of `TrainingConfig.min_change` holds.
        begin: numbers of the lanes that begin; the others do where `go_on` says so. None: all.
        pause: the epoch after which lanes wait until `go_on` or `cut`; None: none does.
        lanes_at_once: most lanes in training; the others wait until these have stopped. No number depends on it.
        epoch_limits: most epochs of each lane, where they differ from `config.epochs`.
        threads: see `StepEngine`.
        dtype: see `LaneArray`.
    """

    def __init__(
        self,
        layout: Layout,
        lanes: Sequence[Lane],
        data: Tokens,
        train: NDArray[np.int64],
        validation: NDArray[np.int64],
        config: TrainingConfig,
        backend: Backend,
        *,
        phase: str = "search",
        metric: str = "accuracy",
        converges: bool = True,
        begin: Sequence[int] | None = None,
        pause: int | None = None,
        lanes_at_once: int | None = None,
        epoch_limits: Sequence[int] | None = None,
        threads: int = 1,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.lanes = list(lanes)
        self.data = data
        self.train = torch.from_numpy(train.copy()).to(data.label)
        self.validation = torch.from_numpy(validation.copy()).to(data.label)
        self.config = config
        self.phase = phase
        self.metric = metric
        self.pause = pause
        self._converges = converges
        self.epoch_limits = list(epoch_limits or [config.epochs] * len(self.lanes))
        self.engine = create_engine(layout, backend, bptt=config.bptt, threads=threads)
        self.array = LaneArray(layout, [], self.engine, dtype=dtype, device=data.tokens.device)
        self.class_weights: Tensor | None = None
        """What each class counts in the training loss [C]; losses of validation are never weighted."""
        if config.class_weights == "balanced":
            weights = balanced_weights(data.label[self.train], layout.classes)
            self.class_weights = weights.to(self.array.params)
        self.kept = self.array.params.new_zeros(len(self.lanes), layout.width)
        self.progress = [LaneProgress() for _ in self.lanes]
        self.history: list[EpochRecord] = []
        self._at_once = lanes_at_once or max(1, len(self.lanes))
        self.parked: dict[int, ParkedLane] = {}
        """Lanes that wait at `pause`."""
        self.waiting = list(range(len(self.lanes)) if begin is None else begin)
        self.begun = set(self.waiting)
        """Lanes that have been asked to begin."""
        self.active: list[int] = []
        self._begin()

    def _begin(self) -> None:
        """Begin, or go on, with the next lanes that wait; none may be in training."""
        epochs = [one.epochs for one in self.progress]
        self.active = together(self.waiting, epochs, self._at_once, self.parked) if self.waiting else []
        if not self.active:
            return
        self.waiting = self.waiting[len(self.active) :]
        lanes = [self.lanes[lane] for lane in self.active]
        if self.active and self.active[0] in self.parked:
            self.epoch = epochs[self.active[0]]
            self.array.replace(lanes, self.array.params.new_zeros(len(lanes), self.kept.shape[1]))
            self.optimizer = self._new_optimizer()
            own = [self.parked.pop(lane) for lane in self.active]
            self.array.replace(lanes, unpark(own, self.optimizer))
            return
        self.array.begin(lanes)
        self.optimizer = self._new_optimizer()
        self.kept[self.active] = self.array.params
        self.epoch = 0

    def go_on(self, lanes: Sequence[int]) -> None:
        """Let these lanes, which are parked or have not begun, train to their end; none may be in training.

        A parked lane that would have stopped at the rung stays as it is.
        """
        self.pause = None
        self.waiting += [lane for lane in lanes if lane in self.parked]
        self.waiting += [lane for lane in lanes if lane not in self.begun]
        self.begun |= set(lanes)
        self._begin()

    def cut(self, lanes: Sequence[int]) -> None:
        """Stop these lanes, which are parked, for good; their kept weights stay."""
        for lane in lanes:
            del self.parked[lane]
            self.progress[lane].stop_for("cut")

    def _new_optimizer(self) -> LaneOptimizer:
        params = self.array.params
        settings = [lane.hyperparameters for lane in self.array.lanes]
        return LaneOptimizer(settings, params.shape[1], dtype=params.dtype, device=params.device)

    @property
    def done(self) -> bool:
        """Tell whether no lane is left to train."""
        return not self.active

    @property
    def work_left(self) -> int:
        """Add up the most epochs that lanes may still take before all have stopped, or wait at a rung."""
        left = self.active + self.waiting
        if self.pause is not None:
            return sum(
                max(0, min(self.pause, self.epoch_limits[lane]) - self.progress[lane].epochs) for lane in left
            )
        return sum(self.epoch_limits[lane] - self.progress[lane].epochs for lane in left)

    def run_epoch(self) -> list[EpochRecord]:
        """Train every active lane for one epoch, validate, stop those whose rule says so."""
        self.epoch += 1
        epoch_lanes = list(self.active)
        loss, accuracy, rate, seconds = self._train_epoch()
        # the last update may have been the fatal one
        sound = self.array.sound()
        self._freeze([lane for lane, fine in zip(self.active, sound, strict=True) if not fine])
        validation = self._validate(seconds)
        records, kept = [], []
        for lane in epoch_lanes:
            progress = self.progress[lane]
            progress.epochs = self.epoch
            progress.seconds += seconds[lane]
            val_loss, val_accuracy, score = validation.get(lane, (None, None, None))
            if lane in self.active and progress.judge(
                self.config,
                self.epoch,
                loss[lane],
                val_loss,
                score,
                limit=self.epoch_limits[lane],
                converges=self._converges,
            ):
                kept.append(lane)
            records.append(
                EpochRecord(
                    self.lanes[lane].candidate,
                    self.lanes[lane].seed,
                    self.phase,
                    self.epoch,
                    loss[lane],
                    accuracy[lane],
                    val_loss,
                    val_accuracy,
                    rate[lane],
                    seconds[lane],
                    progress.stopped or None,
                )
            )
        self._keep(kept)
        self._drop([lane for lane in self.active if self.progress[lane].stop])
        if self.epoch == self.pause:
            rows = park(self.array.params, self.optimizer, range(len(self.active)))
            self.parked |= dict(zip(self.active, rows, strict=True))
            self._drop(list(self.active))
        self.history += records
        if not self.active and self.waiting:
            self._begin()
        return records

    def _train_epoch(self) -> tuple[dict[int, float], dict[int, float], dict[int, float], dict[int, float]]:
        """Train for an epoch; gives each lane's mean loss, accuracy, last learning rate and seconds; drops lanes that diverge."""
        count, lanes, rates = len(self.train), list(self.active), self._rates()
        epoch = self.array.epoch(
            self.data,
            self.train,
            self.optimizer.coming(rates),
            number=self.epoch,
            batch_size=self.config.batch_size,
            bptt=self.config.bptt,
            class_weights=self.class_weights,
        )
        result, seconds = self.engine.train_epoch(epoch)
        loss = dict(zip(lanes, (result.loss / count).tolist(), strict=True))
        accuracy = dict(zip(lanes, (result.correct / count).tolist(), strict=True))
        last = {
            lane: own[done - 1] for lane, own, done in zip(lanes, rates, result.steps.tolist(), strict=True)
        }
        self._freeze([lane for lane in lanes if math.isnan(loss[lane])])
        return loss, accuracy, last, dict(zip(lanes, seconds.tolist(), strict=True))

    def _rates(self) -> list[list[float]]:
        """Compute each active lane's learning rate at each step of this epoch."""
        steps = -(-len(self.train) // self.config.batch_size)
        done, total = (self.epoch - 1) * steps, steps * self.config.epochs
        by_settings = {
            h: [learning_rate(h.schedule, h.lr, done + step, total) for step in range(steps)]
            for h in {lane.hyperparameters for lane in self.array.lanes}
        }
        return [by_settings[lane.hyperparameters] for lane in self.array.lanes]

    def _validate(self, seconds: dict[int, float]) -> dict[int, tuple[float, float, float]]:
        """Give each lane's loss, accuracy and score by the metric on the validation part; drops lanes that diverged."""
        if not len(self.validation) or not self.active:
            return {}
        label = self.data.label[self.validation]
        logits, spent = self.array.logits(self.data, self.validation)
        for lane, own in zip(self.active, spent, strict=True):
            seconds[lane] += float(own)
        loss = self.engine.mean_losses(logits, label)
        predicted = logits.argmax(2)
        accuracy = [count / len(label) for count in (predicted == label).sum(1).tolist()]
        score = accuracy if self.metric == "accuracy" else self._scores(label, predicted)
        figures = zip(loss, accuracy, score, strict=True)
        found = dict(zip(self.active, figures, strict=True))
        self._freeze([lane for lane, (loss, *_) in found.items() if not math.isfinite(loss)])
        return {lane: found[lane] for lane in self.active}

    def _scores(self, label: Int64[Tensor, "n"], predicted: Int64[Tensor, "K n"]) -> list[float]:
        """Score each lane's predicted classes by the metric."""
        true, classes = label.cpu().numpy(), self.array.layout.classes
        counts = np.stack([confusion_matrix(true, own, classes) for own in predicted.cpu().numpy()])
        average = macro_f1 if self.metric == "macro_f1" else balanced_accuracy
        scores: list[float] = average(counts).tolist()
        return scores

    def _keep(self, lanes: Sequence[int]) -> None:
        """Copy these lanes' weights."""
        rows = [self.active.index(lane) for lane in lanes]
        if self.kept.device.type == "cuda":  # there a copy costs its launch; on cores one of all, its memory
            self.kept[list(lanes)] = self.array.params[rows]
            return
        for lane, row in zip(lanes, rows, strict=True):
            self.kept[lane] = self.array.params[row]

    def _freeze(self, diverged: Sequence[int]) -> None:
        """Stop these lanes for good; the weights kept so far stay."""
        for lane in diverged:
            self.progress[lane].stop_for("diverged")
        self._drop(diverged)

    def _drop(self, lanes: Sequence[int]) -> None:
        if not lanes:
            return
        rows = [row for row, lane in enumerate(self.active) if lane not in lanes]
        self.active = [self.active[row] for row in rows]
        self.array.select(rows)
        self.optimizer.select(torch.tensor(rows, dtype=torch.int64))

    def state_dict(self) -> dict[str, Tensor]:
        """Give everything that a later `load_state_dict` needs to go on with the same bits.

        As with torch's modules, the tensors may be those that the next epoch trains: write or copy them before it.
        """
        history, history_lane = history_tables(self.history, self.lanes)
        return {
            "epoch": torch.tensor([self.epoch]),
            "active": torch.tensor(self.active, dtype=torch.int64),
            "waiting": torch.tensor(self.waiting, dtype=torch.int64),
            "begun": torch.tensor(sorted(self.begun), dtype=torch.int64),
            "pause": torch.tensor([self.pause or 0]),
            "params": self.array.params,
            "kept": self.kept,
            "progress": progress_table(self.progress),
            "history": history,
            "history_lane": history_lane,
            **{f"optimizer.{name}": value for name, value in self.optimizer.state_dict().items()},
            **{f"parked.{name}": value for name, value in parked_table(self.parked, self.kept).items()},
        }

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from `state_dict` of a trainer that was made with the same arguments."""
        self.epoch = int(state["epoch"])
        self.active, self.waiting = state["active"].tolist(), state["waiting"].tolist()
        self.array.replace([self.lanes[lane] for lane in self.active], state["params"])
        self.optimizer = self._new_optimizer()
        self.begun, self.pause = set(state["begun"].tolist()), int(state["pause"]) or None
        self.optimizer.load_state_dict(part(state, "optimizer."))
        self.parked = read_parked(part(state, "parked."), self.kept)
        self.kept.copy_(state["kept"])
        self.progress = read_progress(state["progress"])
        self.history = read_history(state["history"], state["history_lane"], self.lanes, self.phase)
