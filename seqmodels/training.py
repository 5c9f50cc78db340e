"""The packed training loop: all lanes of an architecture, epoch by epoch, each stopping by its own rule."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float, Int64
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from seqsweep.seqmodels.backends.base import Backend, Epoch, EpochBackend
from seqsweep.seqmodels.hyperparameters import Hyperparameters, Lane
from seqsweep.seqmodels.lanes import LaneArray, Tokens
from seqsweep.seqmodels.layout import Layout
from seqsweep.seqmodels.optim import LaneOptimizer, tree_sum
from seqsweep.seqmodels.progress import (
    EpochRecord,
    LaneProgress,
    history_tables,
    progress_table,
    read_history,
    read_progress,
)
from seqsweep.seqmodels.randomness import permutation
from seqsweep.seqmodels.schedules import learning_rate
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
        lanes_at_once: most lanes in training; the others wait until these have stopped. No number depends on it.
        epoch_limits: most epochs of each lane, where they differ from `config.epochs`.
        threads, dtype: see `LaneArray`.
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
        self.epoch_limits = list(epoch_limits or [config.epochs] * len(self.lanes))
        self.array = LaneArray(
            layout,
            [],
            backend,
            bptt=config.bptt,
            threads=threads,
            dtype=dtype,
            device=data.tokens.device,
        )
        self.kept = self.array.params.new_zeros(len(self.lanes), layout.width)
        self.progress = [LaneProgress() for _ in self.lanes]
        self.history: list[EpochRecord] = []
        self._at_once = lanes_at_once or max(1, len(self.lanes))
        self.waiting = list(range(len(self.lanes)))
        self._begin()

    def _begin(self) -> None:
        """With the next lanes that wait."""
        self.active, self.waiting = self.waiting[: self._at_once], self.waiting[self._at_once :]
        self.array.begin([self.lanes[lane] for lane in self.active])
        self.optimizer = self._new_optimizer()
        self.kept[self.active] = self.array.params
        self.epoch = 0

    def _new_optimizer(self) -> LaneOptimizer:
        params = self.array.params
        settings = [lane.hyperparameters for lane in self.array.lanes]
        return LaneOptimizer(
            settings,
            params.shape[1],
            dtype=params.dtype,
            device=params.device,
            backend=self.array.step_backend,
        )

    @property
    def done(self) -> bool:
        """No lane is left to train."""
        return not self.active

    @property
    def work_left(self) -> int:
        """Most epochs that lanes may still take, added up."""
        left = self.active + self.waiting
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
            val_loss, val_accuracy = validation.get(lane, (None, None))
            if lane in self.active and progress.judge(
                self.config,
                self.epoch,
                loss[lane],
                val_loss,
                val_accuracy,
                limit=self.epoch_limits[lane],
                converges=self.phase == "search",
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
        self.history += records
        if not self.active and self.waiting:
            self._begin()
        return records

    def _train_epoch(self) -> tuple[dict[int, float], dict[int, float], dict[int, float], dict[int, float]]:
        """Mean loss, accuracy, last learning rate and seconds of each lane; drops lanes that diverge."""
        if self.array.epoch_backend is not None:
            return self._train_epoch_by(self.array.epoch_backend)
        count, size = len(self.train), self.config.batch_size
        steps = -(-count // size)
        order = {
            lane: torch.from_numpy(permutation(self.lanes[lane].seed, count, epoch=self.epoch)).to(self.train)
            for lane in self.active
        }
        loss = dict.fromkeys(self.active, 0.0)
        correct = dict.fromkeys(self.active, 0)
        seconds = dict.fromkeys(self.active, 0.0)
        rate: dict[int, float] = {}
        for step in range(steps):
            if not self.active:
                break
            batch = torch.stack(
                [self.train[order[lane][step * size : (step + 1) * size]] for lane in self.active]
            )
            result = self.array.step(self.data, batch, epoch=self.epoch, step=step)
            losses, corrects = result.loss.tolist(), result.correct.tolist()
            for row, lane in enumerate(self.active):
                loss[lane] += losses[row] * batch.shape[1]
                correct[lane] += corrects[row]
                seconds[lane] += float(result.seconds[row])
                rate[lane] = self._rate(self.lanes[lane].hyperparameters, step, steps)
            diverged = [
                lane for lane, value in zip(self.active, losses, strict=True) if not math.isfinite(value)
            ]
            if diverged:
                loss |= dict.fromkeys(diverged, math.nan)
                rows = [row for row, lane in enumerate(self.active) if lane not in diverged]
                grads = result.grads[rows]
                self._freeze(diverged)
                self.array.grads.copy_(grads)
            if self.active:
                self._update([rate[lane] for lane in self.active])
        mean = {lane: value / count for lane, value in loss.items()}
        return mean, {lane: value / count for lane, value in correct.items()}, rate, seconds

    def _train_epoch_by(
        self, backend: EpochBackend
    ) -> tuple[dict[int, float], dict[int, float], dict[int, float], dict[int, float]]:
        """The same by a backend that does all steps by itself."""
        begun = time.perf_counter()
        count, lanes = len(self.train), list(self.active)
        steps = -(-count // self.config.batch_size)
        by_settings = {
            settings: [self._rate(settings, step, steps) for step in range(steps)]
            for settings in {lane.hyperparameters for lane in self.array.lanes}
        }
        rates = [by_settings[lane.hyperparameters] for lane in self.array.lanes]
        epoch = Epoch(
            layout=self.array.layout,
            lanes=self.array.lanes,
            tokens=self.data.tokens,
            start=self.data.start,
            length=self.data.length,
            label=self.data.label,
            train=self.train,
            number=self.epoch,
            batch_size=self.config.batch_size,
            bptt=self.config.bptt,
            params=self.array.params,
            grads=self.array.grads,
            updates=self.optimizer.coming(rates, self._limits()),
        )
        result = backend.train_epoch(epoch)
        loss = dict(zip(lanes, (result.loss / count).tolist(), strict=True))
        accuracy = dict(zip(lanes, (result.correct / count).tolist(), strict=True))
        last = {
            lane: own[done - 1] for lane, own, done in zip(lanes, rates, result.steps.tolist(), strict=True)
        }
        self._freeze([lane for lane in lanes if math.isnan(loss[lane])])
        return loss, accuracy, last, dict.fromkeys(lanes, (time.perf_counter() - begun) / len(lanes))

    def _rate(self, settings: Hyperparameters, step: int, steps: int) -> float:
        """The learning rate at a step of this epoch, out of `steps`."""
        done, total = (self.epoch - 1) * steps + step, steps * self.config.epochs
        return learning_rate(settings.schedule, settings.lr, done, total)

    def _limits(self) -> list[float | None]:
        return [lane.hyperparameters.clip_norm for lane in self.array.lanes]

    def _update(self, rates: list[float]) -> None:
        self.optimizer.step(self.array.params, self.array.grads, rates, self._limits())

    def _validate(self, seconds: dict[int, float]) -> dict[int, tuple[float, float]]:
        if not len(self.validation) or not self.active:
            return {}
        label = self.data.label[self.validation]
        logits, spent = self.array.logits(self.data, self.validation)
        for lane, own in zip(self.active, spent, strict=True):
            seconds[lane] += float(own)
        if self.array.epoch_backend is not None:
            loss = _mean_losses(logits, label)
        else:
            loss = [float(functional.cross_entropy(own, label)) for own in logits]
        right = (logits.argmax(2) == label).sum(1).tolist()
        found = {
            lane: (own, count / len(label)) for lane, own, count in zip(self.active, loss, right, strict=True)
        }
        self._freeze([lane for lane, (loss, _) in found.items() if not math.isfinite(loss)])
        return {lane: found[lane] for lane in self.active}

    def _keep(self, lanes: Sequence[int]) -> None:
        """Copy these lanes' weights."""
        rows = [self.active.index(lane) for lane in lanes]
        if (
            self.array.epoch_backend is not None
        ):  # on a GPU a copy costs its launch; on cores one of all, its memory
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
            "params": self.array.params,
            "kept": self.kept,
            "progress": progress_table(self.progress),
            "history": history,
            "history_lane": history_lane,
            **{f"optimizer.{name}": value for name, value in self.optimizer.state_dict().items()},
        }

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from `state_dict` of a trainer that was made with the same arguments."""
        self.epoch = int(state["epoch"])
        self.active, self.waiting = state["active"].tolist(), state["waiting"].tolist()
        self.array.replace([self.lanes[lane] for lane in self.active], state["params"])
        self.optimizer = self._new_optimizer()
        prefix = "optimizer."
        self.optimizer.load_state_dict(
            {name.removeprefix(prefix): v for name, v in state.items() if name.startswith(prefix)}
        )
        self.kept.copy_(state["kept"])
        self.progress = read_progress(state["progress"])
        self.history = read_history(state["history"], state["history_lane"], self.lanes, self.phase)


def _mean_losses(logits: Float[Tensor, "K S C"], label: Int64[Tensor, "S"]) -> list[float]:
    """Mean cross-entropy of each lane in one wait for a GPU, not in one a lane; bits do not depend on K."""
    at_label = torch.log_softmax(logits, 2)[:, torch.arange(len(label), device=label.device), label]
    mean: list[float] = (-tree_sum(at_label) / len(label)).tolist()
    return mean
