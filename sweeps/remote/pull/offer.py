"""What a sweep's folder has that a copy of it lacks: worked out where the sweep lies, for `seqsweep pull`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from seqsweep.results import parts
from seqsweep.results.store import EXAMPLES_FILE, INFO, Store

if TYPE_CHECKING:
    import pyarrow as pa

    from seqsweep.results.files import Folder

LOG = "ray.log"
LOG_BYTES = 16_000_000  # of its end


@dataclass(frozen=True)
class Have:
    """What a copy has: bytes of each file, and the SHA-256 (hex) of each finished trial's marker."""

    sizes: dict[str, int] = field(default_factory=dict)
    markers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Offer:
    """What is sent: names and bytes, in order. `finished`: trials that are where the sweep lies; `later`: bytes left over."""

    finished: Sequence[str]
    send: Sequence[tuple[str, int]]
    later: int


class Sender:
    """Reads a sweep's folder for somebody who has `have`. Raises StoreError where it cannot be read, or holds no sweep.

    Args:
        store: path or URI.
        sweep: its whole id.
        have: what is not sent again.
        limit: bytes at most, but one trial at least; None for all.
    """

    def __init__(self, store: str, sweep: str, have: Have, limit: int | None) -> None:
        self.folder = Store(store).find(sweep).folder
        self._kept = {INFO: self.folder.read_sealed(INFO)}
        found = parts.sizes(self.folder)
        trials = parts.by_trial(found)
        send = [(INFO, len(self._kept[INFO]))]
        for name, content in ((EXAMPLES_FILE, self._examples(have)), (LOG, self._log(have))):
            if content:
                self._kept[name] = content
                send.append((name, len(content)))
        asked = list(trials)
        changed = self.folder.map(
            lambda trial: _changed(self.folder, trials[trial], trial, found, have), asked
        )
        later, total = 0, 0
        for trial in (name for name, new in zip(asked, changed, strict=True) if new):
            size = sum(found[name] for name in trials[trial])
            if limit is not None and total and total + size > limit:
                later += size
                continue
            total += size
            send += [(name, found[name]) for name in trials[trial]]
        self.offer = Offer(list(trials), send, later)

    def read(self, name: str) -> pa.Buffer:
        """The content of an offered file; what was read for the offer is what is sent."""
        if name in self._kept:
            return self._kept[name]
        folder, _, file = name.partition("/")
        return (self.folder / folder).read_sealed(file)

    def _examples(self, have: Have) -> pa.Buffer | None:
        """The examples where they are not there yet: they never change."""
        if EXAMPLES_FILE in have.sizes or not self.folder.exists(EXAMPLES_FILE):
            return None
        return self.folder.read_sealed(EXAMPLES_FILE)

    def _log(self, have: Have) -> pa.Buffer | None:
        """The end of Ray's log, where the sweep failed and it is not there yet."""
        failed = json.loads(self._kept[INFO].to_pybytes()).get("status") == "failed"
        if not failed or not self.folder.local or not self.folder.exists(LOG):
            return None
        content = self.folder.read(LOG)
        content = content.slice(max(0, len(content) - LOG_BYTES))
        return content if have.sizes.get(LOG) != len(content) else None


def _changed(folder: Folder, files: Sequence[str], trial: str, found: Mapping[str, int], have: Have) -> bool:
    """Whether the trial is new or was written again: `lanes` tells its seconds and host, which no other writing repeats."""
    if any(have.sizes.get(name) != found[name] for name in files):
        return True
    content = (folder / "lanes").read(f"{trial}.parquet")
    return hashlib.sha256(content).hexdigest() != have.markers.get(trial)
