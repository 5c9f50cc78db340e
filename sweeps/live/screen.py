"""A sweep's state for people: a screen while it runs, or plain lines where there is no terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table

from seqsweep.results.statistics.interval import interval
from seqsweep.results.views import formats
from seqsweep.results.views.formats import duration
from seqsweep.results.views.terminal import Text
from seqsweep.sweeps.live.state import SweepState
from seqsweep.sweeps.live.time_left import TimeLeft
from seqsweep.sweeps.live.trial_state import TrialState

BARS = "▁▂▃▄▅▆▇█"
BAR_WIDTH = 31
SPARKS = 8


def screen(state: SweepState, height: int) -> RenderableType:
    """The whole screen, at most `height` lines: what does not fit is left out from the end of its list."""
    best = state.best()
    running = state.having("running")
    room = max(1, height - 6 - len(best))
    shown = running[: max(1, room - 3)]
    backend = f" · {state.backend} backend" if state.backend else ""
    gpus = f" · {state.gpus_busy:g} of {formats.plural(state.gpus, 'GPU')} busy" if state.gpus else ""
    heading = Text.assemble(
        (state.title, "bold"), f" · {formats.plural(state.slots, 'trial')} at a time{gpus}{backend}"
    )
    parts: list[RenderableType] = [heading, _trials(state), _lanes(state)]
    if shown:
        parts.append(_running(shown))
    if len(running) > len(shown):
        parts.append(Text(f"and {len(running) - len(shown)} more running", "dim"))
    parts += [
        Text.assemble(
            ("best    ", "dim"), f"{dataset}  {trial.architecture}  ", (accuracy(trial.test), "bold"), " test"
        )
        for dataset, trial in best.items()
    ]
    left = max(0, room - len(shown))
    parts += [
        Text.assemble((f"{when}   ", "dim"), what, no_wrap=True, overflow="ellipsis")
        for when, what in list(state.events)[len(state.events) - min(left, len(state.events)) :]
    ]
    return Group(*parts)


def trial_line(state: SweepState, trial: TrialState) -> str:
    """The plain line of a trial that has just ended."""
    count = len(state.trials)
    ended = sum(each.status in ("finished", "failed") for each in state.trials.values())
    parts = [f"[{ended:{len(str(count))}}/{count}] {trial.title}"]
    if trial.status == "failed":
        return f"{parts[0]} · failed: {trial.message}"
    parts.append(f"validation {accuracy(trial.validation)}")
    parts.append(f"test {accuracy(trial.test)}")
    if trial.diverged:
        parts.append(f"{trial.diverged} of {trial.lanes} models diverged")
    parts.append(duration(trial.wall_seconds))
    left = state.time_left()
    if left is not None and ended < count:
        parts.append(time_left(left))
    return " · ".join(parts)


def receipt(state: SweepState) -> str:
    """One line for the scrollback, when all is over; lanes are counted where their trial is finished, so kept."""
    ended = state.having("finished")
    parts = [
        state.title,
        f"{len(ended)} of {formats.plural(len(state.trials), 'trial')} finished",
        formats.plural(sum(trial.lanes for trial in ended), "model"),
    ]
    if failed := state.having("failed"):
        parts.insert(2, f"{len(failed)} failed")
    if diverged := sum(trial.diverged for trial in ended):
        parts.append(f"{diverged} diverged")
    return " · ".join([*parts, duration(state.elapsed)])


def complete(title: str, trials: int) -> str:
    """Say of a sweep that it needs nothing any more."""
    return f"{title} is finished, {trials} of {formats.plural(trials, 'trial')}: nothing is left to train"


def time_left(left: TimeLeft) -> str:
    """`about 35 s left (28 s - 44 s)`, in steps that do not claim more than is known."""
    likely = _rough(left.likely)
    if left.low is None or left.high is None:
        return f"about {likely} left"
    low, high = _rough(left.low), _rough(left.high)
    return f"about {likely} left" if low == high else f"about {likely} left ({low} - {high})"


def accuracy(values: Sequence[float]) -> str:
    """Percent over seeds with its 95 % interval: `97.8 ±0.6`; seeds that diverged are left out."""
    return formats.interval(interval(values))


def sparkline(values: Sequence[float]) -> str:
    """The course of `values` in at most `SPARKS` characters, from their least to their greatest."""
    if not values:
        return ""
    count = min(SPARKS, len(values))
    picked = [values[(index + 1) * len(values) // count - 1] for index in range(count)]
    low, high = min(picked), max(picked)
    span = high - low or 1.0
    return "".join(BARS[round((value - low) / span * (len(BARS) - 1))] for value in picked)


def _trials(state: SweepState) -> RenderableType:
    done = sum(trial.status in ("finished", "failed") for trial in state.trials.values())
    partial = sum(min(1.0, t.work_done / t.work_total) for t in state.having("running") if t.work_total)
    left = state.time_left()
    words = [duration(state.elapsed)]
    if state.note:
        words.append(state.note)
    elif left is not None:
        words.append(time_left(left) if left.likely >= 0.5 else "finishing")
    row = Table.grid(padding=(0, 1))
    row.add_row(
        Text("trials ", "dim"),
        ProgressBar(total=len(state.trials) or 1, completed=done + partial, width=BAR_WIDTH),
        Text(f"{done}/{len(state.trials)}  "),
        Text(" · ".join(words)),
    )
    return row


def _lanes(state: SweepState) -> Text:
    lanes = state.lanes
    parts = [f"{lanes['done']} of {lanes['total']} done · {lanes['diverged']} diverged"]
    parts += [f"{lanes[name]} {name}" for name in ("training", "waiting")]
    failed = state.having("failed")
    if failed:
        parts.append(f"{formats.plural(len(failed), 'trial')} failed")
    return Text.assemble(("models  ", "dim"), " │ ".join(parts))


def _running(trials: Sequence[TrialState]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 3, 0, 0))
    table.add_column("trial", no_wrap=True, overflow="ellipsis")
    table.add_column("models", justify="right", no_wrap=True)
    table.add_column("epoch", justify="right", no_wrap=True)
    table.add_column("models/min", justify="right", no_wrap=True)
    table.add_column("val", no_wrap=True)
    for trial in trials:
        table.add_row(
            Text(trial.title),
            f"{trial.active}/{trial.lanes}",
            f"{trial.epoch}/{trial.epochs}"
            + (f" {trial.phase}" if trial.phase in ("refit", "final", "score") else ""),
            _models_per_minute(trial),
            f"{sparkline(trial.accuracies)} {100 * max(trial.accuracies):.1f}" if trial.accuracies else "",
        )
    return table


def _models_per_minute(trial: TrialState) -> str:
    if trial.busy_seconds < 0.5 or not trial.work_total:
        return ""
    epochs = (trial.work_done - trial.work_resumed) / trial.busy_seconds
    return f"{60 * epochs * trial.lanes / trial.work_total:.3g}"


def _rough(seconds: float) -> str:
    """Seconds above half a minute in fives, minutes above ten whole."""
    step = 1 if seconds < 30 else 5 if seconds < 600 else 60
    whole = step * round(seconds / step)
    return f"{whole} s" if whole < 60 else duration(whole)
