"""Where Ray can keep the sockets, logs and objects of a session: the temporary folder, or another where that one is of no use."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import tempfile

from seqsweep.cluster.errors import ClusterError

MEGABYTE = 1_000_000
ROOM, LEAST_ROOM = 200 * MEGABYTE, 20 * MEGABYTE
LONGEST_SOCKET = 107  # characters of a socket's path
SOCKET = f"/seqsweep-12345678/session_2026-01-01_00-00-00_000000_{os.getpid()}/sockets/plasma_store"


def candidates() -> list[str]:
    """Temporary folders in the order in which they are asked: those that the user named, and those of every system."""
    named = [path for name in ("TMPDIR", "TEMP", "TMP") if (path := os.environ.get(name, "")).startswith("/")]
    with contextlib.suppress(FileNotFoundError):
        named.insert(0, tempfile.gettempdir())  # the first of those that takes a few bytes
    return list(dict.fromkeys([*named, "/tmp", "/var/tmp", "/dev/shm"]))


def session_base() -> str:
    """The first that will do. Raises ClusterError where none does."""
    faults: list[str] = []
    for room in (ROOM, LEAST_ROOM):
        faults = []
        for folder in candidates():
            why = fault(folder, room)
            if why is None:
                return folder
            faults.append(f"{folder} {why}")
    raise ClusterError(
        f"Ray has no temporary folder: {'; '.join(faults)}. Free some room, or set TMPDIR to a folder with a short path"
    )


def fault(folder: str, room: int = ROOM) -> str | None:
    """Why Ray's session cannot lie in `folder`, as the end of a sentence; None where it can. Leaves nothing there."""
    if len(os.fsencode(folder + SOCKET)) > LONGEST_SOCKET:
        return "has too long a path for sockets below it"
    try:
        place = tempfile.mkdtemp(prefix=".seqsweep-try-", dir=folder)
    except OSError as error:
        return _cannot(error)
    try:
        os.mkdir(f"{place}/sockets")
        with socket.socket(socket.AF_UNIX) as end:
            end.bind(f"{place}/sockets/s")
        with open(f"{place}/file", "wb") as file:
            file.write(b"?" * 4096)
            file.flush()
            os.fsync(file.fileno())
        free = shutil.disk_usage(place).free
    except OSError as error:
        return _cannot(error)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    if free < room:
        return f"has only {free / MEGABYTE:.0f} MB free"
    return None


def _cannot(error: OSError) -> str:
    return f"cannot be written ({error.strerror or error})"
