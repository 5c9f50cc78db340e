"""Whatever dies, and however: no lane is lost, none is there twice, and every bit is as if nothing had happened."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console
from small_sweep import LONG, assert_same, newest, table, toml

from sweeps.run import resume_sweep

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="looks into /proc")

# a checkpoint after every epoch, and the command as it is installed
DRIVER = """
import sys
from sweeps import run
run.CHECKPOINT_SECONDS = 0.0
from sweeps.cli import main
sys.exit(main())
"""
PATIENCE = 120.0


class Driver:
    """`seqsweep` in a process, session and temporary folder of its own."""

    def __init__(self, strokes: Path, folder: Path, *options: str, epochs: int = LONG) -> None:
        self.store = folder / "store"
        self.temporary = Path(tempfile.mkdtemp(prefix="sq-", dir="/tmp"))  # short, for Ray's sockets
        spec = folder / "small.toml"
        spec.write_text(toml(table(strokes, epochs=epochs)))
        self.output = folder / "output.txt"
        environment = {**os.environ, "TMPDIR": str(self.temporary), "OMP_NUM_THREADS": "1"}
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", DRIVER, "run", str(spec), "--store", str(self.store), *options],
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )

    def offspring(self) -> list[int]:
        """Living processes of our session: the driver, Ray's servers and its workers."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):  # gone meanwhile
                    same = os.getsid(int(entry.name)) == self.process.pid
                    if same and "\nState:\tZ" not in (entry / "status").read_text():
                        found.append(int(entry.name))
        return found

    def wait_for(self, what: Callable[[], bool], why: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not what():
            assert time.monotonic() < deadline, f"waited in vain until {why}:\n{self.output.read_text()}"
            time.sleep(0.02)

    def wait_until_half_done(self) -> None:
        """A trial is finished, another is between two checkpoints."""

        def half_done() -> bool:
            assert self.process.poll() is None, self.output.read_text()
            return any(self.store.glob("*/lanes/[!.]*")) and any(self.store.glob("*/checkpoints/[!.]*"))

        self.wait_for(half_done, "one trial was finished and the next had a checkpoint")

    def workers(self) -> list[int]:
        """Those of our processes that train."""
        found = []
        for process in self.offspring():
            with contextlib.suppress(OSError):
                if b"Trainable" in Path(f"/proc/{process}/cmdline").read_bytes():
                    found.append(process)
        return found

    def wait_until_alone(self) -> None:
        self.wait_for(lambda: not self.offspring(), "Ray's processes were gone")

    def close(self) -> None:
        for process in self.offspring():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self.process.wait(PATIENCE)
        shutil.rmtree(self.temporary, ignore_errors=True)


@pytest.fixture
def driver(strokes: Path, tmp_path: Path) -> Iterator[Driver]:
    made = Driver(strokes, tmp_path, "--cpus", "1")
    yield made
    made.close()


@pytest.mark.parametrize("stop", ["SIGINT", "SIGTERM", "SIGKILL"])
def test_interrupted_or_killed_and_resumed(
    driver: Driver,
    stop: str,
    undisturbed: dict[str, pd.DataFrame],
    terminal: Console,
) -> None:
    driver.wait_until_half_done()
    number = signal.Signals[stop]
    if number == signal.SIGINT:
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
        assert (code, sweep.info["status"]) == (-signal.SIGKILL, "running")
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

    assert resume_sweep(driver.store, None, console=terminal) == 0
    assert newest(driver.store).info["status"] == "finished"
    assert_same(newest(driver.store), undisturbed)
    for name, when in before.items():
        file = driver.store / sweep.id / "lanes" / f"{name}.parquet"
        assert file.stat().st_mtime_ns == when, "what was finished was trained again"


def test_lost_worker_is_replaced(driver: Driver, undisturbed: dict[str, pd.DataFrame]) -> None:
    driver.wait_until_half_done()
    driver.wait_for(lambda: bool(driver.workers()), "there was a worker to kill")
    for worker in driver.workers():
        os.kill(worker, signal.SIGKILL)
    assert driver.process.wait(PATIENCE) == 0, driver.output.read_text()
    driver.wait_until_alone()
    assert newest(driver.store).info["status"] == "finished"
    assert_same(newest(driver.store), undisturbed)


def test_second_signal_leaves_at_once() -> None:
    program = """
import signal, sys, time
from sweeps.signals import Signals
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
