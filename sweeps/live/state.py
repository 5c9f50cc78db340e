"""What a running sweep looks like: its state, fed by events and free of Ray, and the time that is left."""

from __future__ import annotations

import heapq
import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, stdev
from typing import Any

from seqsweep.seqmodels.architecture import Architecture

GATES = {"rnn_tanh": 1, "rnn_relu": 1, "gru": 3, "lstm": 4}
ENOUGH_SECONDS = 1.0  # of a trial's own work before its own speed is believed
ENOUGH_TRIALS = 3  # finished ones before a range is shown
LARGE = (
    200  # trials, above which estimating the time left for each that ends would cost more than what it tells
)
ESTIMATING_SHARE = 0.05  # of the time, in a large sweep


def cost(architecture: Architecture, features: int, tokens: int) -> float:
    """Relative work of one lane's epoch: recurrent weights (gates x hidden x inputs) times tokens."""
    hidden, directions = architecture.hidden, architecture.directions
    inputs = features + (architecture.layers - 1) * hidden * directions
    weights = GATES[architecture.cell] * hidden * directions * (inputs + architecture.layers * hidden)
    return float(weights * tokens)


@dataclass
class TrialState:
    """One trial as it is seen from outside.

    Args:
        id: the plan's id.
        architecture, cell, dataset: what it trains, as shown.
        lanes: models in it.
        epochs: the most that a lane may train.
        cost: relative work of one lane's epoch.
    """

    id: str
    architecture: str
    cell: str
    dataset: str
    lanes: int
    epochs: int
    cost: float
    status: str = "waiting"  # running | finished | failed
    phase: str = ""
    epoch: int = 0
    active: int = 0
    diverged: int = 0
    work_done: float = 0.0
    work_total: float = 0.0
    work_resumed: float = 0.0  # of work_done, what an earlier run did
    busy_seconds: float = 0.0
    started: float = 0.0
    wall_seconds: float = 0.0
    accuracies: list[float] = field(default_factory=list)  # best lane's validation accuracy, epoch by epoch
    validation: tuple[float, ...] = ()
    test: tuple[float, ...] = ()
    message: str = ""

    @property
    def title(self) -> str:
        """`lstm x 2 x 100 · handwriting`."""
        return f"{self.architecture} · {self.dataset}"

    @property
    def planned(self) -> float:
        """Work as planned, before anything stopped early, in lane-epochs times cost."""
        return self.lanes * self.epochs * self.cost

    @property
    def units(self) -> float:
        """Work that `busy_seconds` were spent on."""
        return max(0.0, self.work_done - self.work_resumed) * self.cost


@dataclass(frozen=True)
class TimeLeft:
    """Seconds until the end; `low` and `high` are None until enough trials have finished to know the spread."""

    likely: float
    low: float | None = None
    high: float | None = None


