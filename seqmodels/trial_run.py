"""One trial's work without any scheduler: search candidates, choose one, train it from fresh seeds, read test once."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

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
from seqsweep.seqmodels.search_rule import SearchRule, Standing
from seqsweep.seqmodels.tensor_buffer import part
from seqsweep.seqmodels.training import Trainer
from seqsweep.seqmodels.training_config import TrainingConfig

FULL = SearchRule()
ARITHMETIC = "arithmetic"  # in a state: of the backend that made it, as UTF-8 bytes


class TrialRun:
    """Trains one architecture on one data set.

    Args:
        architecture: what to train.
        dataset: on what.
        splits: its three parts.
        lanes: candidates x seeds.
        training: how.
        search: which candidates are tried how long, and which is chosen.
        final_seeds: from which the chosen candidate is trained once more, and then tested. Empty: its lanes of the search are
            tested themselves, after a refit where that is asked for.
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
        search: SearchRule = FULL,
        final_seeds: Sequence[int] = (),
        backend: str = "auto",
        threads: int = 1,
        device: str = "cpu",
        memory: int | None = None,
    ) -> None:
        self.layout = Layout(architecture, dataset.feature_count, dataset.class_count)
        self.lanes = list(lanes)
        self.splits = splits
        self.training = training
        self.rule = search
        self.final_seeds = tuple(final_seeds)
        self.phase = "search"
        self._stage = 0
        self._backend = create_backend(
            backend, device, precision=training.precision, hidden=architecture.hidden
        )
        self.slower: str | None = None
        """Why `auto` has come to `torch` on a GPU."""
        if device != "cpu" and backend == "auto" and self._backend.name == "torch":
            self.slower = cuda_fault(architecture.hidden)
        self._threads = threads
        firsts = {lane.candidate: number for number, lane in reversed(list(enumerate(self.lanes)))}
        self._first = {candidate: firsts[candidate] for candidate in sorted(firsts)}
        """The place of each candidate's lane that is trained at first."""
        self.footprint = Footprint.of(
            self.layout,
            self.lanes,
            dataset,
            splits,
            training,
            self._backend,
            threads,
            parks=len(self._first) if self._halves else 0,
        )
        """What it takes."""
        self.lanes_at_once = len(self.lanes)
        """Most lanes in training at once."""
        if memory is not None:
            self.lanes_at_once = self.footprint.lanes_at_once(len(self.lanes), memory)
        self._data = device_tokens(dataset, device)
        self._finalists = list(self._first)
        self._search = self._trainer(
            self.lanes,
            splits.train,
            splits.validation,
            begin=list(self._first.values()) if self._halves else None,
            pause=search.rung(training.epochs) if self._halves else None,
        )
        self._final: Trainer | None = None
        self._outcome: TrialOutcome | None = None

    @property
    def _halves(self) -> bool:
        return self.rule.method == "halving"

    def _trainer(
        self,
        lanes: Sequence[Lane],
        train: NDArray[np.int64],
        validation: NDArray[np.int64],
        *,
        phase: str = "search",
        converges: bool = True,
        begin: Sequence[int] | None = None,
        pause: int | None = None,
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
            metric=self.rule.metric,
            converges=converges,
            begin=begin,
            pause=pause,
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
        return len(self._search.history) + (len(self._final.history) if self._final else 0)

    @property
    def lanes_ended(self) -> int:
        """Count the lanes that have stopped for good: of the search and, where there are final seeds, of these."""
        own = [*self._search.progress, *(self._final.progress if self._final and self.final_seeds else [])]
        return sum(bool(progress.stop) for progress in own)

    @property
    def work_total(self) -> int:
        """Estimate `work_done` at the end, as far as is known: it shrinks when lanes stop early."""
        if self._final:
            return self.work_done + self._final.work_left
        if self.phase != "search":
            return self.work_done
        epochs = self.training.epochs
        return self.work_done + self._search.work_left + self._work_after() + epochs * self._finals_at_most()

    def _work_after(self) -> int:
        """Count the most lane-epochs of the search after its present stage."""
        if not self._halves or self._stage == 2:
            return 0
        seeds = max(Counter(lane.candidate for lane in self.lanes).values())
        stages = self.rule.stages(len(self._first), seeds, self.training.epochs)
        return sum(lanes * epochs for lanes, epochs in stages[self._stage + 1 :])

    def _finals_at_most(self) -> int:
        if self.final_seeds:
            return len(self.final_seeds)
        return len({lane.seed for lane in self.lanes}) if self.training.refit else 0

    def step(self) -> list[EpochRecord]:
        """Train every active lane for an epoch, or score when none is left. Returns the epoch's records."""
        if self.phase == "search":
            records = self._search.run_epoch()
            self._go_on()
            return records
        if self._final is not None and not self._final.done:
            records = self._final.run_epoch()
            if self._final.done:
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
        """Choose the candidate with the best mean score over seeds on the validation part, see `SearchRule.choose`."""
        found: dict[int, list[Standing]] = {candidate: [] for candidate in self._finalists}
        for place in sorted(self._search.begun):
            if (candidate := self.lanes[place].candidate) in found:
                found[candidate].append(self._standing(place))
        return self.rule.choose(found)

    def _standing(self, place: int) -> Standing:
        """Say how the lane at this place stands."""
        one = self._search.progress[place]
        return Standing(one.kept_score, one.kept_loss, one.stopped == "diverged", one.kept_epoch)

    def _go_on(self) -> None:
        """Decide who is trained on when all lanes have stopped or wait; pure in what the lanes have come to."""
        while self._search.done and self.phase == "search":
            if not self._halves or self._stage == 2:
                self._begin_final()
                return
            standings = {candidate: self._standing(self._first[candidate]) for candidate in self._finalists}
            if self._stage == 0:
                for place in self._first.values():
                    one = self._search.progress[place]
                    one.rung_score = one.kept_score
                schedules = {
                    candidate: self.lanes[place].hyperparameters.schedule
                    for candidate, place in self._first.items()
                }
                self._finalists = self.rule.going_on(standings, schedules) or self._finalists
                going = {self._first[candidate] for candidate in self._finalists}
                self._search.cut([lane for lane in self._search.parked if lane not in going])
                self._search.go_on(sorted(going))
            else:
                self._finalists = self.rule.finals(standings, len(self._first))
                self._search.go_on(
                    [n for n, lane in enumerate(self.lanes) if lane.candidate in self._finalists]
                )
            self._stage += 1

    def _begin_final(self) -> None:
        chosen = self.chosen_candidate()
        sound = [
            (self.lanes[place], standing.epochs)
            for place in sorted(self._search.begun)
            if self.lanes[place].candidate == chosen and not (standing := self._standing(place)).diverged
        ]
        refit = self.training.refit
        if not sound or not (refit or self.final_seeds):
            self.phase = "score"
            return
        members = [lane for lane, _ in sound]
        limits = [epochs for _, epochs in sound]
        self.phase = "refit"
        if self.final_seeds:
            self.phase = "final"
            members = [replace(members[0], seed=seed) for seed in self.final_seeds]
            # a refit has nothing to tell when to stop: the search's lanes do
            epochs = round(statistics.median(limits)) if refit else self.training.epochs
            limits = [epochs] * len(members)
        train, validation = self.splits.train, self.splits.validation
        if refit:
            train, validation = np.sort(np.concatenate([train, validation])), validation[:0]
        self._final = self._trainer(
            members,
            train,
            validation,
            phase=self.phase,
            converges=not refit,
            epoch_limits=limits,
        )

    def _score(self) -> TrialOutcome:
        chosen = self.chosen_candidate()
        trained = [self.lanes[number] for number in sorted(self._search.begun)]
        train = self._evaluate(self._search, self.splits.train, trained)
        validation = self._evaluate(self._search, self.splits.validation, trained)
        final = self._final or self._search
        chosen_lanes = [lane for lane in final.lanes if lane.candidate == chosen]
        sound = [lane for lane in chosen_lanes if _progress(final, lane).stopped != "diverged"]
        test = self._evaluate(final, self.splits.test, sound)
        lanes = [
            self._lane_outcome(lane, chosen, train[lane], validation[lane], test.get(lane))
            for lane in trained
        ]
        if self.final_seeds and self._final:
            lanes += self._final_outcomes(chosen_lanes, test)
        models = {}
        for lane in sound:
            row = final.kept[final.lanes.index(lane)].cpu()
            models[lane.candidate, lane.seed] = {
                name: value.numpy() for name, value in self.layout.state_dict(row).items()
            }
        return TrialOutcome(
            lanes,
            self._search.history + (self._final.history if self._final else []),
            [
                *(
                    Scores.of(lane, "validation", self.splits.validation, validation[lane])
                    for lane in trained
                ),
                *(Scores.of(lane, "test", self.splits.test, result) for lane, result in test.items()),
            ],
            models,
        )

    def _final_outcomes(self, lanes: Sequence[Lane], test: Mapping[Lane, Evaluation]) -> list[LaneOutcome]:
        """Say what became of the chosen candidate's lanes from the final seeds."""
        final = self._final
        assert final is not None
        train = self._evaluate(final, self.splits.train, lanes)
        held = {} if self.training.refit else self._evaluate(final, self.splits.validation, lanes)
        found = []
        for lane in lanes:
            progress = _progress(final, lane)
            found.append(
                LaneOutcome(
                    candidate=lane.candidate,
                    seed=lane.seed,
                    hyperparameters=lane.hyperparameters,
                    stage="final",
                    chosen=True,
                    epochs=progress.epochs,
                    best_epoch=progress.kept_epoch,
                    refit_epochs=progress.epochs if self.training.refit else None,
                    stopped=progress.stopped,
                    train_loss=train[lane].loss,
                    train_accuracy=train[lane].accuracy,
                    validation_loss=held[lane].loss if held else None,
                    validation_accuracy=held[lane].accuracy if held else None,
                    score=_known(progress.kept_score),
                    rung_score=None,
                    test_loss=test[lane].loss if lane in test else None,
                    test_accuracy=test[lane].accuracy if lane in test else None,
                    seconds=progress.seconds,
                )
            )
        return found

    def _lane_outcome(
        self, lane: Lane, chosen: int, train: Evaluation, validation: Evaluation, test: Evaluation | None
    ) -> LaneOutcome:
        progress = _progress(self._search, lane)
        final = self._final
        refit = _progress(final, lane) if final and lane in final.lanes else None
        diverged = "diverged" in (progress.stopped, refit.stopped if refit else "")
        return LaneOutcome(
            candidate=lane.candidate,
            seed=lane.seed,
            hyperparameters=lane.hyperparameters,
            stage="search",
            chosen=lane.candidate == chosen,
            epochs=progress.epochs,
            best_epoch=progress.kept_epoch,
            refit_epochs=refit.epochs if refit else None,
            stopped="diverged" if diverged else progress.stopped,
            train_loss=train.loss,
            train_accuracy=train.accuracy,
            validation_loss=validation.loss,
            validation_accuracy=validation.accuracy,
            score=_known(progress.kept_score),
            rung_score=_known(progress.rung_score),
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
            each[sequences] for each in (self._data.start, self._data.length, self._data.label)
        )
        found: dict[Lane, Evaluation] = {}
        calls = self._backend.lanes_per_call
        few = self._threads * calls if calls else self.lanes_at_once  # copies of weights are made
        for first in range(0, len(lanes), few):
            some = lanes[first : first + few]
            params = trainer.kept[[trainer.lanes.index(lane) for lane in some]]
            logits, _ = engine.logits(params, self._data.tokens, start, length)
            found |= {lane: Evaluation.of(own, label) for lane, own in zip(some, logits, strict=True)}
        return found

    def state_dict(self) -> dict[str, Tensor]:
        """Give tensors from which `load_state_dict` goes on, bit for bit, in a trial made with the same arguments.

        As with torch's modules, they may be those that the next step trains: write or copy them before it.
        """
        state = {f"search.{name}": value for name, value in self._search.state_dict().items()}
        state[ARITHMETIC] = torch.tensor(list(self._backend.arithmetic.encode()), dtype=torch.uint8)
        state["stage"] = torch.tensor([self._stage])
        state["finalists"] = torch.tensor(self._finalists, dtype=torch.int64)
        if self._final:
            state |= {f"final.{name}": value for name, value in self._final.state_dict().items()}
        return state

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from a `state_dict`. A finished trial is scored again by its next `step`.

        Raises ValueError where another backend or instruction set made it: half a training of each is neither.
        """
        made = bytes(state[ARITHMETIC].tolist()).decode()
        if made != self._backend.arithmetic:
            raise ValueError(f"the state is of {made}, but here trains {self._backend.arithmetic}")
        self.phase, self._final, self._outcome = "search", None, None
        self._stage, self._finalists = int(state["stage"]), state["finalists"].tolist()
        self._search.load_state_dict(part(state, "search."))
        self._go_on()
        if self._final:
            self._final.load_state_dict(part(state, "final."))
            if self._final.done:
                self.phase = "score"


def _progress(trainer: Trainer, lane: Lane) -> LaneProgress:
    return trainer.progress[trainer.lanes.index(lane)]


def _known(score: float) -> float | None:
    """Give a score, or None where nothing was scored."""
    return score if math.isfinite(score) else None
