"""The folder that a sweep is brought into: names and content from elsewhere are checked, and nothing partial is shown.

Files are received into a hidden folder beside the results and renamed into place whole, a trial's marker last, so a killed
`pull` leaves finished trials only, and the next one sends the others again.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from seqsweep.results import gathered, parts
from seqsweep.results.errors import Damaged, StoreError
from seqsweep.results.files import Folder
from seqsweep.results.retry import LOOKING
from seqsweep.results.store import EXAMPLES_FILE, INFO, Store, check_id
from seqsweep.sweeps.remote.pull.offer import LOG, Have, Offer

STAGING = ".pull"
BESIDE = (EXAMPLES_FILE, LOG)  # files of the sweep that are no trial's
IDENTITY = ("created", "spec", "datasets")  # fields of sweep.json that never change
INFO_BYTES = 100_000_000  # a spec of 10,000 trials takes 20 kB, the list of as many failed ones some MB


@dataclass(frozen=True)
class Incoming:
    """A file on its way: `content` gives `size` bytes in pieces, and raises where they are not what was sent."""

    name: str
    size: int
    content: Iterable[bytes | memoryview]


class Landing:
    """Use inside `with`, which keeps other writers of the folder out.

    Args:
        store: a folder of this machine.
        sweep: the whole id.

    Raises:
        StoreError: also later: the folder is in use, cannot be written, or something in it is in the way.
    """

    def __init__(self, store: str, sweep: str) -> None:
        check_id(sweep, "sweep id")
        root = Folder.at(store).local
        if root is None:
            raise StoreError(f"--store is {store}, but must be a folder of this machine")
        self.sweep = sweep
        self.root = root
        self.path = root / sweep
        self.have = Have()
        self.arrived = 0  # trials
        self.bytes = 0
        self._expected: list[str] = []
        self._finished: set[str] = set()
        self._held: dict[str, str] = {}  # of the trial that is arriving: name -> SHA-256

    def __enter__(self) -> Landing:
        with contextlib.ExitStack() as stack, _explained():
            self._check_links()
            self.path.mkdir(parents=True, exist_ok=True)
            stack.callback(self._leave_nothing)
            lock = stack.enter_context(open(self.path / ".running", "a"))
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StoreError(
                    f"{self.path} is being written: another process of this machine trains or pulls the sweep"
                ) from None
            stack.callback(shutil.rmtree, self._staging, ignore_errors=True)
            self._clear()
            self._count()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def accept(self, offer: Offer) -> None:
        """Prepare for the files of `offer`, or raise StoreError before anything is changed."""
        self._finished = set(offer.finished)
        if lost := sorted(self.have.markers.keys() - self._finished):
            raise self._in_the_way(
                f"has trial `{lost[0]}`"
                + (f" and {len(lost) - 1} more" if len(lost) > 1 else "")
                + ", which the cluster's has not"
            )
        names = [name for name, _ in offer.send]
        if names[:1] != [INFO] or len(set(names)) != len(names):
            raise StoreError(f"what came for sweep {self.sweep} does not begin with {INFO}")
        seen: set[str] = set()
        for name in names[1:]:
            trial = parts.trial_of(name)
            if name not in BESIDE and (trial is None or trial not in self._finished or trial in seen):
                raise StoreError(f"{name!r} was sent as a file of sweep {self.sweep}, and must not be one")
            if trial is not None and name == parts.marker(trial):
                seen.add(trial)
        self._expected = names[::-1]
        coming = sum(size for _, size in offer.send)
        if (free := shutil.disk_usage(self.path).free) < coming:
            raise StoreError(
                f"{self.root} has {free / 1e6:,.0f} MB free, but {coming / 1e6:,.0f} MB are to come"
            )

    def take(self, file: Incoming) -> None:
        """Receive the next file; with a trial's last one, show the trial."""
        if not self._expected or file.name != self._expected[-1]:
            raise StoreError(f"{file.name!r} was sent as a file of sweep {self.sweep} out of its turn")
        self._expected.pop()
        with _explained():
            self._held[file.name] = self._receive(file)
            if file.name == INFO:
                self._check_info()
            trial = parts.trial_of(file.name)
            if trial is None or file.name == parts.marker(trial):
                self._show(trial)

    def complete(self) -> None:
        """Raise StoreError unless every expected file came."""
        if self._expected:
            raise StoreError(f"{self._expected[-1]} and {len(self._expected) - 1} more files did not come")

    def gather(self) -> None:
        """Make reading what came faster after the last round, as at a sweep's end."""
        with contextlib.suppress(StoreError):
            gathered.write(Folder.at(self.path, LOOKING))

    def _receive(self, file: Incoming) -> str:
        if file.name == INFO and file.size > INFO_BYTES:
            raise StoreError(f"{INFO} has {file.size} bytes, but may have {INFO_BYTES}")
        digest, size = hashlib.sha256(), 0
        with self._staged(file.name).open("xb") as stream:
            for piece in file.content:
                size += len(piece)
                if size > file.size:
                    break
                stream.write(piece)
                digest.update(piece)
        if size != file.size:
            raise StoreError(f"{file.name} came with another size than {file.size} bytes")
        self.bytes += size
        return digest.hexdigest()

    def _check_info(self) -> None:
        """`sweep.json` as it came is one, of this sweep, and of the one that is here."""
        new = Store(self._staging).find(self.sweep).info
        if new.get("id") != self.sweep:
            raise StoreError(f"the cluster's {INFO} of sweep {self.sweep} is of {new.get('id')!r}")
        try:
            old = Store(self.root).find(self.sweep).info if (self.path / INFO).exists() else new
        except Damaged:
            return
        for field in IDENTITY:
            if old.get(field) != new.get(field):
                raise self._in_the_way(f"is another sweep of the same id: `{field}` differs")

    def _show(self, trial: str | None) -> None:
        """Rename what is held into place, in the order in which it came."""
        for name in self._held:
            target = self.path / name
            target.parent.mkdir(exist_ok=True)
            os.replace(self._staged(name), target)
            self.have.sizes[name] = target.stat().st_size
        if trial is not None:
            self.have.markers[trial] = self._held[parts.marker(trial)]
            self.arrived += 1
        self._held.clear()

    def _staged(self, name: str) -> Path:
        # checked by the store's own reader, `sweep.json` lies in a folder that is called like the sweep
        return self._staging / self.sweep / name.replace("/", "~")

    @property
    def _staging(self) -> Path:
        return self.path / STAGING

    def _clear(self) -> None:
        """An empty staging folder, whatever a killed process left."""
        shutil.rmtree(self._staging, ignore_errors=True)
        (self._staging / self.sweep).mkdir(parents=True)

    def _count(self) -> None:
        """Count what is here."""
        found = parts.sizes(Folder.at(self.path))
        self.have.sizes.update(found)
        for name in BESIDE:
            if (self.path / name).is_file():
                self.have.sizes[name] = (self.path / name).stat().st_size
        for trial in parts.by_trial(found):
            with open(self.path / parts.marker(trial), "rb") as stream:
                self.have.markers[trial] = hashlib.file_digest(stream, "sha256").hexdigest()

    def _check_links(self) -> None:
        """A folder that is a link would lead what is written out of the sweep's folder."""
        for path in (
            self.path,
            *(self.path / name for name in (*parts.FOLDERS, gathered.PLACE, STAGING, ".running")),
        ):
            if path.is_symlink():
                raise StoreError(f"{path} is a link; pull writes into plain folders only")

    def _leave_nothing(self) -> None:
        """Remove the folder if nothing has come."""
        if not any(path.name != ".running" for path in self.path.iterdir()):
            shutil.rmtree(self.path, ignore_errors=True)

    def _in_the_way(self, what: str) -> StoreError:
        return StoreError(
            f"{self.path} {what}: pull does not overwrite it; move it away, or pull into another --store"
        )


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = f" {error.filename}" if error.filename else ""
        raise StoreError(f"cannot write{where}: {error.strerror or error}") from None
