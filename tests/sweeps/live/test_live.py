"""The live view's state, fed by hand with a clock of its own, and what is drawn from it."""

import math
from dataclasses import replace
from io import StringIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from seqsweep.seqmodels.architecture import Architecture
from seqsweep.seqmodels.cost import GATES, cost
from seqsweep.sweeps.live import screen as live_view
from seqsweep.sweeps.live.display import Display
from seqsweep.sweeps.live.state import LARGE, SweepState
from seqsweep.sweeps.live.time_left import TimeLeft
from seqsweep.sweeps.live.trial_report import TrialReport, TrialSummary
from seqsweep.sweeps.live.trial_state import TrialState


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def trial(
    name: str,
    cell: str = "gru",
    dataset: str = "letters",
    *,
    lanes: int = 4,
    epochs: int = 10,
    weight: float = 1.0,
):
    return TrialState(name, f"{cell} x 1 x 8", cell, dataset, lanes, epochs, weight)


STEP = TrialReport(
    "n",
    1,
    "search",
    "torch",
    epoch=1,
    lanes_active=4,
    validation_accuracy=0.5,
    work_done=4.0,
    work_total=40.0,
    busy_seconds=2.0,
)


def metrics(**changes: Any) -> TrialReport:
    return replace(STEP, **changes)


def summary(test: tuple[float, ...] = (0.9, 0.8), diverged: int = 0) -> TrialSummary:
    return TrialSummary(diverged, test, test)


