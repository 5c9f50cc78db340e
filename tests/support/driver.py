"""`seqsweep run` as a process that tests can disturb."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.support.small_sweep import LONG, table, toml

# a checkpoint after every epoch, and the command as it is installed
DRIVER = """
import sys
from seqsweep.sweeps.running import sweep
sweep.CHECKPOINT_SECONDS = 0.0
from seqsweep.sweeps.cli.app import main
sys.exit(main())
"""
PATIENCE = 120.0


class Driver:
    """`seqsweep` in a process, session and temporary folder of its own."""

    def __init__(
        self,
        strokes: Path,
        folder: Path,
        *options: str,
        environment: Mapping[str, str] = os.environ,
        resources: Mapping[str, Any] | None = None,
        **streams: int,
    ) -> None:
        self.store = folder / "store"
        self.store.mkdir(exist_ok=True)
        self.temporary = Path(tempfile.mkdtemp(prefix="sq-", dir="/tmp"))  # short, for Ray's sockets
        spec = folder / "small.toml"
        spec.write_text(toml(table(strokes, epochs=LONG, resources=dict(resources or {}))))
        self.output = folder / "output.txt"
        environment = {**environment, "TMPDIR": str(self.temporary), "OMP_NUM_THREADS": "1"}
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", DRIVER, "run", str(spec), "--store", str(self.store), *options],
                env=environment,
                start_new_session=True,
                **({"stdout": output, "stderr": subprocess.STDOUT} | streams),
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

    def wait_for_workers(self) -> list[int]:
        """Those that train, once there are any: their titles change as they work, so that a second look may find none."""
        found: list[int] = []

        def some() -> bool:
            found[:] = self.workers()
            return bool(found)

        self.wait_for(some, "there was a worker")
        return found

    def wait_until_alone(self) -> None:
        self.wait_for(lambda: not self.offspring(), "Ray's processes were gone")

    def close(self) -> None:
        for process in self.offspring():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        self.process.wait(PATIENCE)
        shutil.rmtree(self.temporary, ignore_errors=True)
