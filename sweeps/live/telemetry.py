"""A sweep's state as records that its driver prints, and the state again from them: for `watch` and `status`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

from rich.console import Console

from seqsweep.cluster import records
from seqsweep.sweeps.live.display import Display
from seqsweep.sweeps.live.state import SweepState
from seqsweep.sweeps.live.trial_state import TrialState

LEAST_SECONDS = 2.0  # between two accounts of running trials
BYTES_A_SECOND = 2000  # a job's log may grow by about so much
WHOLE = ("slots", "note", "backend", "gpus", "gpus_per_trial")
FIXED = ("id", "architecture", "cell", "dataset", "lanes", "epochs", "cost", "lane_epochs")


class Telemetry(Display):
    """Plain lines for people and, between them, records for programs; both on `console`.

    What has changed is sent when a trial starts, ends or says something, else so seldom that a large sweep's log stays small.
    """

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._sent: dict[str, dict[str, Any]] = {}
        self._said = 0
        self._note: dict[str, Any] | None = None
        self._next = 0.0
        self._since_1970 = 0.0

    def begin(self, state: SweepState) -> None:
        """Send the plan."""
        super().begin(state)
        self._plan()

    def complete(self, state: SweepState) -> None:
        """Send the plan, and that all of it is done."""
        super().complete(state)
        self._plan()

    def _plan(self) -> None:
        state = self.state
        self._since_1970 = time.time() - state.clock()
        trials = list(state.trials.values())
        self._send(
            {
                "title": state.title,
                "begun": time.time() - state.elapsed,
                "plan": [{name: getattr(trial, name) for name in FIXED} for trial in trials],
            }
        )
        self._sent = {trial.id: _changing(trial, 0.0) for trial in _fresh(trials)}
        self._account(trials)

    def end(self) -> None:
        """Send what has not been told yet."""
        self._account(list(self.state.trials.values()))
        super().end()

    def refresh(self) -> None:
        """Send what has changed, if it is time."""
        now = time.monotonic()
        note = _whole(self.state)
        if now >= self._next or note != self._note or self.state.said > self._said:
            sent = self._account(self.state.having("running"))
            self._next = now + max(LEAST_SECONDS, sent / BYTES_A_SECOND)

    def ended(self, trial: str) -> None:
        """Say and send how the trial ended."""
        super().ended(trial)
        self._account([self.state.trials[trial]])

    def _account(self, trials: list[TrialState]) -> int:
        """Send what is new about `trials`, and of the sweep as a whole; roughly how many bytes that took."""
        state = self.state
        changed = {}
        for trial in trials:
            now, before = _changing(trial, self._since_1970), self._sent[trial.id]
            news = {name: value for name, value in now.items() if value != before[name]}
            if news:
                if "accuracies" in news:  # an epoch each: only what has come to them
                    known = before["accuracies"]
                    kept = len(known) if now["accuracies"][: len(known)] == known else 0
                    news["accuracies"] = [kept, now["accuracies"][kept:]]
                changed[trial.id] = news
                self._sent[trial.id] = now
        note = _whole(state)
        said = list(state.events)[len(state.events) - min(len(state.events), state.said - self._said) :]
        if not changed and not said and note == self._note:
            return 0
        self._note, self._said = note, state.said
        return self._send(
            {
                "whole": note,
                "trials": changed,
                "events": said,
            }
        )

    def _send(self, record: dict[str, Any]) -> int:
        return records.send(record, self.console.file)


def replay(
    record: dict[str, Any], state: SweepState | None, clock: Callable[[], float] = time.time
) -> SweepState | None:
    """The state after `record`; a record of something else changes nothing. The state's clock is the wall's.

    A sweep that is resumed begins with its plan again.
    """
    if "plan" in record:
        trials = [TrialState(**each) for each in record["plan"]]
        state = SweepState(record["title"], trials, slots=1, clock=clock)
        state.begun = record["begun"]
        return state
    if state is None or "trials" not in record:
        return state
    for name, value in record["whole"].items():
        setattr(state, name, value)
    for name, news in record["trials"].items():
        trial = state.trials[name]
        for field, value in news.items():
            if field == "accuracies":
                kept, more = value
                trial.accuracies[kept:] = more
            else:
                setattr(trial, field, tuple(value) if field in ("validation", "test") else value)
    for event in record["events"]:
        state.events.append(tuple(event))
    return state


def _whole(state: SweepState) -> dict[str, Any]:
    """Give what may change of the sweep itself."""
    return {name: getattr(state, name) for name in WHOLE}


def _changing(trial: TrialState, since_1970: float) -> dict[str, Any]:
    """Give what may change; times, which the state counts on its own clock, `since_1970` later."""
    fields = asdict(trial)
    for name in FIXED:
        del fields[name]
    if trial.started:
        fields["started"] = round(trial.started + since_1970, 3)
    return fields


def _fresh(trials: list[TrialState]) -> list[TrialState]:
    """Make the same trials, as the plan alone tells of them."""
    return [TrialState(**{name: getattr(trial, name) for name in FIXED}) for trial in trials]


def state_from(lines: Iterable[str], ended: float | None) -> SweepState | None:
    """The state that a job's printed lines tell of, or None before it had one; time stands still since `ended`."""
    state = None
    for piece in records.received(lines):
        if isinstance(piece, dict):
            state = replay(piece, state)
    if state is not None and ended is not None:
        state.clock = lambda: ended
    return state
