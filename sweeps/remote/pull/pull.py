"""Brings a sweep that was trained on a cluster to this machine, as far as it is finished and not here yet."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from seqsweep.results.store import Store
from seqsweep.results.views.formats import duration, plural
from seqsweep.sweeps.remote.pull.landing import Landing
from seqsweep.sweeps.remote.pull.sources import Head, ObjectStore, Source
from seqsweep.sweeps.running.signals import Interrupted, Signals
from seqsweep.sweeps.store_option import store_option

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from seqsweep.cluster.jobs import Jobs
    from seqsweep.sweeps.remote.pull.landing import Incoming
    from seqsweep.sweeps.remote.submission import Submitted

DIRECT = ("s3://", "gs://")


@dataclass(frozen=True)
class Pulled:
    """What a pull came to. `finished` of `trials` are here now, `arrived` of them by this pull; `status` as in sweep.json."""

    sweep: str
    store: str
    source: str
    status: str
    trials: int
    finished: int
    arrived: int
    bytes: int
    seconds: float


def pull(jobs: Jobs, sweep: Submitted, store: str, console: Console) -> Pulled:
    """Copy what the folder `store` lacks of the sweep.

    Args:
        jobs: of the cluster.
        sweep: that the cluster knows.
        store: a folder of this machine.
        console: for the progress, where it is a terminal.

    Raises:
        ClusterError: the cluster does not answer, or lost the connection.
        StoreError: there is no such sweep in its store, or something here is in the way.
        Interrupted: Ctrl-C or SIGTERM. Whole trials stay, and the next pull goes on.
    """
    begun = time.monotonic()
    with Signals() as signals, signals.deferred(), Landing(store, sweep.sweep) as landing:
        source: Source
        if sweep.store.startswith(DIRECT):
            source = ObjectStore(sweep.store, sweep.sweep)
        else:
            source = Head(jobs, sweep.store, sweep.sweep, signals.check)
        with _progress(console) as progress:
            _copy(source, landing, progress, signals)
        info = Store(store).find(sweep.sweep).info
        return Pulled(
            sweep=sweep.sweep,
            store=store,
            source=sweep.store,
            status=str(info.get("status")),
            trials=info.get("trials", len(landing.have.markers)),
            finished=len(landing.have.markers),
            arrived=landing.arrived,
            bytes=landing.bytes,
            seconds=round(time.monotonic() - begun, 3),
        )


def _copy(source: Source, landing: Landing, progress: Progress, signals: Signals) -> None:
    task = progress.add_task(landing.sweep, total=None)
    while True:
        with source.round(landing.have) as (offer, files):
            landing.accept(offer)
            coming = sum(size for _, size in offer.send) + offer.later
            progress.update(task, total=landing.bytes + coming)
            for file in files:
                landing.take(_shown(file, progress, task, signals))
            landing.complete()
        if not offer.later:
            landing.gather()
            return


def _shown(file: Incoming, progress: Progress, task: Any, signals: Signals) -> Incoming:
    def content() -> Iterator[bytes | memoryview]:
        for piece in file.content:
            signals.check()
            progress.advance(task, len(piece))
            yield piece

    return type(file)(file.name, file.size, content())


def _progress(console: Console) -> Progress:
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(compact=True),
    )
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def table(done: Pulled) -> dict[str, Any]:
    """Give what came for programs."""
    return asdict(done)


def render(done: Pulled, console: Console) -> None:
    """Print what came, and what to do with it."""
    came = (
        f"{plural(done.arrived, 'trial')} came: {done.bytes / 1e6:,.1f} MB in {duration(done.seconds)}"
        if done.arrived
        else "nothing new"
    )
    _print(console, f"{done.sweep} · {done.finished} of {plural(done.trials, 'trial')} here · {came}")
    if done.status != "finished":
        _print(console, f"the sweep is {done.status} on the cluster; pull again for what it finishes later")
    if done.finished:
        _print(console, f"see it: seqsweep show {done.sweep}{store_option(done.store)}")


def render_left(stop: Interrupted, sweep: str, console: Console) -> None:
    """Print that a pull was stopped, and how to go on."""
    _print(console, f"stopped by {stop}; what is whole stays, go on with: seqsweep pull {sweep}")


def _print(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
