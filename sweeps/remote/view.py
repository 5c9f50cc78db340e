"""What the cluster's verbs say about a sweep that was submitted."""

from __future__ import annotations

import math
import shlex
import time
from collections.abc import Sequence
from dataclasses import asdict
from statistics import fmean
from typing import TYPE_CHECKING, Any

from seqsweep.cluster.records import received
from seqsweep.results.views.formats import duration
from seqsweep.results.views.layout import plain as _print
from seqsweep.results.views.terminal import Text
from seqsweep.sweeps.live import screen

if TYPE_CHECKING:
    from rich.console import Console

    from seqsweep.cluster.jobs import Job
    from seqsweep.sweeps.live.state import SweepState
    from seqsweep.sweeps.remote.submission import Submitted

WORDS = {
    "PENDING": "waits for the cluster",
    "RUNNING": "running",
    "SUCCEEDED": "finished",
    "FAILED": "failed",
    "STOPPED": "stopped",
}
TAIL = 15  # lines of the log that explain a failure


def table(sweep: Submitted, state: SweepState | None = None) -> dict[str, Any]:
    """Give a sweep's state for programs: plain values."""
    job = sweep.job
    found: dict[str, Any] = {
        "sweep": sweep.sweep,
        "status": job.status.lower(),
        "store": sweep.store,
        "job": job.id,
        "message": job.message,
        "started": job.started,
        "ended": job.ended,
    }
    if state is not None:
        left = None if job.over else state.time_left()
        found |= {
            "backend": state.backend,
            "trials": {
                "total": len(state.trials),
                **{
                    status: len(state.having(status))
                    for status in ("waiting", "running", "finished", "failed")
                },
            },
            "lanes": state.lanes,
            "gpus": {"total": state.gpus, "busy": state.gpus_busy},
            "seconds_left": None if left is None else asdict(left),
            "best": {
                name: {
                    "architecture": trial.architecture,
                    "validation_accuracy": fmean(trial.validation),
                    "test_accuracy": fmean(trial.test) if trial.test else math.nan,
                }
                for name, trial in state.best().items()
            },
        }
    return found


def render_submitted(sweep: Submitted, console: Console, address: str) -> None:
    """The id, alone on the first line, and what to do with it."""
    _print(console, sweep.sweep)
    _print(console, f"watch it: seqsweep watch {sweep.sweep} --address {address}")


def render_status(
    sweep: Submitted, state: SweepState | None, lines: Sequence[str], console: Console, address: str
) -> None:
    """A page: where it stands and, where it failed, what it said last."""
    job = sweep.job
    if state is None:
        _print(console, f"{sweep.sweep} · {WORDS[job.status]}")
    elif job.over:
        _print(console, f"{screen.receipt(state)} · {WORDS[job.status]}")
    else:
        console.print(screen.screen(state, height=10_000))
    if job.status == "FAILED":
        for line in [each for each in received(lines) if isinstance(each, str)][-TAIL:]:
            _print(console, f"  {line}")
        said = job.message.partition(", last available logs")[0].splitlines()
        _print(console, said[0] if said else "the cluster says no more")
    render_end(sweep, job, console, address)


def render_stopped(sweep: Submitted, console: Console, address: str, *, was_over: bool) -> None:
    """Print that a sweep has ended, and how to go on."""
    _print(
        console,
        f"{sweep.sweep} {'had ended before' if was_over else 'is stopped'}: {WORDS[sweep.job.status]}",
    )
    if sweep.job.status != "SUCCEEDED":
        _print(console, f"go on with: seqsweep resume {sweep.sweep} --address {address}")


def render_list(sweeps: Sequence[Submitted], console: Console) -> None:
    """A line a sweep, the newest first."""
    from rich.table import Table

    if not sweeps:
        _print(console, "no sweep yet; `seqsweep submit` starts one")
        return
    grid = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("sweep", "status", "started", "took", "store"):
        grid.add_column(name, justify="right" if name == "took" else "left", no_wrap=name != "store")
    for each in sweeps:
        job = each.job
        took = (job.ended or time.time()) - job.started if job.started else 0.0
        begun = time.strftime("%Y-%m-%d %H:%M", time.localtime(job.started)) if job.started else ""
        grid.add_row(Text(each.sweep), WORDS[job.status], begun, duration(took), Text(each.store))
    console.print(grid)


def render_end(sweep: Submitted, job: Job, console: Console, address: str) -> None:
    """Print how to see the results of a sweep that has ended, or go on with it."""
    if job.status == "SUCCEEDED":
        if "://" in sweep.store:
            _print(console, f"see it: seqsweep show {sweep.sweep} --store {shlex.quote(sweep.store)}")
        else:
            pull = f"seqsweep pull {sweep.sweep} --address {address}"
            _print(console, f"see it: {pull} && seqsweep show {sweep.sweep}")
    elif job.over:
        _print(console, f"go on with: seqsweep resume {sweep.sweep} --address {address}")
