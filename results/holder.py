"""Who trains a sweep: a lock beside its results, which the system releases when its holder dies, however it dies."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from seqsweep import lock_owner
from seqsweep.results.errors import StoreError

if TYPE_CHECKING:
    from seqsweep.results.files import Folder

LOCK = ".running"
LOOK_SECONDS = 1.0  # that somebody who only looks may keep the lock at most


@contextmanager
def held(folder: Folder) -> Iterator[None]:
    """Keep a second process on this machine from training the sweep in `folder`, and show readers that it is being trained.

    In an object store there are no locks: there it does nothing. Raises StoreError where another process holds it.
    """
    if folder.local is None:
        yield
        return
    with open(folder.local / LOCK, "a+") as lock:
        _take(lock.fileno(), folder.local.name)
        # the file system may not show locks to other machines: they read here that they cannot know
        with suppress(OSError):  # a full disk
            os.ftruncate(lock.fileno(), 0)
            os.write(lock.fileno(), lock_owner.description())
        yield


def abandoned(folder: Folder) -> bool:
    """Tell whether the sweep in `folder` was being trained on this machine, and whoever did is dead.

    False where that cannot be known: in object stores, where it was trained by another machine, or where nobody has trained it
    yet.
    """
    if folder.local is None:
        return False
    try:
        lock = os.open(folder.local / LOCK, os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return lock_owner.was_here(os.read(lock, 10_000))
    except OSError:  # it is held, or there are no locks
        return False
    finally:
        os.close(lock)


def _take(lock: int, sweep: str) -> None:
    deadline = time.monotonic() + LOOK_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise StoreError(f"sweep {sweep} is being trained by another process") from None
            time.sleep(0.02)
        else:
            return
