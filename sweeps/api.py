"""What the command line does, for programs: trains sweeps and finds them again; prints nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

from seqsweep.cluster.output import Terminal, divert
from seqsweep.results.holder import held
from seqsweep.results.store import Store, Sweep
from seqsweep.sweeps.live.listener import Listener
from seqsweep.sweeps.live.state import SweepState
from seqsweep.sweeps.running import prepare
from seqsweep.sweeps.running.prepare import Prepared
from seqsweep.sweeps.running.signals import Signals
from seqsweep.sweeps.running.sweep import log_of, nothing_left, state_of, train
from seqsweep.sweeps.spec.model import Spec
from seqsweep.sweeps.store_option import DEFAULT_STORE


def run(
    spec: Spec,
    store: str | Path = DEFAULT_STORE,
    *,
    address: str | None = None,
    cpus: int | None = None,
    listener: Listener | None = None,
) -> Sweep:
    """Train everything that `spec` asks for, and give the sweep as it lies in the store.

    Trials that fail do not raise: the sweep's `info["failed"]` has their reasons. What Ray prints goes to its `ray.log`.

    Args:
        spec: what to train.
        store: path or URI of the store that keeps it.
        address: `HOST:PORT` or `auto`, to join a running Ray cluster.
        cpus: cores of the local Ray; None for all that this process may use.
        listener: hears how it goes; what it prints is printed.

    Raises:
        DataError, SpecError, StoreError, ClusterError: the user's mistakes, found before Ray starts.
        Interrupted: Ctrl-C, SIGTERM or SIGHUP; `resume` goes on from there.
    """
    return _trained(lambda: prepare.new(spec, Store(store), address, cpus), address, cpus, listener)


def resume(
    store: str | Path = DEFAULT_STORE,
    sweep: str | None = None,
    *,
    address: str | None = None,
    cpus: int | None = None,
    data_moved: Mapping[str, str] | None = None,
    listener: Listener | None = None,
) -> Sweep:
    """Go on with a sweep: finished trials stay, others go on from their checkpoints.

    Args:
        store: path or URI of the store that keeps it.
        sweep: its id, or what it begins with; None for the newest.
        data_moved: new paths of its data by the old ones, or of folders above them.
        address, cpus, listener: as of `run`.

    Raises:
        As `run`; SpecError also where a data set is not what it was.
    """
    again = Store(store).find(sweep)
    if nothing_left(again):
        return again
    return _trained(
        lambda: prepare.again(Store(store), again.id, address, cpus, data_moved), address, cpus, listener
    )


def _trained(
    prepared: Callable[[], Prepared], address: str | None, cpus: int | None, listener: Listener | None
) -> Sweep:
    signals = Signals()
    with signals:
        ready = prepared()
        with held(ready.sweep.folder), divert(log_of(ready.sweep)) as terminal:
            heard = _Aloud(listener or Listener(), terminal)
            outcome = train(
                ready, state_of(ready), listener=heard, signals=signals, address=address, cpus=cpus
            )
    for error in (outcome.stopped, outcome.error):
        if error is not None:
            raise error
    return ready.sweep


class _Aloud(Listener):
    """Lets a listener print where it would, had Ray not been given a log of its own."""

    def __init__(self, inner: Listener, terminal: Terminal) -> None:
        self.inner, self.terminal = inner, terminal

    @contextmanager
    def _printing(self) -> Iterator[Listener]:
        with redirect_stdout(self.terminal.stdout), redirect_stderr(self.terminal.stderr):
            yield self.inner

    def begin(self, state: SweepState) -> None:
        with self._printing() as inner:
            inner.begin(state)

    def refresh(self) -> None:
        with self._printing() as inner:
            inner.refresh()

    def ended(self, trial: str) -> None:
        with self._printing() as inner:
            inner.ended(trial)

    def tell(self, text: str) -> None:
        with self._printing() as inner:
            inner.tell(text)

    def end(self) -> None:
        with self._printing() as inner:
            inner.end()

    def close(self) -> None:
        self.inner.close()

    def last_words(self, text: str) -> None:
        with self._printing() as inner:
            inner.last_words(text)
