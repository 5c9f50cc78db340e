"""Fetches data from an object store, once: what has not changed since is in the user's cache folder."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event

from seqsweep.cache import cache_folder
from seqsweep.results.retry import PATIENCE
from seqsweep.results.views.formats import duration, plural, size
from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.notes import log
from seqsweep.sweeps.datasets.objects import Objects, asked, find_objects

AT_ONCE = 16
CHUNK_BYTES = 8_000_000
SPARE_BYTES = 200_000_000  # that stay free on the disk of the cache
KEPT_SECONDS = 7 * 86_400  # since they were last read, that data are kept which have changed in the store
DEAD_SECONDS = 3 * PATIENCE  # since it last grew, that a half file is still somebody's
TELL_SECONDS = 10.0  # between two notes of how far it is
TEMPORARY = ".coming-"
CHANGED = "has changed while it was fetched: run again once nobody writes to it"


def fetch(uri: str) -> Path:
    """Bring what lies at `uri` to this disk, unless it is here, and say where: a file or folder of the same name.

    Several processes may do so at once: one fetches, the others wait for it. What was killed goes on with what is missing. Raises
    DataError where it cannot be read, does not fit on the disk, or changes meanwhile.
    """
    found = find_objects(uri)
    try:
        # of one URI all that it ever was lies in one folder
        own = cache_folder("data").absolute().resolve() / _digest(found.uri)
    except RuntimeError:  # pathlib's: the user has no home
        raise DataError([Problem(found.uri, "no folder can keep it: name one by $XDG_CACHE_HOME")]) from None
    folder = own / _digest(repr((sorted(found.files.items()), found.folders)))
    try:
        with _alone(own):
            missing = _missing(found, folder)
            _drop_old(own, folder)
            if missing:
                _fetch(found, missing, folder)
    except OSError as error:
        raise _not_kept(found.uri, error) from None
    return folder / found.name


def _not_kept(uri: str, error: OSError) -> DataError:
    place = f"the cache folder {cache_folder('data')}"
    rule = f"cannot be kept in {place}: {error.strerror or error}; $XDG_CACHE_HOME names another"
    return DataError([Problem(uri, rule)])


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:24]


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other processes of this machine from fetching the same; a killed one lets go by itself."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".lock", "ab") as lock:
        with suppress(OSError):  # network disks without locks: files come whole all the same
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _missing(found: Objects, folder: Path) -> list[str]:
    """Name the files that are not here, or not of their size."""
    for each in found.folders:
        (folder / each).mkdir(parents=True, exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    missing = []
    for name, (count, _) in found.files.items():
        try:
            if (folder / name).stat().st_size != count:
                missing.append(name)
        except FileNotFoundError:
            missing.append(name)
    return missing


def _fetch(found: Objects, missing: list[str], folder: Path) -> None:
    coming = sum(found.files[name][0] for name in missing)
    free = shutil.disk_usage(folder).free
    if coming + SPARE_BYTES > free:
        rule = (
            f"is {size(coming)}, but the disk of the cache folder {cache_folder('data')} has {size(free)} left, and keeps "
            f"{size(SPARE_BYTES)} free: name a folder on a larger one by $XDG_CACHE_HOME"
        )
        raise DataError([Problem(found.uri, rule)])
    queue, stop, arrived = deque(missing), Event(), [0] * AT_ONCE

    def work(place: int) -> None:
        while not stop.is_set():
            try:
                name = queue.popleft()
            except IndexError:
                return
            _fetch_one(found, name, folder, stop, arrived, place)

    begun = told = time.monotonic()
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        working: set[Future[None]] = {pool.submit(work, place) for place in range(min(AT_ONCE, len(missing)))}
        while working:
            done, working = wait(working, timeout=0.5, return_when=FIRST_EXCEPTION)
            for each in done:
                each.result()
            now = time.monotonic()
            if now - told > TELL_SECONDS and (here := sum(arrived)):
                left = (coming - here) * (now - begun) / here
                log.info(
                    "%s: %s of %s are here, about %s left",
                    found.uri,
                    size(here),
                    size(coming),
                    duration(left),
                )
                told = now
    finally:
        stop.set()  # an error, or a signal
        pool.shutdown()
    if find_objects(found.uri).files != found.files:
        raise DataError([Problem(found.uri, CHANGED)])
    log.info(
        "%s: fetched %s, %s, into %s",
        found.uri,
        plural(len(missing), "file"),
        size(coming),
        cache_folder("data"),
    )


def _fetch_one(found: Objects, name: str, folder: Path, stop: Event, arrived: list[int], place: int) -> None:
    """Fetch one object beside its place, and put it there when it is whole."""
    count, _ = found.files[name]
    uri = found.uri[: len(found.uri) - len(found.name)] + name
    # in the folder itself it would be taken for data, should this process be killed
    descriptor, path = tempfile.mkstemp(prefix=TEMPORARY, dir=folder.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            changed = DataError([Problem(uri, CHANGED)])

            def receive() -> None:
                with found.system.open_input_file(f"{found.above}/{name}" if found.above else name) as stream:
                    if stream.size() != count:
                        raise changed
                    stream.seek(file.tell())  # where a connection was lost
                    while file.tell() < count and not stop.is_set():
                        some = stream.read(CHUNK_BYTES)
                        if not some:
                            raise changed
                        try:
                            file.write(some)
                        except OSError as error:
                            raise _not_kept(found.uri, error) from None
                        arrived[place] += len(some)

            asked(uri, "read", PATIENCE, receive)
        if not stop.is_set():
            os.replace(path, folder / name)
    finally:
        with suppress(OSError):
            os.unlink(path)


def _drop_old(own: Path, folder: Path) -> None:
    """Delete what the URI was before, unless somebody has read it lately, and what killed processes left."""
    os.utime(folder)
    now = time.time()
    for each in own.iterdir():
        age = now - each.stat().st_mtime
        if each.name.startswith(TEMPORARY) and age > DEAD_SECONDS:
            each.unlink(missing_ok=True)
        elif each.is_dir() and each != folder and age > KEPT_SECONDS:
            shutil.rmtree(each, ignore_errors=True)
