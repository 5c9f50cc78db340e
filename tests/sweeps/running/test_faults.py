"""Whatever dies, and however: no lane is lost, none is there twice, and every bit is as if nothing had happened."""

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from seqsweep.cluster.memory import usable_memory
from seqsweep.sweeps.cli.running import resume_sweep
from tests.support.driver import PATIENCE, Driver
from tests.support.small_sweep import assert_same, newest
from tests.support.trained import resume

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="looks into /proc")


@pytest.fixture
def driver(strokes: Path, tmp_path: Path) -> Iterator[Driver]:
    made = Driver(
        strokes, tmp_path, "--cpus", "1", resources={"max_concurrent": 1}
    )  # by whom it is resumed, too
    yield made
    made.close()


@pytest.mark.parametrize("stop", ["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"])
def test_interrupted_or_killed_and_resumed(
    local_ray: None,
    driver: Driver,
    stop: str,
    undisturbed: dict[str, pd.DataFrame],
    terminal: Console,
) -> None:
    """From here on by this process's Ray; one that was stopped as others were, without any."""
    driver.wait_until_half_done()
    number = signal.Signals[stop]
    if number in (signal.SIGINT, signal.SIGHUP):
        os.killpg(driver.process.pid, number)  # as a terminal does it: everybody in the group gets it
    else:
        driver.process.send_signal(number)
    code = driver.process.wait(PATIENCE)
    if number == signal.SIGKILL:  # two of Ray's idle helpers take a minute to notice
        driver.wait_for(lambda: not driver.workers(), "its workers had noticed")
    else:
        driver.wait_until_alone()

    sweep = newest(driver.store)
    left = sweep.finished()
    assert 1 <= len(left) < 3
    if number == signal.SIGKILL:
        assert (code, sweep.info["status"]) == (-signal.SIGKILL, "interrupted"), "its lock is free"
    else:
        assert (code, sweep.info["status"]) == (128 + number, "interrupted")
        text = driver.output.read_text()
        assert f"seqsweep resume {sweep.id} --store {driver.store}" in text
        ours = (sweep.id, "[", f"stopped; {sweep.id} · ", "go on with: ")
        assert all(line.startswith(ours) for line in text.splitlines()), "nothing of Ray's, and no traceback"
        assert list(driver.temporary.iterdir()) == [], "Ray's session folder is removed"
    before = {
        name: (driver.store / sweep.id / "lanes" / f"{name}.parquet").stat().st_mtime_ns for name in left
    }

    if stop in ("SIGINT", "SIGKILL"):
        assert resume_sweep(driver.store, None, console=terminal) == 0
    else:
        resume(driver.store)
    assert newest(driver.store).info["status"] == "finished"
    assert_same(newest(driver.store), undisturbed)
    for name, when in before.items():
        file = driver.store / sweep.id / "lanes" / f"{name}.parquet"
        assert file.stat().st_mtime_ns == when, "what was finished was trained again"


def test_output_that_goes_away_ends_nothing(
    strokes: Path, tmp_path: Path, undisturbed: dict[str, pd.DataFrame]
) -> None:
    """As with `| head -1`: the reader of the lines leaves, and then the terminal of the full screen is closed, too."""
    master, terminal = pty.openpty()
    with closing(Driver(strokes, tmp_path, "--cpus", "1", stdout=subprocess.PIPE, stderr=terminal)) as driver:
        os.close(terminal)
        assert driver.process.stdout is not None
        assert b"3 trials" in driver.process.stdout.readline()
        driver.process.stdout.close()
        os.close(master)
        assert driver.process.wait(PATIENCE) == 3
    sweep = newest(driver.store)
    assert sweep.info["status"] == "finished"
    assert sweep.info["output_lost"].startswith("standard output was lost: Broken pipe")
    assert (
        "seqsweep: standard output was lost: Broken pipe" in (driver.store / sweep.id / "ray.log").read_text()
    )
    assert_same(sweep, undisturbed)


