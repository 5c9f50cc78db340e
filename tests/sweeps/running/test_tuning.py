"""What is made of a trial's troubles, without Ray: events as Tune hands them over."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from seqsweep.cluster.local import ClusterError
from seqsweep.results.errors import Damaged, StoreError
from seqsweep.sweeps.live.state import SweepState
from seqsweep.sweeps.live.trial_report import TrialReport
from seqsweep.sweeps.live.trial_state import TrialState
from seqsweep.sweeps.running import tune
from seqsweep.sweeps.running.trainable import _of_the_place, _unfit
from seqsweep.sweeps.running.tune import LOW_MEMORY, RESTARTS, Watcher
from seqsweep.sweeps.versions import installed_versions


def watcher() -> tuple[Watcher, SimpleNamespace]:
    state = SweepState("s", [TrialState("a", "gru x 1 x 8", "gru", "letters", 4, 10, 1.0)], slots=1)
    trial = SimpleNamespace(config={"trial": "a"}, run_metadata=SimpleNamespace(num_failures=0))
    return Watcher(state, lambda _: None, state.say, lambda: None), trial


def result(**changes: Any) -> dict[str, Any]:
    plain = TrialReport(
        "n",
        1,
        "search",
        "cpu",
        epoch=1,
        lanes_active=4,
        validation_accuracy=0.5,
        work_total=40.0,
        busy_seconds=1.0,
    )
    return {**replace(plain, **changes).sent(), "training_iteration": 1}


def test_losses_count_only_without_progress() -> None:
    watch, trial = watcher()
    for resumed, failures, expected in ((0.0, 2, 2), (8.0, 2, 0), (8.0, 1, 1), (4.0, 2, 2), (12.0, 2, 0)):
        trial.run_metadata.num_failures = failures
        watch.on_trial_start(0, [], trial)
        watch.on_trial_result(0, [], trial, result(work_resumed=resumed))
        assert trial.run_metadata.num_failures == expected, resumed


def test_trouble_is_told_and_so_is_giving_up() -> None:
    watch, trial = watcher()
    watch.on_trial_start(0, [], trial)
    watch.on_trial_result(0, [], trial, result(trouble="StoreError: cannot write x: No space left on device"))
    watch.on_trial_recover(0, [], trial)
    watch.on_trial_start(0, [], trial)
    watch.on_trial_recover(0, [], trial)
    watch.on_trial_start(0, [], trial)
    watch.on_trial_result(0, [], trial, result(trouble="MemoryError: "))
    watch.on_trial_error(0, [], trial)
    title = watch.state.trials["a"].title
    assert [text for _, text in watch.state.events] == [
        f"{title}: StoreError: cannot write x: No space left on device; starting it again",
        f"{title}: its worker was lost; starting it again",
        f"{title} failed: MemoryError: ; given up after 3 times in a row without progress",
    ]
    assert watch.state.trials["a"].status == "failed"


def test_a_stall_is_counted_once_however_long_the_kill_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    now, killed = [100.0], []
    monkeypatch.setattr(tune.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(tune, "_end_process", lambda node, pid: killed.append((now[0], pid)))
    watch, trial = watcher()
    watch.stall_seconds = 4.0
    title = watch.state.trials["a"].title

    def pass_seconds(count: int) -> None:
        for _ in range(count):
            now[0] += 1.0
            watch._next_look = 0.0
            watch.on_step_end(0, [])

    watch.on_trial_start(0, [], trial)
    watch.on_trial_result(0, [], trial, result(pid=1))
    pass_seconds(16)
    assert killed == [(105.0, 1), (114.0, 1)], "tried again, after twice as long"
    watch.on_trial_recover(0, [], trial)
    watch.on_trial_start(0, [], trial)
    watch.on_trial_result(0, [], trial, result(pid=2))
    pass_seconds(9)
    assert killed[2:] == [(125.0, 2)], "twice as long for the next worker, and no longer"
    watch.on_trial_recover(0, [], trial)
    why = "its worker said nothing for {} s (`resources.stall_seconds`) and was killed; starting it again"
    assert [text for _, text in watch.state.events] == [f"{title}: {why.format(time)}" for time in (4, 8)]


def test_low_memory_counts_as_a_loss_of_whatever_ran() -> None:
    watch, trial = watcher()
    title = watch.state.trials["a"].title
    watch.on_low_memory()  # nothing ran
    for _ in range(RESTARTS + 1):
        watch.on_trial_start(0, [], trial)
        watch.on_low_memory()
    again = f"{title}: {LOW_MEMORY}; starting it again"
    given_up = f"{title} failed: {LOW_MEMORY}; given up after 3 times in a row without progress"
    assert [text for _, text in watch.state.events] == [again] * RESTARTS + [given_up]

    watch, trial = watcher()
    for resumed in range(1, RESTARTS + 3):
        watch.on_trial_start(0, [], trial)
        watch.on_trial_result(0, [], trial, result(work_resumed=float(resumed)))
        watch.on_low_memory()
    assert [text for _, text in watch.state.events] == [again] * (RESTARTS + 2)


def test_unfit_node_stops_the_sweep() -> None:
    watch, trial = watcher()
    watch.on_trial_start(0, [], trial)
    watch.on_trial_result(0, [], trial, result(unfit="node x has torch 1.0, but must have 2.0"))
    with pytest.raises(ClusterError, match=r"has torch 1\.0"):  # what an event raises itself, Tune swallows
        watch.on_step_end(0, [])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, None),
        ({"numpy": "0.1"}, None),
        ({"torch": torch.__version__.partition("+")[0] + "+cu999"}, None),
        ({"torch": "1.0"}, "but must have 1.0 as the driver's"),
        ({"seqsweep": "9.9"}, "but must have 9.9 as the driver's"),
        ({"seqsweep": "unknown"}, None),
    ],
)
def test_versions_that_compute_otherwise_are_refused(changes: dict[str, str], words: str | None) -> None:
    found = _unfit(installed_versions() | changes)
    assert found is None if words is None else words in found


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (StoreError("cannot write x: No space left on device"), True),
        (Damaged("x is damaged"), False),
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried ..."), True),
        (RuntimeError("CUDA error: device-side assert triggered"), True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), True),
        (RuntimeError("No CUDA GPUs are available"), True),
        (AssertionError("Torch not compiled with CUDA enabled"), True),
        (OSError("libkernels.so: cannot open shared object file"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("x"), False),
        (AssertionError(), False),
    ],
)
def test_what_is_the_place_s_fault(error: Exception, expected: bool) -> None:
    assert _of_the_place(error) is expected
