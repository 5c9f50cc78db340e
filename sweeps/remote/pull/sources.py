"""Where `seqsweep pull` gets a sweep from: an object store that this machine reaches, or a job on the cluster."""

from __future__ import annotations

import contextlib
import hashlib
import json
import queue
import secrets
import threading
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Protocol

from seqsweep.cluster.local import ClusterError
from seqsweep.cluster.records import received
from seqsweep.results.errors import StoreError
from seqsweep.sweeps.remote.pull.landing import Incoming
from seqsweep.sweeps.remote.pull.offer import Have, Offer, Sender
from seqsweep.sweeps.remote.pull.packing import INDEX
from seqsweep.sweeps.shipping import run_task

if TYPE_CHECKING:
    from seqsweep.cluster.jobs import Jobs

ROUND_BYTES = 256_000_000  # a job's log, on the head's disk, takes a third more
INDEX_BYTES = 200_000_000
SILENT_SECONDS = 120.0  # the cluster's part looks through the whole folder before it says anything
AHEAD = 100  # lines that are read before they are wanted


class Source(Protocol):
    """One store, as somebody who copies from it sees it."""

    def round(self, have: Have) -> AbstractContextManager[tuple[Offer, Iterator[Incoming]]]:
        """Fetch what `have` lacks, or a part of it, and those files in that order."""


class ObjectStore:
    """`s3://` and `gs://`, read with this machine's credentials."""

    def __init__(self, store: str, sweep: str) -> None:
        self.store = store
        self.sweep = sweep

    @contextmanager
    def round(self, have: Have) -> Iterator[tuple[Offer, Iterator[Incoming]]]:
        """All at once. Raises StoreError."""
        sender = Sender(self.store, self.sweep, have, None)

        def files() -> Iterator[Incoming]:
            for name, _ in sender.offer.send:
                content = memoryview(sender.read(name))
                yield Incoming(name, len(content), [content])

        yield sender.offer, files()


class Head:
    """A path on the cluster: its head sends the files through the log of a job.

    Args:
        jobs: of the cluster.
        store: the path there.
        sweep: the whole id.
        check: called often; may raise to end it all.
    """

    def __init__(self, jobs: Jobs, store: str, sweep: str, check: Callable[[], None]) -> None:
        self.jobs = jobs
        self.store = store
        self.sweep = sweep
        self.check = check

    @contextmanager
    def round(self, have: Have) -> Iterator[tuple[Offer, Iterator[Incoming]]]:
        """Fetch as much as one job's log may hold. Raises ClusterError, or StoreError for what the cluster says of its store."""
        name = f"pull-{secrets.token_hex(6)}"
        task = {
            "verb": "pack",
            "store": self.store,
            "sweep": self.sweep,
            "have": asdict(have),
            "limit": ROUND_BYTES,
        }
        run_task(self.jobs, task, name=name, workers=False, metadata={"seqsweep.pull": self.sweep})
        try:
            files = arriving(self._records(name))
            index = next(files, None)
            if index is None or index.name != INDEX or index.size > INDEX_BYTES:
                raise StoreError(f"the cluster's answer does not begin with an index of sweep {self.sweep}")
            yield read_offer(b"".join(index.content)), files
        finally:
            with contextlib.suppress(ClusterError):
                self.jobs.forget(name)

    def _records(self, name: str) -> Iterator[dict[str, Any]]:
        """The job's records up to its last, which is left out."""
        # a thread, so that a signal is heeded while nothing comes
        lines: queue.Queue[dict[str, Any] | BaseException | None] = queue.Queue(AHEAD)
        left = threading.Event()
        threading.Thread(target=_listen, args=(self.jobs, name, lines, left), daemon=True).start()
        try:
            heard = time.monotonic()
            while True:
                self.check()
                try:
                    record = lines.get(timeout=0.2)
                except queue.Empty:
                    if time.monotonic() - heard > SILENT_SECONDS:
                        raise ClusterError(
                            f"the cluster at {self.jobs.address} has said nothing for {SILENT_SECONDS:.0f} s"
                        ) from None
                    continue
                heard = time.monotonic()
                if isinstance(record, ClusterError):
                    raise ClusterError(f"{record}; trials that came whole stay: pull again") from record
                if isinstance(record, BaseException):
                    raise record
                if record is None:
                    raise ClusterError(f"the cluster's part of pull ended early: {self._last(name)}")
                if "problem" in record:
                    raise StoreError(f"on the cluster: {record['problem']}")
                if "end" in record:
                    return
                yield record
        finally:
            left.set()

    def _last(self, name: str) -> str:
        """Why a job ended, as far as the cluster tells."""
        job = self.jobs.get(name)
        lines = [line for line in job.message.splitlines() if line.strip() and not line.startswith("\x1e")]
        return lines[-1].strip()[:300] if lines else job.status.lower()


def arriving(records: Iterator[dict[str, Any]]) -> Iterator[Incoming]:
    """The files that `records` send. Each must be read to its end before the next is asked for.

    Raises:
        StoreError: what comes breaks the rules, or is not what was sent.
    """
    for record in records:
        name, size = record.get("file"), record.get("size")
        if not isinstance(name, str) or type(size) is not int or size < 0:
            raise StoreError("the cluster sent something else than a file's beginning")
        yield Incoming(name, size, _content(name, size, records))


def _content(name: str, size: int, records: Iterator[dict[str, Any]]) -> Iterator[bytes]:
    digest = hashlib.sha256()
    for record in records:
        if "sha256" in record:
            if record["sha256"] != digest.hexdigest() or size:
                break
            return
        try:
            piece = b64decode(record["data"], validate=True)
        except (KeyError, TypeError, ValueError):
            break
        digest.update(piece)
        size -= len(piece)
        yield piece
    raise StoreError(f"{name} was not received as it was sent; pull again")


def read_offer(content: bytes) -> Offer:
    """An index as `seqsweep.sweeps.remote.pull.packing` sends it. Raises StoreError for anything else."""
    try:
        offer = Offer(**json.loads(content))
        good = (
            all(isinstance(trial, str) for trial in offer.finished)
            and all(isinstance(name, str) and type(size) is int and size >= 0 for name, size in offer.send)
            and type(offer.later) is int
        )
    except (ValueError, TypeError, RecursionError):
        good = False
    if not good:
        raise StoreError("the cluster sent an index that is none")
    return offer


def _listen(
    jobs: Jobs,
    name: str,
    lines: queue.Queue[dict[str, Any] | BaseException | None],
    left: threading.Event,
) -> None:
    """Put the job's records into `lines` up to the last, then None; or what went wrong."""
    found: dict[str, Any] | BaseException | None = None
    try:
        # leaving the loop drops the generator, which closes the connection
        for record in received(jobs.follow(name)):
            if isinstance(record, str):
                continue
            if not _put(record, lines, left) or "end" in record or "problem" in record:
                return
    except Exception as error:
        found = error
    _put(found, lines, left)


def _put(
    record: dict[str, Any] | BaseException | None,
    lines: queue.Queue[dict[str, Any] | BaseException | None],
    left: threading.Event,
) -> bool:
    """Whether somebody still wanted it."""
    while not left.is_set():
        with contextlib.suppress(queue.Full):
            lines.put(record, timeout=0.2)
            return True
    return False
