"""What `watch` prints of a job's log, and when: the log comes from a list, and stands still where the test says so."""

import io
import json
import threading
from collections.abc import Iterator
from typing import Any, cast

import pytest
from rich.console import Console

from seqsweep.cluster.errors import ClusterError
from seqsweep.cluster.jobs import Job, Jobs
from seqsweep.sweeps.live.state import SweepState
from seqsweep.sweeps.live.telemetry import Telemetry
from seqsweep.sweeps.live.trial_report import TrialReport, TrialSummary
from seqsweep.sweeps.live.trial_state import TrialState
from seqsweep.sweeps.remote import watch as watching
from seqsweep.sweeps.remote.submission import Submitted
from seqsweep.sweeps.remote.watch import watch, watch_json

PATIENCE = 60.0


class Log:
    """A cluster with one job, whose log is `lines`; it goes on no further than to where it is `held`."""

    address = "http://127.0.0.2:8265"

    def __init__(self, lines: list[str], fault: Exception | None = None) -> None:
        self.lines, self.fault = lines, fault
        self.held = len(lines)
        self.goes_on = threading.Event()

    def follow(self, name: str) -> Iterator[str]:
        for place, line in enumerate(self.lines):
            if place == self.held:
                assert self.goes_on.wait(PATIENCE)
            yield line
        if self.fault is not None:
            raise self.fault

    def get(self, name: str) -> Job:
        return Job(name, "SUCCEEDED", "", {}, 1.0, 2.0)


class Printed(io.StringIO):
    """Standard output that lets the log go on once a line says `until`."""

    def __init__(self, log: Log, until: dict[str, int]) -> None:
        super().__init__()
        self.log, self.until = log, until

    def write(self, text: str) -> int:
        if text.strip() and json.loads(text)["trials"] == self.until:
            self.log.goes_on.set()
        return super().write(text)


def submitted() -> Submitted:
    return Submitted("small-1", "/store", Job("small-1", "PENDING", "", {}, None, None))


def driver(*, finished: int) -> list[str]:
    """A driver's lines: of three trials so many had finished before, and the next one trains."""
    trials = [TrialState(name, f"gru x {name}", "gru", "strokes", 4, 10, 100.0) for name in "abc"]
    state = SweepState("small-1", trials, slots=1)
    for name in list(state.trials)[:finished]:
        state.finish(name, TrialSummary(0, (0.5,), (0.25,)))
    console = Console(file=io.StringIO(), width=80)
    display = Telemetry(console)
    if finished == len(trials):
        display.complete(state)
    else:
        with display.following(state):
            name = list(state.trials)[finished]
            state.start(name)
            state.report(name, TrialReport("n", 1, "search", epoch=1, lanes_active=4))
    return cast(io.StringIO, console.file).getvalue().split("\n")[:-1]


def counts(finished: int, running: int) -> dict[str, int]:
    waiting = 3 - finished - running
    return {"total": 3, "waiting": waiting, "running": running, "finished": finished, "failed": 0}


def test_json_tells_the_newest_state_though_nothing_follows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "JSON_SECONDS", 0.3)
    log = Log([*driver(finished=1), "the verdict"])
    log.held = len(log.lines) - 1  # the account of the running trial comes at once after the plan
    printed = Printed(log, counts(1, 1))
    assert watch_json(cast(Jobs, log), submitted(), Console(file=printed)) == 0
    assert log.goes_on.is_set()
    told: list[dict[str, Any]] = [json.loads(line) for line in printed.getvalue().splitlines()]
    assert [each["status"] for each in told] == ["running", "running", "succeeded"]
    assert [each["trials"]["running"] for each in told] == [0, 1, 1]


def test_a_resumed_sweep_that_had_nothing_left_has_its_receipt() -> None:
    console = Console(file=io.StringIO(), width=200)
    assert watch(cast(Jobs, Log(driver(finished=3))), submitted(), console) == 0
    printed = cast(io.StringIO, console.file).getvalue()
    assert "small-1 is finished, 3 of 3 trials: nothing is left to train\n" in printed
    assert "small-1 · 3 of 3 trials finished · 12 models" in printed
    assert "\x1e" not in printed


@pytest.mark.parametrize("verb", [watch, watch_json])
@pytest.mark.parametrize("fault", [ClusterError("the head is gone"), ValueError("of ours")])
def test_what_ends_the_log_ends_the_watch(verb: Any, fault: Exception) -> None:
    with pytest.raises(type(fault), match=str(fault)):
        verb(Log(driver(finished=0), fault), submitted(), Console(file=io.StringIO()))
