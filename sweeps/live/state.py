"""What a running sweep looks like: its state, fed by events and free of Ray."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterable
from statistics import fmean

from seqsweep.sweeps.live.time_left import TimeLeft, estimate
from seqsweep.sweeps.live.trial_report import TrialReport, TrialSummary
from seqsweep.sweeps.live.trial_state import TrialState

LARGE = (
    200  # trials, above which estimating the time left for each that ends would cost more than what it tells
)
ESTIMATING_SHARE = 0.05  # of the time, in a large sweep


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
        state.phase, state.active, state.waiting, state.diverged = "", 0, 0, 0
        state.work_done = state.work_total = state.work_resumed = state.busy_seconds = 0.0
        state.accuracies.clear()

    def report(self, trial: str, report: TrialReport) -> None:
        """Take in a step of a trial."""
        state = self.trials[trial]
        self.backend = report.backend or self.backend
        if report.slower and report.slower != self.slower:
            self.slower = report.slower
            self.say(f"the slower `torch` backend trains on a GPU: {report.slower}")
        state.phase = report.phase
        state.epoch = report.epoch or state.epoch
        state.active = state.lanes if report.lanes_active is None else report.lanes_active
        state.waiting = report.lanes_waiting
        state.work_done, state.work_total = report.work_done, report.work_total
        state.work_resumed, state.busy_seconds = report.work_resumed, report.busy_seconds
        if report.validation_accuracy is not None:
            state.accuracies.append(report.validation_accuracy)
        for event in report.diverged:
            state.diverged += 1
            self.say(f"{state.title}: {event}")

    def finish(self, trial: str, summary: TrialSummary) -> None:
        """Take in the end of a trial: its tables are in the store."""
        state = self.trials[trial]
        if state.status == "running":
            state.wall_seconds = self.clock() - state.started
        state.status, state.active, state.diverged = "finished", 0, summary.diverged
        state.validation, state.test = summary.validation, summary.test

    def fail(self, trial: str, message: str) -> None:
        """Take the trial as failed: it will not be tried again."""
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
        ) + sum(trial.waiting for trial in self.having("running"))
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
            self._left = estimate(self.trials.values(), self.slots)
            self._left_until = now + (time.perf_counter() - now) / ESTIMATING_SHARE
        return self._left
