"""Workers that never come: Ray tries again and again without a word, so somebody must notice."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from seqsweep.cluster.errors import ClusterError
from seqsweep.cluster.ray_log import says

WORD_SECONDS = 60.0
"""Of silence before something is said, and the least before it is an end: a cold worker imports torch from a slow disk."""


@dataclass(frozen=True)
class Waiting:
    """What Ray tells of it. `placed`: a node keeps room for a trial of ours; `log`: the session's folder on this machine."""

    placed: bool
    log: Path | None


def asked() -> Waiting:
    """Ask the Ray that this process is connected to."""
    import ray
    from ray.util import placement_group_table

    context = ray.get_runtime_context()
    job = context.get_job_id()  # every group's id ends with its job's
    placed = any(
        name.endswith(job) and group["state"] == "CREATED" for name, group in placement_group_table().items()
    )
    return Waiting(placed, Path(context.get_temp_dir()) / context.get_session_name())


class Silence:
    """Counts the seconds in which there is no worker.

    Args:
        tell: called with a sentence after a minute, and each time the silence is twice as long.
        bound: seconds (a minute at least) after which `listen` raises; 0 for never.
        ask: what Ray knows.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        tell: Callable[[str], None],
        bound: float,
        ask: Callable[[], Waiting] = asked,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.tell = tell
        self.bound = max(bound, WORD_SECONDS) if bound else 0.0
        self.ask = ask
        self.clock = clock
        self._since: float | None = None
        self._word = WORD_SECONDS

    def broken(self) -> None:
        """A worker was heard of, or none can be expected."""
        self._since, self._word = self.clock(), WORD_SECONDS

    def listen(self) -> None:
        """Called again and again. Raises ClusterError where Ray has room for a worker, but none came for too long."""
        if self._since is None:
            self._since = self.clock()
        silent = self.clock() - self._since
        late = self.bound and silent >= self.bound
        if silent < self._word and not late:
            return
        waiting = self.ask()
        if late and waiting.placed:
            raise ClusterError(
                f"no worker came within {self.bound:g} s (`resources.stall_seconds`){says(waiting.log)}; "
                "`seqsweep doctor` looks for causes, and `seqsweep resume` goes on"
            )
        if silent >= self._word:
            self._word = 2 * silent
            if waiting.placed:
                self.tell(f"no worker has come for {silent:.0f} s: waiting for one{says(waiting.log)}")
            else:
                self.tell(f"no node has had room for a trial for {silent:.0f} s: others use it; waiting")