def run_through(state: SweepState, clock: Clock, name: str, seconds: float, *, work: float = 40.0) -> None:
    """A trial from start to finish in so many seconds, all of them training."""
    state.start(name)
    clock.now += seconds
    state.report(name, metrics(work_done=work, work_total=work, busy_seconds=seconds, lanes_active=0))
    state.finish(name, summary())


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_cost_follows_the_count_of_recurrent_weights() -> None:
    from torch import nn

    modules = {"rnn_tanh": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
    for cell, module in modules.items():
        for layers, bidirectional in ((1, False), (3, False), (2, True)):
            built = module(6, 5, layers, bias=False, bidirectional=bidirectional)
            weights = sum(parameter.numel() for parameter in built.parameters())
            found = cost(Architecture(cell, layers, 5, bidirectional), features=6, tokens=10)
            assert found == weights * 10, (cell, layers, bidirectional)
    assert GATES["rnn_relu"] == GATES["rnn_tanh"]


def test_lanes_are_counted_once(clock: Clock) -> None:
    state = SweepState("s", [trial("a"), trial("b"), trial("c")], slots=2, clock=clock)
    assert state.lanes == {"total": 12, "done": 0, "diverged": 0, "training": 0, "waiting": 12}
    run_through(state, clock, "a", 1.0)
    state.start("b")
    assert state.lanes == {"total": 12, "done": 4, "diverged": 0, "training": 0, "waiting": 8}
    state.report("b", metrics(lanes_active=3, diverged=("candidate 0 diverged at epoch 1",)))
    assert state.lanes == {"total": 12, "done": 5, "diverged": 1, "training": 3, "waiting": 4}
    assert state.events[-1][1] == "gru x 1 x 8 · letters: candidate 0 diverged at epoch 1"
    state.finish("b", summary(diverged=1))
    assert state.lanes == {"total": 12, "done": 8, "diverged": 1, "training": 0, "waiting": 4}


def test_lost_worker_starts_its_count_again(clock: Clock) -> None:
    state = SweepState("s", [trial("a")], slots=1, clock=clock)
    state.start("a")
    state.report("a", metrics(diverged=("x diverged",), work_done=20.0))
    state.start("a")
    assert state.lanes == {"total": 4, "done": 0, "diverged": 0, "training": 0, "waiting": 4}
    state.report("a", metrics(work_done=16.0, work_resumed=12.0, busy_seconds=1.0))
    assert state.time_left() == TimeLeft(6.0)  # 24 lane-epochs at a quarter of a second


def test_time_left_of_equal_trials_one_at_a_time(clock: Clock) -> None:
    state = SweepState("s", [trial(name) for name in "abcd"], slots=1, clock=clock)
    assert state.time_left() is None
    run_through(state, clock, "a", 10.0)
    assert state.time_left() == TimeLeft(30.0)
    state.start("b")
    state.report("b", metrics(work_done=20.0, busy_seconds=5.0))
    assert state.time_left() == TimeLeft(25.0)


def test_time_left_knows_that_trials_cost_differently(clock: Clock) -> None:
    trials = [trial("a", weight=1.0), trial("b", weight=7.0)]
    state = SweepState("s", trials, slots=1, clock=clock)
    run_through(state, clock, "a", 10.0)
    left = state.time_left()
    assert left is not None
    assert left.likely == pytest.approx(70.0)


def test_time_left_prefers_what_was_measured_nearest(clock: Clock) -> None:
    """The LSTM is ten times slower than its weights say: that is held against LSTMs only."""
    trials = [trial("a", "gru"), trial("b", "lstm"), trial("c", "gru"), trial("d", "lstm")]
    state = SweepState("s", trials, slots=1, clock=clock)
    run_through(state, clock, "a", 10.0)
    run_through(state, clock, "b", 100.0)
    left = state.time_left()
    assert left is not None
    assert left.likely == pytest.approx(110.0)


def test_time_left_with_two_slots_is_the_longer_one(clock: Clock) -> None:
    trials = [trial("a"), trial("b", weight=3.0), trial("c")]
    state = SweepState("s", trials, slots=2, clock=clock)
    run_through(state, clock, "a", 10.0)
    left = state.time_left()
    assert left is not None
    assert left.likely == pytest.approx(30.0)


def test_time_left_while_no_node_is_there(clock: Clock) -> None:
    state = SweepState("s", [trial(name) for name in "abc"], slots=1, clock=clock)
    run_through(state, clock, "a", 10.0)
    state.slots = 0  # every node has died
    assert state.time_left() == TimeLeft(20.0)


def test_trials_that_stopped_early_let_expect_the_same_of_others(clock: Clock) -> None:
    state = SweepState("s", [trial(name) for name in "abc"], slots=1, clock=clock)
    run_through(state, clock, "a", 5.0, work=20.0)
    left = state.time_left()
    assert left is not None
    assert left.likely == pytest.approx(10.0)


def test_range_is_as_wide_as_estimates_were_wrong(clock: Clock) -> None:
    steady = SweepState("s", [trial(name) for name in "abcd"], slots=1, clock=clock)
    for name in "abc":
        run_through(steady, clock, name, 10.0)
    left = steady.time_left()
    assert left is not None
    assert (left.low, left.likely, left.high) == (pytest.approx(10), pytest.approx(10), pytest.approx(10))

    uneven = SweepState("s", [trial(name) for name in "abcd"], slots=1, clock=clock)
    for name, seconds in zip("abc", (5.0, 10.0, 20.0), strict=True):
        run_through(uneven, clock, name, seconds)
    left = uneven.time_left()
    assert left is not None
    assert left.low is not None
    assert left.high is not None
    assert left.high / left.likely == pytest.approx(left.likely / left.low) == pytest.approx(2.0)


def test_a_large_sweep_estimates_within_a_share_of_the_time(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each estimate takes a second of this clock: then the next is due twenty seconds later."""
    real = Clock()
    monkeypatch.setattr("seqsweep.sweeps.live.state.time.perf_counter", real)
    state = SweepState("s", [trial(f"t{index}") for index in range(LARGE)], slots=1, clock=clock)
    asked = []

    def estimate(*_: object) -> TimeLeft:
        asked.append(real.now)
        real.now += 1.0
        return TimeLeft(100.0 - len(asked))

    monkeypatch.setattr("seqsweep.sweeps.live.state.estimate", estimate)
    found = []
    for _ in range(50):
        found.append(state.time_left())
        real.now += 1.0
    assert asked == [0.0, 20.0, 40.0]
    assert found[:2] == [TimeLeft(99.0), TimeLeft(99.0)]
    assert found[-1] == TimeLeft(97.0)


@given(st.lists(st.floats(0.001, 1e6), min_size=1, max_size=20), st.integers(1, 5))
def test_schedule_is_never_shorter_than_possible(seconds: list[float], slots: int) -> None:
    from seqsweep.sweeps.live.time_left import makespan

    found = makespan([], seconds, slots)
    bound = max(max(seconds), sum(seconds) / slots)
    assert bound * (1 - 1e-9) <= found <= (2 * bound) * (1 + 1e-9)  # Graham, 1966


def test_best_is_chosen_on_validation(clock: Clock) -> None:
    trials = [trial("a"), trial("b"), trial("c", dataset="sounds"), trial("d", dataset="noise")]
    state = SweepState("s", trials, slots=1, clock=clock)
    state.finish("a", TrialSummary(0, (0.9, 0.8), (0.1, 0.2)))
    state.finish("b", TrialSummary(0, (0.7, 0.8), (0.9, 0.9)))
    state.finish("d", TrialSummary(4, (math.nan, math.nan), ()))
    assert {name: best.id for name, best in state.best().items()} == {"letters": "a"}


PLAIN = """\
demo-123abc · 4 trials · 16 models
[1/4] gru x 1 x 8 · letters · validation 85.0 ±63.5 · test 85.0 ±63.5 · 10 s · about 30 s left
[2/4] lstm x 1 x 8 · letters · validation 75.0 · test 75.0 · 1 of 4 models diverged · 20 s · about 30 s left
[3/4] lstm x 1 x 8 · sounds · failed: ValueError: it broke
"""


def test_plain_lines(clock: Clock) -> None:
    trials = [
        trial("a", "gru"),
        trial("b", "lstm"),
        trial("c", "lstm", "sounds"),
        trial("d", "gru", "sounds"),
    ]
    console = Console(file=StringIO(), width=40)
    state = SweepState("demo-123abc", trials, slots=1, clock=clock)
    display = Display(console)
    with display.following(state):
        display.refresh()
        run_through(state, clock, "a", 10.0)
        display.ended("a")
        state.start("b")
        clock.now += 20.0
        state.report("b", metrics(work_done=40.0, work_total=40.0, busy_seconds=20.0, lanes_active=0))
        state.finish("b", summary((0.75,), diverged=1))
        display.ended("b")
        state.start("c")
        state.fail("c", "ValueError: it broke")
        display.ended("c")
    assert console.file.getvalue() == PLAIN
    assert (
        live_view.receipt(state)
        == "demo-123abc · 2 of 4 trials finished · 1 failed · 8 models · 1 diverged · 30 s"
    )


SCREEN = """\
demo · 2 trials at a time · torch backend
trials  ━━━━━━━━━━                      1/4   10 s · about 17 s left
models  5 of 16 done · 1 diverged │ 3 training │ 8 waiting
trial                    models   epoch   models/min   val
lstm x 1 x 8 · letters      3/4    3/10           24   ▁▅█ 60.0
best    letters  gru x 1 x 8  85.0 ±63.5 test
00:00   lstm x 1 x 8 · letters: candidate 1 (lr 0.1), seed 0 diverged at epoch 3, frozen
"""


def drawn(state: SweepState, width: int = 100, height: int = 24) -> str:
    console = Console(file=StringIO(), width=width, height=height, force_terminal=True, color_system=None)
    console.print(live_view.screen(state, height))
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines()) + "\n"


def test_screen(clock: Clock) -> None:
    trials = [trial("a"), trial("b", "lstm"), trial("c"), trial("d", "lstm", "sounds")]
    state = SweepState("demo", trials, slots=2, clock=clock)
    run_through(state, clock, "a", 10.0)
    state.start("b")
    for epoch, accuracy in enumerate((0.2, 0.4, 0.6), start=1):
        state.report(
            "b",
            metrics(
                epoch=epoch, validation_accuracy=accuracy, busy_seconds=epoch * 1.0, work_done=4.0 * epoch
            ),
        )
    event = "candidate 1 (lr 0.1), seed 0 diverged at epoch 3, frozen"
    state.report(
        "b",
        metrics(
            epoch=3,
            validation_accuracy=None,
            lanes_active=3,
            busy_seconds=3.0,
            work_done=12.0,
            diverged=(event,),
        ),
    )
    state.events[-1] = ("00:00", state.events[-1][1])
    assert drawn(state) == SCREEN
    state.gpus, state.gpus_per_trial = 8, 0.5
    assert drawn(state).startswith("demo · 2 trials at a time · 0.5 of 8 GPUs busy · torch backend\n")


def test_terminal_gets_a_screen_and_has_it_taken_away_again(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    console = Console(file=StringIO(), width=80, height=24, force_terminal=True)
    state = SweepState("demo", [trial("a")], slots=1, clock=clock)
    display = Display(console)
    with display.following(state):
        run_through(state, clock, "a", 10.0)
        display.ended("a")
        display.close()
        shown = console.file.getvalue()
        assert shown.startswith("\x1b[?1049h")
        assert "\x1b[?1049l" in shown
        assert shown.index("\x1b[?25l") < shown.rindex("\x1b[?25h"), "the cursor is hidden, then shown"
    assert console.file.getvalue() == shown, "closing twice does nothing"
    assert "[1/1]" not in shown


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb"), ("TERM", "unknown")])
def test_plain_lines_where_a_screen_is_not_wanted(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv(name, value)
    console = Console(file=StringIO(), width=80, force_terminal=True)
    with Display(console).following(SweepState("demo", [trial("a")], slots=1, clock=clock)):
        pass
    assert console.file.getvalue() == "demo · 1 trial · 4 models\n"


@given(
    running=st.integers(0, 40),
    finished=st.integers(0, 6),
    events=st.integers(0, 30),
    height=st.integers(10, 60),
)
def test_screen_fits(running: int, finished: int, events: int, height: int) -> None:
    clock = Clock()
    names = [f"t{index}" for index in range(running + finished)]
    state = SweepState(
        "demo", [trial(name, dataset=f"set {name}") for name in names], slots=running or 1, clock=clock
    )
    for name in names[:finished]:
        run_through(state, clock, name, 1.0)
    for name in names[finished:]:
        state.start(name)
        state.report(name, metrics())
    for index in range(events):
        state.say(f"event {index} " + "long " * 40)
    assert len(drawn(state, width=80, height=height).splitlines()) <= max(height, 7 + finished)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], ""),
        ([0.5], "▁"),
        ([0.0, 1.0], "▁█"),
        ([0.0, 0.5, 1.0], "▁▅█"),
        ([1.0, 0.0], "█▁"),
        ([index / 99 for index in range(100)], "▁▂▃▄▅▆▇█"),
    ],
)
def test_sparkline(values: list[float], expected: str) -> None:
    assert live_view.sparkline(values) == expected


@given(st.lists(st.floats(0, 1), max_size=50))
def test_sparkline_is_short(values: list[float]) -> None:
    line = live_view.sparkline(values)
    assert len(line) == min(len(values), live_view.SPARKS)
    assert set(line) <= set(live_view.BARS)


@pytest.mark.parametrize(
    ("left", "expected"),
    [
        (TimeLeft(3.4), "about 3 s left"),
        (TimeLeft(36.0), "about 35 s left"),
        (TimeLeft(36.0, 28.3, 44.0), "about 35 s left (28 s - 45 s)"),
        (TimeLeft(36.0, 35.0, 37.0), "about 35 s left"),
        (TimeLeft(62.0, 50.0, 75.0), "about 1 min 00 s left (50 s - 1 min 15 s)"),
        (TimeLeft(5000.0), "about 1 h 23 min left"),
    ],
)
def test_time_left_claims_no_more_than_is_known(left: TimeLeft, expected: str) -> None:
    assert live_view.time_left(left) == expected


def test_a_slower_backend_is_said_once_with_its_reason(clock: Clock) -> None:
    state = SweepState("demo", [trial("a"), trial("b")], slots=2, clock=clock)
    why = "the GPU has compute capability 7.5, but must have at least 8.0"
    for name in "ab":
        state.start(name)
        state.report(name, metrics(slower=why))
    assert [text for _, text in state.events] == [f"the slower `torch` backend trains on a GPU: {why}"]
