"""Starting Ray within bounds: with what fits this machine, in a stated time, and so that Ctrl-C is heard meanwhile.

Ray waits without end, in code where Python hears no signal. So another thread watches: it says what is waited for, and when time
is up, or somebody wants to stop, it ends Ray's half started processes and, if need be, this one.
"""

from __future__ import annotations

import math
import os
import resource
import select
import shlex
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqsweep.cluster.errors import ClusterError
from seqsweep.cluster.memory import usable_memory
from seqsweep.cluster.ray_log import says
from seqsweep.cluster.session_folder import end_processes

MEGABYTE = 1_000_000
SHARED_MEMORY = Path("/dev/shm")
STORE_SHARE = 0.3  # of the free memory, as Ray's own
STORE_LEAST, STORE_ENOUGH, STORE_MOST = 100 * MEGABYTE, 1000 * MEGABYTE, 200_000 * MEGABYTE
START_SECONDS = 300.0  # packages on a slow network disk take minutes
WORD_SECONDS = 60.0
STOP_SECONDS, END_SECONDS = 5.0, 15.0  # for Ray to come up, or to give up, before this process ends


class Stopped(Exception):
    """A signal came while Ray started."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(signal.Signals(number).name)


@dataclass(frozen=True)
class Watch:
    """Who is told of a start, from another thread than the one that starts.

    Args:
        tell: takes a sentence.
        leave: is called with the reason and the exit code before the process ends at once, as Ray could not be stopped.
    """

    tell: Callable[[str], None] = lambda _: None
    leave: Callable[[str, int], None] = lambda _, __: None


def options(folder: str) -> dict[str, Any]:
    """What `ray.init` must be told of this machine, as it would go by the root's limits, and want /dev/shm.

    `folder`: Ray's session folder.
    """
    memory = usable_memory()
    available = memory.total if memory.free is None else memory.free
    # the store is a file that every process maps whole
    bounds = available, _limit(resource.RLIMIT_AS), _limit(resource.RLIMIT_FSIZE)
    wanted = int(min(STORE_SHARE * min(bounds), STORE_MOST))
    shared = int(0.95 * shared_memory_left())
    found: dict[str, Any] = {}
    if sys.platform == "linux" and shared < min(wanted, STORE_ENOUGH):
        found["_plasma_directory"] = folder
        shared = shutil.disk_usage(folder).free // 2
    size = max(STORE_LEAST, min(wanted, shared) if sys.platform == "linux" else wanted)
    found |= {"object_store_memory": size, "_memory": max(STORE_LEAST, available - size)}
    if shlex.quote(sys.executable) != sys.executable:  # a worker's command goes through a shell
        found["runtime_env"] = {"py_executable": shlex.quote(sys.executable)}
    return found


def _limit(which: int) -> float:
    """Bytes that a process may have of it; infinite where there is no limit."""
    limit = resource.getrlimit(which)[0]
    return math.inf if limit == resource.RLIM_INFINITY else limit


def shared_memory_left(folder: Path = SHARED_MEMORY) -> int:
    """Bytes that may be written to /dev/shm; 0 where it is not there, or cannot be written."""
    try:
        return shutil.disk_usage(folder).free if os.access(folder, os.W_OK | os.X_OK) else 0
    except OSError:
        return 0


@contextmanager
def bounded(folder: str, watch: Watch, seconds: float = START_SECONDS) -> Iterator[None]:
    """Inside, Ray starts with `folder` as its session folder, for at most so long.

    Raises:
        ClusterError: time is up; with what Ray's log says.
        Stopped: a signal came.
    """
    if threading.current_thread() is not threading.main_thread():  # signals are not ours to hear
        yield
        return
    watcher = _Watcher(folder, watch, seconds)
    previous = signal.set_wakeup_fd(watcher.bell, warn_on_full_buffer=False)
    watcher.start()
    try:
        yield
    except BaseException as error:
        if watcher.late is not None:
            raise ClusterError(watcher.late) from error
        if watcher.caught is not None:
            raise Stopped(watcher.caught) from error
        raise
    finally:
        signal.set_wakeup_fd(previous)
        watcher.end()
    if watcher.caught is not None:
        raise Stopped(watcher.caught)


class _Watcher:
    """The thread beside; `late` is why time was up, `caught` the signal that came."""

    def __init__(self, folder: str, watch: Watch, seconds: float) -> None:
        self.folder, self.watch, self.seconds = folder, watch, seconds
        self.late: str | None = None
        self.caught: int | None = None
        self._ear, self.bell = os.pipe()
        for end in (self._ear, self.bell):
            os.set_blocking(end, False)
        self._thread = threading.Thread(target=self._run, name="watches Ray's start", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        os.write(self.bell, b"\0")
        self._thread.join()
        os.close(self._ear)
        os.close(self.bell)

    def _run(self) -> None:
        begun = time.monotonic()
        word, end = begun + min(WORD_SECONDS, self.seconds), begun + self.seconds
        while not self._over(min(word, end) - time.monotonic()):
            if self.caught is not None:
                if self._over(STOP_SECONDS, again=True):
                    return
                end_processes(self.folder)
                self._leave(f"stopped by {signal.Signals(self.caught).name}", 128 + self.caught)
            now = time.monotonic()
            if now >= end:
                self.late = f"Ray did not start within {self.seconds:g} s{says(self.folder)}; `seqsweep doctor` looks for causes"
                end_processes(self.folder)
                if self._over(END_SECONDS, again=True):
                    return
                self._leave(f"error: {self.late}", 2)
            if now >= word:
                word = now + WORD_SECONDS
                self.watch.tell(f"Ray has been starting for {now - begun:.0f} s{says(self.folder)}")

    def _over(self, seconds: float, *, again: bool = False) -> bool:
        """Wait so long, or until a signal comes; whether the start is over. `again`: a second signal need not be waited for."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if not select.select([self._ear], [], [], left)[0]:
                break
            heard = os.read(self._ear, 64)
            if 0 in heard:
                return True
            stopping = [
                number for number in heard if number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
            ]
            if stopping:
                if again:
                    break
                self.caught = stopping[0]
                break
        return False

    def _leave(self, reason: str, code: int) -> None:
        try:
            self.watch.leave(reason, code)
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
            os._exit(code)
