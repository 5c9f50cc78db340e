"""What a driver's records tell is the state that the driver itself has."""

import io
import itertools
import math
import time
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from seqsweep.cluster.records import received
from seqsweep.sweeps.live import telemetry
from seqsweep.sweeps.live.state import SweepState
from seqsweep.sweeps.live.telemetry import Telemetry, replay, state_from
from seqsweep.sweeps.live.trial_report import TrialReport, TrialSummary
from seqsweep.sweeps.live.trial_state import TrialState

NAMES = ("a", "b", "c")


def trials() -> list[TrialState]:
    return [TrialState(name, f"gru x {name}", "gru", "strokes", 4, 10, 100.0) for name in NAMES]


def metrics(epoch: int, accuracy: float | None, diverged: int) -> TrialReport:
    return TrialReport(
        "n",
        1,
        "search",
        "cpu",
        epoch=epoch,
        lanes_active=4 - diverged,
        validation_accuracy=accuracy,
        work_done=float(epoch),
        work_total=10.0,
        busy_seconds=epoch / 3,
        diverged=tuple(f"candidate 0, seed {seed} diverged" for seed in range(diverged)),
    )


def lines_of(console: Console) -> list[str]:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().split("\n")[:-1]


def assert_told(told: SweepState | None, state: SweepState) -> None:
    assert told is not None
    for name in ("title", "slots", "note", "backend", "gpus", "gpus_per_trial", "gpus_busy"):
        assert getattr(told, name) == getattr(state, name)
    assert list(told.trials) == list(state.trials)
    assert list(told.events) == list(state.events)
    assert told.lanes == state.lanes
    offset = time.time() - time.monotonic()
    for name in state.trials:
        found, expected = asdict(told.trials[name]), asdict(state.trials[name])
        started = expected.pop("started")
        assert found.pop("started") == pytest.approx(started + offset if started else 0.0, abs=0.1)
        assert repr(found) == repr(expected)  # NaN is not equal to itself


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("start"), st.sampled_from(NAMES)),
        st.tuples(
            st.just("report"),
            st.sampled_from(NAMES),
            st.integers(1, 10),
            st.none() | st.floats(0, 1),
            st.integers(0, 2),
        ),
        st.tuples(st.just("finish"), st.sampled_from(NAMES), st.lists(st.floats(0, 1) | st.just(math.nan))),
        st.tuples(st.just("fail"), st.sampled_from(NAMES)),
        st.tuples(st.just("slots"), st.integers(0, 9)),
        st.tuples(st.just("refresh")),
    ),
    max_size=30,
)


@given(STEPS)
def test_the_state_comes_through(steps: list[tuple[Any, ...]]) -> None:
    state = SweepState("small-1", trials(), slots=2)
    console = Console(file=io.StringIO(), width=80)
    display = Telemetry(console)
    with display.following(state):
        for what, *values in steps:
            if what == "start":
                state.start(values[0])
            elif what == "report":
                state.report(values[0], metrics(*values[1:]))
            elif what == "finish":
                state.finish(values[0], TrialSummary(1, tuple(values[1]), tuple(values[1][:2])))
                display.ended(values[0])
            elif what == "fail":
                state.fail(values[0], "it burned")
                display.ended(values[0])
            elif what == "slots":
                state.slots, state.gpus, state.gpus_per_trial = values[0], 2 * values[0], 0.5
            else:
                display.refresh()
    assert_told(state_from(lines_of(console), None), state)


def test_people_see_the_same_lines_as_without_records() -> None:
    printed = []
    for kind in (Telemetry, telemetry.Display):
        state = SweepState("small-1", trials(), slots=2, clock=itertools.count().__next__)
        console = Console(file=io.StringIO(), width=80)
        display = kind(console)
        with display.following(state):
            state.start("b")
            state.fail("b", "it burned")
            display.ended("b")
        printed.append([line for line in received(lines_of(console)) if isinstance(line, str)])
    assert printed[0] == printed[1]
    assert printed[0][-1].endswith("failed: it burned")


def test_a_sweep_that_has_nothing_left_is_told_too() -> None:
    state = SweepState("small-1", trials(), slots=1)
    for name in NAMES:
        state.finish(name, TrialSummary(0, (0.5,), (0.25,)))
    console = Console(file=io.StringIO(), width=80)
    Telemetry(console).complete(state)
    assert_told(state_from(lines_of(console), None), state)
    assert "small-1 is finished, 3 of 3 trials: nothing is left to train" in lines_of(console)


def test_a_large_sweep_reports_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    many = [TrialState(f"{place:012x}", "gru", "gru", "s", 4, 10, 1.0) for place in range(500)]
    state = SweepState("large-1", many, slots=500)
    console = Console(file=io.StringIO(), width=80)
    display = Telemetry(console)
    with display.following(state):
        for trial in state.trials:
            state.start(trial)
        begin = len("\n".join(lines_of(console)))
        seconds = 800
        for epoch in range(seconds):
            now += 1.0
            for trial in state.trials:
                state.report(trial, metrics(epoch, epoch / seconds, 0))
            display.refresh()
        written = len("\n".join(lines_of(console))) - begin
    assert written / seconds < 2 * telemetry.BYTES_A_SECOND
    assert written / seconds > telemetry.BYTES_A_SECOND / 4


def test_a_resumed_sweep_begins_again_and_other_records_change_nothing() -> None:
    console = Console(file=io.StringIO(), width=80)
    state = SweepState("small-1", trials(), slots=2)
    with Telemetry(console).following(state):
        state.start("a")
    again = SweepState("small-1", trials()[:2], slots=1)
    with Telemetry(console).following(again):
        again.start("b")
    told = state_from(lines_of(console), None)
    assert_told(told, again)
    assert replay({"file": "x"}, told) is told
    assert replay({"trials": {}}, None) is None


def test_a_line_that_was_cut_off_loses_no_more_than_itself() -> None:
    console = Console(file=io.StringIO(), width=80)
    state = SweepState("small-1", trials(), slots=2)
    with Telemetry(console).following(state):
        state.start("a")
        lines = lines_of(console)
    told = state_from([*lines, '\x1e{"whole":{"slots":3},"tri'], None)
    assert told is not None
    assert told.slots == 2
    assert state_from(["no record"], None) is None


def test_time_stands_still_when_the_job_has_ended() -> None:
    console = Console(file=io.StringIO(), width=80)
    state = SweepState("small-1", trials(), slots=2)
    with Telemetry(console).following(state):
        pass
    told = state_from(lines_of(console), time.time() + 100)
    assert told is not None
    assert told.elapsed == pytest.approx(100, abs=1)
