"""The cluster's part of `seqsweep pull`: prints a sweep's files as records into the log of a short job.

An index comes first, then the files that it lists, each as a line with its name and size, lines of data in base64, and a
line with its SHA-256; a last line says that it was all. The job then waits until it is stopped, and empties its log: Ray
would keep it, and so the sweep twice, for as long as the cluster lives.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import stat
import time
from base64 import b64encode
from dataclasses import asdict
from typing import IO, TYPE_CHECKING, Any

from seqsweep.cluster.records import send
from seqsweep.results.errors import StoreError
from seqsweep.results.store import Store
from seqsweep.sweeps.remote.pull.offer import Have, Sender

if TYPE_CHECKING:
    import pyarrow as pa

INDEX = "index"
CHUNK_BYTES = 14_000  # 18,700 characters: Ray hands on a job's log in pieces of about 20,000
WAIT_SECONDS = 600.0  # for a client that does not say that it is done
SLOWEST = 50_000  # bytes a second that a client is expected to take at least


def pack(task: dict[str, Any], stream: IO[str]) -> int:
    """Send what `task` asks for (the arguments of `seqsweep.sweeps.remote.pull.offer.Sender`); returns the exit code."""
    signal.signal(signal.SIGTERM, _told)
    sent = 0
    try:
        try:
            if not Store(task["store"]).folder.present():
                raise StoreError(
                    f"there is no folder {task['store']} any more; was the cluster started anew?"
                )
            sender = Sender(task["store"], task["sweep"], Have(**task["have"]), task["limit"])
            sent = _file(INDEX, json.dumps(asdict(sender.offer)).encode(), stream)
            for name, _ in sender.offer.send:
                sent += _file(name, sender.read(name), stream)
            send({"end": True}, stream)
        except StoreError as error:
            send({"problem": str(error)}, stream)
        time.sleep(WAIT_SECONDS + sent / SLOWEST)
    finally:
        if stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            os.ftruncate(stream.fileno(), 0)
    return 0


def _file(name: str, content: bytes | pa.Buffer, stream: IO[str]) -> int:
    whole = memoryview(content)
    send({"file": name, "size": len(whole)}, stream)
    for first in range(0, len(whole), CHUNK_BYTES):
        send({"data": b64encode(whole[first : first + CHUNK_BYTES]).decode()}, stream)
    send({"sha256": hashlib.sha256(whole).hexdigest()}, stream)
    return len(whole)


def _told(*_: object) -> None:
    raise SystemExit(0)