HOG = """
import sys
from seqsweep.cluster.memory import usable_memory
hog = []
while usable_memory().free > int(sys.argv[1]):
    hog.append(bytearray(b"x") * 100_000_000)
sys.stdin.read()
"""


def test_ray_ends_workers_of_a_node_that_runs_low_on_memory(
    strokes: Path, tmp_path: Path, undisturbed: dict[str, pd.DataFrame]
) -> None:
    memory = usable_memory()
    assert memory.free is not None
    low = memory.free - 3_000_000_000  # bytes free, below which Ray ends workers
    environment = {
        **os.environ,
        "RAY_memory_usage_threshold": f"{1 - low / memory.total:.4f}",
        "RAY_memory_monitor_refresh_ms": "50",
    }
    with closing(Driver(strokes, tmp_path, "--cpus", "1", environment=environment)) as driver:
        driver.wait_until_half_done()
        for worker in driver.wait_for_workers():
            os.kill(worker, signal.SIGSTOP)  # so that the sweep does not end meanwhile
        hog = [sys.executable, "-c", HOG, str(low - 500_000_000)]
        with subprocess.Popen(hog, stdin=subprocess.PIPE) as process:
            driver.wait_for(
                lambda: "starting it again" in driver.output.read_text(), "Ray had ended the worker"
            )
            process.kill()
        assert driver.process.wait(PATIENCE) == 0, driver.output.read_text()
    assert newest(driver.store).info["status"] == "finished"
    assert_same(newest(driver.store), undisturbed)


def test_second_signal_leaves_at_once() -> None:
    program = """
import signal, sys, time
from seqsweep.sweeps.running.signals import Signals
with Signals(lambda: print("restored", flush=True)) as signals, signals.deferred():
    print("ready", flush=True)
    time.sleep(60)
    time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        assert process.poll() is None, "the first one waits for a good moment"
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 130
        assert process.stdout.read() == "restored\n"


@pytest.mark.parametrize(
    ("sent", "code"),
    [(["HUP", "HUP"], 129), (["HUP", "TERM"], 143), (["TERM", "HUP"], 143)],
    ids=lambda each: "-".join(each) if isinstance(each, list) else "",
)
def test_a_closed_terminal_tells_it_several_times(sent: list[str], code: int) -> None:
    """By the system, the shell, the session's manager: nobody is impatient."""
    program = """
import sys, time
from seqsweep.sweeps.running.signals import Interrupted, Signals
try:
    with Signals() as signals, signals.deferred():
        print("ready", flush=True)
        for _ in range(2):
            time.sleep(0.3)
except Interrupted as stop:
    print("clean")
    sys.exit(stop.exit_code)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        for name in sent:
            process.send_signal(signal.Signals[f"SIG{name}"])
            time.sleep(0.1)
        assert process.wait(10) == code
        assert process.stdout.read() == "clean\n"


def test_a_hangup_that_is_ignored_at_the_start_stays_ignored() -> None:
    program = """
import os, signal
from seqsweep.sweeps.running.signals import Signals
with Signals() as signals:
    signals.install()
    os.kill(os.getpid(), signal.SIGHUP)
    print(signal.getsignal(signal.SIGHUP) is signal.SIG_IGN)
"""
    command = ["nohup", sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL)
    assert done.stdout == "True\n"


def test_children_are_spared_the_hangup() -> None:
    """A terminal's end reaches Ray's servers too, which would be gone before the sweep could stop."""
    program = """
import os, signal, subprocess, sys
from seqsweep.sweeps.running.signals import Signals
child = [sys.executable, "-c", "print(flush=True); input()"]
pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
with Signals() as signals, signals.deferred():
    with signals.kept_from_children():
        spared = subprocess.Popen(child, **pipes)
    other = subprocess.Popen(child, **pipes)
    for each in (spared, other):
        each.stdout.readline()
        each.send_signal(signal.SIGHUP)
        each.communicate("\\n")
    print(spared.returncode, other.returncode, flush=True)
    os.kill(os.getpid(), signal.SIGHUP)
    signals._caught, caught = None, signals._caught
print(caught)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "0 -1\n1\n"
