"""Workers that never come, without Ray: after a minute a word, after `stall_seconds` the end, with what the log says."""

from pathlib import Path
from typing import Any

import pytest

from seqsweep.cluster.errors import ClusterError
from seqsweep.sweeps.live.state import SweepState
from seqsweep.sweeps.live.trial_state import TrialState
from seqsweep.sweeps.running.silence import Silence, Waiting
from seqsweep.sweeps.running.tune import Watcher


@pytest.fixture
def log(tmp_path: Path) -> Path:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "raylet.err").write_text("bash: line 1: /opt/my: No such file or directory\n")
    return tmp_path


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def silence(bound: float, waiting: Waiting) -> tuple[Silence, Clock, list[str]]:
    clock, told = Clock(), []
    return Silence(told.append, bound, lambda: waiting, clock), clock, told


def heard(quiet: Silence, clock: Clock, until: float) -> None:
    while clock.now < until:
        clock.now += 2
        quiet.listen()


CAUSE = "; Ray's log says: bash: line 1: /opt/my: No such file or directory"


def test_told_each_time_it_is_twice_as_long(log: Path) -> None:
    quiet, clock, told = silence(0, Waiting(True, log))
    quiet.listen()
    heard(quiet, clock, 500)
    assert told == [f"no worker has come for {n} s: waiting for one{CAUSE}" for n in (60, 120, 240, 480)]


@pytest.mark.parametrize(("bound", "end"), [(20, 60), (300, 300)])
def test_it_ends_with_the_cause(bound: float, end: float, log: Path) -> None:
    quiet, clock, told = silence(bound, Waiting(True, log))
    quiet.listen()
    heard(quiet, clock, end - 2)
    with pytest.raises(
        ClusterError, match=rf"no worker came within {end} s \(`resources\.stall_seconds`\){CAUSE}"
    ):
        heard(quiet, clock, end)
    assert len(told) == (0 if end == 60 else 3)


def test_a_cluster_that_others_use_is_waited_for() -> None:
    quiet, clock, told = silence(60, Waiting(False, None))
    quiet.listen()
    heard(quiet, clock, 100_000)
    assert told[0] == "no node has had room for a trial for 60 s: others use it; waiting"


def test_a_sign_of_life_starts_the_count_anew(log: Path) -> None:
    quiet, clock, told = silence(100, Waiting(True, log))
    for _ in range(10):
        clock.now += 50
        quiet.broken()
        quiet.listen()
    assert told == []


def test_the_watcher_listens_only_while_nobody_trains(log: Path) -> None:
    state = SweepState("s", [TrialState("a", "gru x 1 x 8", "gru", "letters", 4, 10, 1.0)], slots=1)
    watch = Watcher(state, lambda _: None, state.say, lambda: None, 60.0)
    quiet, clock, told = silence(60, Waiting(True, log))
    watch._silence = quiet
    step: Any = {"iteration": 0, "trials": []}

    def steps(seconds: float) -> None:
        clock.now += seconds
        watch._next_look = 0.0
        watch.on_step_end(**step)

    steps(0)
    state.slots = 0
    steps(1000)  # no node: that has been told
    state.slots = 1
    steps(59)
    assert told == []
    with pytest.raises(ClusterError, match="no worker came"):
        steps(1)
