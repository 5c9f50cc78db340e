"""Temporary folders that are cleared even after their process was killed: by the next one, and by nobody too early.

Each holds a file `.owner` that its maker keeps locked. The system releases the lock when the maker dies, however it dies, so a
folder whose lock can be taken is left over. It is removed only where it belongs to this user and was made on this machine: a
temporary folder may be shared with other users, and over a network with other machines.
"""

import contextlib
import fcntl
import os
import shutil
import signal
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from seqsweep import lock_owner
from seqsweep.cluster.places import candidates, session_base

PREFIX = "seqsweep-"
OWNER = ".owner"
WAIT_SECONDS = 2.0  # for processes that were told to end


@contextmanager
def session_folder() -> Iterator[str]:
    """Make a folder for Ray's session: removed afterwards, and its pointer files mislead no other Ray.

    What killed processes left is cleared first. Raises ClusterError where there is no place for it.
    """
    clear_left_over()
    with scratch_folder(base=session_base()) as folder:
        yield folder


@contextmanager
def scratch_folder(purpose: str = "", *, base: str | None = None) -> Iterator[str]:
    """Make a folder `seqsweep-<purpose>...` in `base` (default: the temporary folder), and remove it afterwards.

    Raises OSError where it cannot be made.
    """
    folder, lock = _make(f"{PREFIX}{purpose}", base or tempfile.gettempdir())
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def clear_left_over() -> list[str]:
    """Remove folders of this user's killed processes, and what still runs in them; says which.

    Two that clear at once do not meet: each folder's lock goes to one of them.
    """
    cleared = []
    for base in candidates():
        with contextlib.suppress(OSError):
            for entry in list(os.scandir(base)):
                if entry.name.startswith(PREFIX) and _clear(entry.path):
                    cleared.append(entry.path)
    return cleared


def _make(prefix: str, base: str) -> tuple[str, int]:
    """A new folder, and the descriptor of its locked `.owner`."""
    while True:
        folder = tempfile.mkdtemp(prefix=prefix, dir=base)
        lock = -1
        try:
            lock = os.open(f"{folder}/{OWNER}", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            with contextlib.suppress(OSError):  # a disk without locks: nobody can take it there either
                fcntl.flock(lock, fcntl.LOCK_EX)
            # somebody who clears may have been quicker than the lock
            if os.path.samestat(os.fstat(lock), os.stat(f"{folder}/{OWNER}")):
                os.write(lock, lock_owner.description())
                return folder, lock
        except FileNotFoundError:
            pass
        except BaseException:
            if lock >= 0:
                os.close(lock)
            shutil.rmtree(folder, ignore_errors=True)
            raise
        if lock >= 0:
            os.close(lock)


def _clear(folder: str) -> bool:
    """Remove `folder` if its maker is dead, and it is ours to remove."""
    try:
        found = os.lstat(folder)
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            return False
        lock = os.open(f"{folder}/{OWNER}", os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False  # without `.owner` there is no telling whose it is
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.path.samestat(os.fstat(lock), os.lstat(f"{folder}/{OWNER}")):
            return False
        owner = os.pread(lock, 10_000, 0)
        # without an owner, its maker was killed before it had written anything
        if owner and not lock_owner.was_here(owner):
            return False
        end_processes(folder)
        shutil.rmtree(folder, ignore_errors=True)
        return not os.path.lexists(folder)
    except OSError:  # a living one holds it, or locks are not to be had
        return False
    finally:
        os.close(lock)


def end_processes(folder: str) -> None:
    """End what a killed process left running in its folder: servers of its Ray, which notice its death late or never."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        left = _processes(folder)
        for pid in left:
            with contextlib.suppress(OSError):
                os.kill(pid, number)
        deadline = time.monotonic() + WAIT_SECONDS
        while left and _processes(folder) and time.monotonic() < deadline:
            time.sleep(0.05)


def _processes(folder: str) -> list[int]:
    """Processes of this user that Ray started for the session in `folder`: it is their working folder."""
    found = []
    with contextlib.suppress(OSError):
        place = os.stat(folder)
        for entry in os.scandir("/proc"):
            with contextlib.suppress(OSError, ValueError):
                ours = os.stat(entry.path).st_uid == os.getuid()
                # not everybody who has gone there, to look at the logs, say, is Ray's
                if (
                    ours
                    and os.path.samestat(os.stat(f"{entry.path}/cwd"), place)
                    and _is_rays(Path(entry.path))
                ):
                    found.append(int(entry.name))
    return found


def _is_rays(process: Path) -> bool:
    command = (process / "cmdline").read_bytes()
    return command.startswith(b"ray::") or b"/ray/" in command
