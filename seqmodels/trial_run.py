"""One trial's work without any scheduler: train all lanes, choose a candidate, train it again if asked, read test once."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqsweep.seqmodels.architecture import Architecture
from seqsweep.seqmodels.backends.choosing import create_backend, cuda_fault
from seqsweep.seqmodels.data.dataset import SequenceDataset
from seqsweep.seqmodels.data.splits import Splits
from seqsweep.seqmodels.engine import create_engine
from seqsweep.seqmodels.footprint import Footprint
from seqsweep.seqmodels.hyperparameters import Lane
from seqsweep.seqmodels.lanes import device_tokens
from seqsweep.seqmodels.layout import Layout
from seqsweep.seqmodels.progress import EpochRecord, LaneProgress
from seqsweep.seqmodels.scoring import Evaluation, LaneOutcome, Scores, TrialOutcome
from seqsweep.seqmodels.training import Trainer
from seqsweep.seqmodels.training_config import TrainingConfig

ARITHMETIC = "arithmetic"  # in a state: of the backend that made it, as UTF-8 bytes


class TrialRun:
    """Trains one architecture on one data set.

    Args:
        architecture: what to train.
        dataset: on what.
        splits: its three parts.
        lanes: candidates x seeds.
        training: how.
        backend: name for `create_backend`.
        threads: lanes trained side by side; changes no number.
        device: where tensors live.
        memory: bytes of the device that the trial may take; lanes that do not fit wait until others have stopped. Changes no
            number.
    """

    def __init__(
        self,
        architecture: Architecture,
        dataset: SequenceDataset,
        splits: Splits,
        lanes: Sequence[Lane],
        training: TrainingConfig,
        *,
        backend: str = "auto",
        threads: int = 1,
        device: str = "cpu",
        memory: int | None = None,
    ) -> None:
        self.layout = Layout(architecture, dataset.feature_count, dataset.class_count)
        self.lanes = list(lanes)
        self.splits = splits
        self.training = training
        self.phase = "search"
        self._backend = create_backend(
            backend, device, precision=training.precision, hidden=architecture.hidden
        )
        self.slower: str | None = None
        """Why `auto` has come to `torch` on a GPU."""
        if device != "cpu" and backend == "auto" and self._backend.name == "torch":
            self.slower = cuda_fault(architecture.hidden)
        self._threads = threads
        self.footprint = Footprint.of(
            self.layout, self.lanes, dataset, splits, training, self._backend, threads
        )
        """What it takes."""
        self.lanes_at_once = len(self.lanes)
        """Most lanes in training at once."""
        if memory is not None:
            self.lanes_at_once = self.footprint.lanes_at_once(len(self.lanes), memory)
        self._data = device_tokens(dataset, device)
        self._search = self._trainer(self.lanes, splits.train, splits.validation)
        self._refit: Trainer | None = None
        self._outcome: TrialOutcome | None = None

    def _trainer(
        self,
        lanes: Sequence[Lane],
        train: NDArray[np.int64],
        validation: NDArray[np.int64],
        *,
        phase: str = "search",
        epoch_limits: Sequence[int] | None = None,
    ) -> Trainer:
        return Trainer(
            self.layout,
            lanes,
            self._data,
            train,
            validation,
            self.training,
            self._backend,
            phase=phase,
            lanes_at_once=self.lanes_at_once,
            epoch_limits=epoch_limits,
            threads=self._threads,
        )

    @property
    def backend_name(self) -> str:
        """Name the backend that `auto` came to."""
        return self._backend.name

    @property
    def parameter_count(self) -> int:
        """Count the trainable values of one lane."""
        return self.layout.parameter_count

    @property
    def done(self) -> bool:
        """Tell whether `outcome` is there."""
        return self.phase == "done"

    @property
    def work_done(self) -> int:
        """Count the epochs trained so far, added up over lanes."""
        return len(self._search.history) + (len(self._refit.history) if self._refit else 0)

    @property
    def work_total(self) -> int:
        """Estimate `work_done` at the end, as far as is known: it shrinks when lanes stop early."""
        if self._refit:
            left = self._refit.work_left
        else:
            left = self._search.work_left
            if self.training.refit and self.phase == "search":
                left += self.training.epochs * len({lane.seed for lane in self.lanes})
        return self.work_done + left

    def step(self) -> list[EpochRecord]:
        """Train every active lane for an epoch, or score when none is left. Returns the epoch's records."""
        if self.phase == "search":
            records = self._search.run_epoch()
            if self._search.done:
                self._begin_refit()
            return records
        if self.phase == "refit":
            assert self._refit is not None
            records = self._refit.run_epoch()
            if self._refit.done:
                self.phase = "score"
            return records
        if self.phase == "score":
            self._outcome = self._score()
            self.phase = "done"
        return []

    def outcome(self) -> TrialOutcome:
        """Give the results.

        Raises:
            RuntimeError: the trial is not done.
        """
        if self._outcome is None:
            raise RuntimeError(f"the trial is still in its {self.phase} phase")
        return self._outcome

    def chosen_candidate(self) -> int:
        """Choose the candidate with the best mean validation accuracy over seeds; a diverged seed counts as 0.

        Equal ones are told apart by their mean validation loss, then by their number.
        """

        def merit(candidate: int) -> tuple[float, float, int]:
            own = [
                p
                for lane, p in zip(self.lanes, self._search.progress, strict=True)
                if lane.candidate == candidate
            ]
            lost = [p.stopped == "diverged" for p in own]
            accuracy = [0.0 if bad else p.kept_accuracy for p, bad in zip(own, lost, strict=True)]
            loss = [math.inf if bad else p.kept_loss for p, bad in zip(own, lost, strict=True)]
            return sum(accuracy) / len(own), -sum(loss) / len(own), -candidate

        return max({lane.candidate for lane in self.lanes}, key=merit)

    def _begin_refit(self) -> None:
        chosen = self.chosen_candidate()
        members = [
            (lane, progress)
            for lane, progress in zip(self.lanes, self._search.progress, strict=True)
            if lane.candidate == chosen and progress.stopped != "diverged"
        ]
        if not self.training.refit or not members:
            self.phase = "score"
            return
        self.phase = "refit"
        self._refit = self._trainer(
            [lane for lane, _ in members],
            np.sort(np.concatenate([self.splits.train, self.splits.validation])),
            np.zeros(0, dtype=np.int64),
            phase="refit",
            epoch_limits=[progress.kept_epoch for _, progress in members],
        )

    def _score(self) -> TrialOutcome:
        chosen = self.chosen_candidate()
        train = self._evaluate(self._search, self.splits.train)
        validation = self._evaluate(self._search, self.splits.validation)
        final = self._refit or self._search
        chosen_lanes = [lane for lane in final.lanes if lane.candidate == chosen]
        sound = [lane for lane in chosen_lanes if _progress(final, lane).stopped != "diverged"]
        test = self._evaluate(final, self.splits.test, sound)
        lanes = [
            self._lane_outcome(lane, chosen, train[lane], validation[lane], test.get(lane))
            for lane in self.lanes
        ]
        models = {}
        for lane in sound:
            row = final.kept[final.lanes.index(lane)].cpu()
            models[lane.candidate, lane.seed] = {
                name: value.numpy() for name, value in self.layout.state_dict(row).items()
            }
        return TrialOutcome(
            lanes,
            self._search.history + (self._refit.history if self._refit else []),
            [
                *(
                    Scores.of(lane, "validation", self.splits.validation, validation[lane])
                    for lane in self.lanes
                ),
                *(Scores.of(lane, "test", self.splits.test, result) for lane, result in test.items()),
            ],
            models,
        )

    def _lane_outcome(
        self, lane: Lane, chosen: int, train: Evaluation, validation: Evaluation, test: Evaluation | None
    ) -> LaneOutcome:
        progress = _progress(self._search, lane)
        refit = _progress(self._refit, lane) if self._refit and lane in self._refit.lanes else None
        diverged = "diverged" in (progress.stopped, refit.stopped if refit else "")
        return LaneOutcome(
            candidate=lane.candidate,
            seed=lane.seed,
            hyperparameters=lane.hyperparameters,
            chosen=lane.candidate == chosen,
            epochs=progress.epochs,
            best_epoch=progress.kept_epoch,
            refit_epochs=refit.epochs if refit else None,
            stopped="diverged" if diverged else progress.stopped,
            train_loss=train.loss,
            train_accuracy=train.accuracy,
            validation_loss=validation.loss,
            validation_accuracy=validation.accuracy,
            test_loss=test.loss if test else None,
            test_accuracy=test.accuracy if test else None,
            seconds=progress.seconds + (refit.seconds if refit else 0.0),
        )

    def _evaluate(
        self, trainer: Trainer, index: NDArray[np.int64], lanes: Sequence[Lane] | None = None
    ) -> dict[Lane, Evaluation]:
        """Evaluate the kept weights of `lanes` (default: all of the trainer's) on some sequences."""
        lanes = trainer.lanes if lanes is None else lanes
        if not lanes:
            return {}
        engine = create_engine(self.layout, self._backend, threads=self._threads)
        sequences = torch.from_numpy(index.copy()).to(self._data.label)
        start, length, label = (
            part[sequences] for part in (self._data.start, self._data.length, self._data.label)
        )
        found: dict[Lane, Evaluation] = {}
        calls = self._backend.lanes_per_call
        few = self._threads * calls if calls else self.lanes_at_once  # copies of weights are made
        for first in range(0, len(lanes), few):
            part = lanes[first : first + few]
            params = trainer.kept[[trainer.lanes.index(lane) for lane in part]]
            logits, _ = engine.logits(params, self._data.tokens, start, length)
            found |= {lane: Evaluation.of(own, label) for lane, own in zip(part, logits, strict=True)}
        return found

    def state_dict(self) -> dict[str, Tensor]:
        """Give tensors from which `load_state_dict` goes on, bit for bit, in a trial made with the same arguments.

        As with torch's modules, they may be those that the next step trains: write or copy them before it.
        """
        state = {f"search.{name}": value for name, value in self._search.state_dict().items()}
        state[ARITHMETIC] = torch.tensor(list(self._backend.arithmetic.encode()), dtype=torch.uint8)
        if self._refit:
            state |= {f"refit.{name}": value for name, value in self._refit.state_dict().items()}
        return state

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from a `state_dict`. A finished trial is scored again by its next `step`.

        Raises ValueError where another backend or instruction set made it: half a training of each is neither.
        """
        made = bytes(state[ARITHMETIC].tolist()).decode()
        if made != self._backend.arithmetic:
            raise ValueError(f"the state is of {made}, but here trains {self._backend.arithmetic}")
        self.phase, self._refit, self._outcome = "search", None, None
        self._search.load_state_dict(_part(state, "search."))
        if self._search.done:
            self._begin_refit()
        if self._refit:
            self._refit.load_state_dict(_part(state, "refit."))
            if self._refit.done:
                self.phase = "score"


def _progress(trainer: Trainer, lane: Lane) -> LaneProgress:
    return trainer.progress[trainer.lanes.index(lane)]


def _part(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
