"""The live view of a sweep that runs somewhere else: its driver's records, as they come."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from seqsweep.cluster.records import received
from seqsweep.results.views.json_view import dump
from seqsweep.sweeps.live import screen, telemetry
from seqsweep.sweeps.live.display import Display
from seqsweep.sweeps.remote import view as submission_view

if TYPE_CHECKING:
    from rich.console import Console

    from seqsweep.cluster.jobs import Jobs
    from seqsweep.sweeps.live.state import SweepState
    from seqsweep.sweeps.remote.submission import Submitted

REFRESH_SECONDS = 0.25
JSON_SECONDS = 1.0


def watch(jobs: Jobs, sweep: Submitted, console: Console) -> int:
    """Show the sweep until its job ends, then a receipt.

    A terminal gets the full screen; elsewhere the lines of the job are printed.

    Returns:
        0 where the sweep finished, 1 where it did not, 130 for Ctrl-C (the sweep goes on).

    Raises:
        ClusterError: the cluster does not answer any more.
    """
    display: Display | None = None
    state: SweepState | None = None
    try:
        for piece, last in _said(jobs, sweep.job.id):
            if isinstance(piece, dict):
                state = telemetry.replay(piece, state)
            elif piece is not None and (display is None or not display.full_screen):
                console.print(piece, markup=False, highlight=False, soft_wrap=True)
            if state is None or not console.is_terminal:
                continue
            if display is None:
                display = Display(console)
                if display.full_screen:
                    display.begin(state)
            display.state = state
            if display.full_screen and last:  # what has long been said is not worth drawing
                display.refresh()
    except KeyboardInterrupt:
        if display is not None:
            display.close()
        console.print(
            f"left; {sweep.sweep} goes on: seqsweep watch {sweep.sweep}", highlight=False, soft_wrap=True
        )
        return 130
    finally:
        if display is not None:
            display.close()
    job = jobs.get(sweep.job.id)
    if state is not None:
        ended = job.ended
        if ended is not None:
            state.clock = lambda: ended
        console.print(screen.receipt(state), markup=False, highlight=False, soft_wrap=True)
    submission_view.render_end(sweep, job, console, jobs.address)
    return 0 if job.status == "SUCCEEDED" else 1


def watch_json(jobs: Jobs, sweep: Submitted, console: Console) -> int:
    """Print the state for programs: a line of JSON, as of `status --json`, whenever something has changed, and at the end."""
    state: SweepState | None = None
    shown, news = 0.0, False
    running = replace(sweep, job=replace(sweep.job, status="RUNNING"))  # whoever says something does
    try:
        for piece, _ in _said(jobs, sweep.job.id):
            if isinstance(piece, dict):
                state, news = telemetry.replay(piece, state), True
            if news and state is not None and time.monotonic() - shown >= JSON_SECONDS:
                shown, news = time.monotonic(), False
                print(dump(submission_view.table(running, state), indent=None), file=console.file, flush=True)
    except KeyboardInterrupt:
        return 130
    job = jobs.get(sweep.job.id)
    print(
        dump(submission_view.table(replace(sweep, job=job), state), indent=None),
        file=console.file,
        flush=True,
    )
    return 0 if job.status == "SUCCEEDED" else 1


def _said(jobs: Jobs, job: str) -> Iterator[tuple[dict[str, Any] | str | None, bool]]:
    """Yield what the job says, as it comes, and whether no more has come yet; None whenever it says nothing for a moment."""
    incoming: queue.Queue[str | BaseException | None] = queue.Queue()
    # a thread, so that the clock on the screen moves while nothing comes
    threading.Thread(target=_listen, args=(jobs, job, incoming), daemon=True).start()
    while True:
        try:
            message = incoming.get(timeout=REFRESH_SECONDS)
        except queue.Empty:
            yield None, True
            continue
        if message is None:
            return
        if isinstance(message, BaseException):
            raise message
        for piece in received([message]):
            yield piece, incoming.empty()


def _listen(jobs: Jobs, job: str, incoming: queue.Queue[str | BaseException | None]) -> None:
    try:
        for line in jobs.follow(job):
            incoming.put(line)
        incoming.put(None)
    except Exception as error:
        incoming.put(error)