class SweepState:
    """All trials of a sweep; methods take what happened, properties say how it stands.

    Args:
        title: name and id of the sweep, as shown.
        trials: in the order in which they start.
        slots: trials that may run at a time.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        title: str,
        trials: Iterable[TrialState],
        *,
        slots: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.title = title
        self.trials = {trial.id: trial for trial in trials}
        self.slots = max(1, slots)
        self.backend = ""
        self.slower = ""  # why it is not the best one
        self.note = ""
        self.gpus = 0  # of all nodes
        self.gpus_per_trial = 0.0
        self.events: deque[tuple[str, str]] = deque(maxlen=20)
        self.said = 0  # events in all
        self.clock = clock
        self.begun = clock()
        self._left: TimeLeft | None = None
        self._left_until = 0.0

    def start(self, trial: str) -> None:
        """The trial has got a worker, for the first time or again after its worker was lost."""
        state = self.trials[trial]
        state.status, state.started = "running", self.clock()
        state.phase, state.active, state.diverged = "", 0, 0
        state.work_done = state.work_total = state.work_resumed = state.busy_seconds = 0.0
        state.accuracies.clear()

    def report(self, trial: str, metrics: Mapping[str, Any]) -> None:
        """One epoch, as `seqsweep.sweeps.running.trainable.Trial.step` returns it."""
        state = self.trials[trial]
        self.backend = metrics["backend"] or self.backend
        if (why := metrics["slower"]) and why != self.slower:
            self.slower = why
            self.say(f"the slower `torch` backend trains on a GPU: {why}")
        state.phase = metrics["phase"]
        state.epoch = metrics["epoch"] or state.epoch
        state.active = state.lanes if metrics["lanes_active"] is None else metrics["lanes_active"]
        state.work_done, state.work_total = metrics["work_done"], metrics["work_total"]
        state.work_resumed, state.busy_seconds = metrics["work_resumed"], metrics["busy_seconds"]
        if metrics["validation_accuracy"] is not None:
            state.accuracies.append(metrics["validation_accuracy"])
        for event in metrics["diverged"]:
            state.diverged += 1
            self.say(f"{state.title}: {event}")

    def finish(self, trial: str, summary: Mapping[str, Any]) -> None:
        """Its tables are in the store; `summary` as `seqsweep.sweeps.running.rows.summary` makes it."""
        state = self.trials[trial]
        if state.status == "running":
            state.wall_seconds = self.clock() - state.started
        state.status, state.active, state.diverged = "finished", 0, summary["diverged"]
        state.validation, state.test = tuple(summary["validation"]), tuple(summary["test"])

    def fail(self, trial: str, message: str) -> None:
        """It will not be tried again."""
        state = self.trials[trial]
        state.status, state.active, state.message = "failed", 0, message
        self.say(f"{state.title} failed: {message}")

    def say(self, text: str) -> None:
        """Add to the latest events."""
        self.events.append((time.strftime("%H:%M"), text))
        self.said += 1

    def having(self, status: str) -> list[TrialState]:
        """Trials with this status, in their order."""
        return [trial for trial in self.trials.values() if trial.status == status]

    @property
    def elapsed(self) -> float:
        """Seconds since the state was made."""
        return self.clock() - self.begun

    @property
    def gpus_busy(self) -> float:
        """GPUs, or parts of them, that running trials have."""
        return min(self.gpus, len(self.having("running")) * self.gpus_per_trial)

    @property
    def lanes(self) -> dict[str, int]:
        """Models: total, done (stopped ones of running trials included), diverged, training, waiting."""
        total = sum(trial.lanes for trial in self.trials.values())
        training = sum(trial.active for trial in self.having("running"))
        # a trial that has not reported yet still waits
        waiting = sum(
            t.lanes
            for t in self.trials.values()
            if t.status == "waiting" or (t.status == "running" and not t.phase)
        )
        return {
            "total": total,
            "done": total - training - waiting,
            "diverged": sum(trial.diverged for trial in self.trials.values()),
            "training": training,
            "waiting": waiting,
        }

    def best(self) -> dict[str, TrialState]:
        """The finished trial with the highest mean validation accuracy, per data set."""
        found: dict[str, TrialState] = {}
        for trial in self.having("finished"):
            if trial.validation and not math.isnan(fmean(trial.validation)):
                rival = found.get(trial.dataset)
                if rival is None or fmean(trial.validation) > fmean(rival.validation):
                    found[trial.dataset] = trial
        return found

    def time_left(self) -> TimeLeft | None:
        """Measured seconds per unit of work, laid over the work that is left; None before anything is measured.

        A large sweep's may be a second old.
        """
        now = time.perf_counter()
        if len(self.trials) < LARGE or now >= self._left_until:
            self._left = self._time_left()
            self._left_until = now + (time.perf_counter() - now) / ESTIMATING_SHARE
        return self._left

    def _time_left(self) -> TimeLeft | None:
        speeds = _Speeds(trial for trial in self.trials.values() if trial.units > 0)
        if not speeds:
            return None
        ended = [trial for trial in self.having("finished") if trial.units > 0 and not trial.work_resumed]
        share = sum(t.work_done * t.cost for t in ended) / sum(t.planned for t in ended) if ended else 1.0
        overhead = fmean(max(0.0, t.wall_seconds - t.busy_seconds) for t in ended) if ended else 0.0

        running, waiting = [], []
        for trial in self.having("running"):
            if trial.work_total:
                left = (trial.work_total - trial.work_done) * trial.cost
                running.append(left * speeds.of(trial))
            else:
                running.append(overhead + trial.planned * share * speeds.of(trial))
        for trial in self.having("waiting"):
            waiting.append(overhead + trial.planned * share * speeds.of(trial))
        likely = _makespan(running, waiting, self.slots)
        if len(ended) < ENOUGH_TRIALS:
            return TimeLeft(likely)
        # how far off would this estimate have been for the trials whose end is known?
        errors = [
            math.log(
                max(t.wall_seconds, 1e-3)
                / max(overhead + t.planned * share * speeds.of(t, alone=False), 1e-3)
            )
            for t in ended
        ]
        spread = math.exp(stdev(errors))
        return TimeLeft(likely, likely / spread, likely * spread)


class _Speeds:
    """Seconds per unit of work: a trial's own, else its cell's on its data set, else its cell's, else everybody's."""

    def __init__(self, trials: Iterable[TrialState]) -> None:
        self.sums: dict[tuple[str, ...], tuple[float, float]] = {}
        for trial in trials:
            for key in self._keys(trial):
                seconds, units = self.sums.get(key, (0.0, 0.0))
                self.sums[key] = (seconds + trial.busy_seconds, units + trial.units)

    def __bool__(self) -> bool:
        return bool(self.sums)

    def of(self, trial: TrialState, *, alone: bool = True) -> float:
        if alone and trial.busy_seconds >= ENOUGH_SECONDS and trial.units > 0:
            return trial.busy_seconds / trial.units
        seconds, units = next(self.sums[key] for key in self._keys(trial) if key in self.sums)
        return seconds / units

    @staticmethod
    def _keys(trial: TrialState) -> list[tuple[str, ...]]:
        return [(trial.cell, trial.dataset), (trial.cell,), ()]


def _makespan(running: Sequence[float], waiting: Sequence[float], slots: int) -> float:
    """Seconds until the last ends, when each waiting trial takes the first slot that gets free.

    Where there is no slot just now (all nodes are gone), as if there were one.
    """
    slots = max(1, slots)
    ends = [*running, *[0.0] * (slots - len(running))]
    heapq.heapify(ends)
    for seconds in waiting:
        heapq.heappush(ends, heapq.heappop(ends) + seconds)
    return max(ends)
