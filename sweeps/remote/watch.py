"""The live view of a sweep that runs somewhere else: its driver's records, as they come."""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from seqsweep.cluster.local import ClusterError
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
    incoming: queue.Queue[str | BaseException | None] = queue.Queue()
    # a thread, so that the clock on the screen moves while nothing comes
    threading.Thread(target=_listen, args=(jobs, sweep.job.id, incoming), daemon=True).start()
    display: Display | None = None
    state: SweepState | None = None
    try:
        while True:
            lines: list[str] = []
            try:
                message = incoming.get(timeout=REFRESH_SECONDS)
                if message is None:
                    break
                if isinstance(message, BaseException):
                    raise message
                lines.append(message)
            except queue.Empty:
                pass
            for piece in received(lines):
                if isinstance(piece, dict):
                    state = telemetry.replay(piece, state)
                elif display is None or not display.full_screen:
                    console.print(piece, markup=False, highlight=False, soft_wrap=True)
            if state is None or not console.is_terminal:
                continue
            if display is None:
                display = Display(console)
                if display.full_screen:
                    display.begin(state)
            display.state = state
            if display.full_screen and incoming.empty():  # what has long been said is not worth drawing
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
    shown = 0.0
    running = replace(sweep, job=replace(sweep.job, status="RUNNING"))  # whoever says something does
    try:
        for piece in received(jobs.follow(sweep.job.id)):
            if isinstance(piece, dict):
                state = telemetry.replay(piece, state)
                if state is not None and time.monotonic() - shown >= JSON_SECONDS:
                    shown = time.monotonic()
                    print(
                        dump(submission_view.table(running, state), indent=None),
                        file=console.file,
                        flush=True,
                    )
    except KeyboardInterrupt:
        return 130
    job = jobs.get(sweep.job.id)
    print(
        dump(submission_view.table(replace(sweep, job=job), state), indent=None),
        file=console.file,
        flush=True,
    )
    return 0 if job.status == "SUCCEEDED" else 1


def _listen(jobs: Jobs, job: str, incoming: queue.Queue[str | BaseException | None]) -> None:
    try:
        for line in jobs.follow(job):
            incoming.put(line)
        incoming.put(None)
    except ClusterError as error:
        incoming.put(error)
