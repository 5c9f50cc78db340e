"""A sweep from spec to verdict in a terminal: train what the store does not have yet, then say which architecture wins."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TextIO, cast

from rich.console import Console

from seqsweep.cluster.output import divert
from seqsweep.cluster.streams import Lasting
from seqsweep.results.errors import StoreError
from seqsweep.results.gate import ungated
from seqsweep.results.holder import held
from seqsweep.results.store import Store, Sweep
from seqsweep.results.views.terminal import Terminal
from seqsweep.sweeps.cli.printing import report
from seqsweep.sweeps.datasets.loading import data_notes
from seqsweep.sweeps.live import screen
from seqsweep.sweeps.live.display import Display
from seqsweep.sweeps.live.listener import Listener
from seqsweep.sweeps.live.state import SweepState
from seqsweep.sweeps.running import prepare
from seqsweep.sweeps.running.prepare import Prepared
from seqsweep.sweeps.running.signals import Interrupted, Signals
from seqsweep.sweeps.running.sweep import log_of, nothing_left, state_of, train
from seqsweep.sweeps.spec.model import Spec
from seqsweep.sweeps.store_option import store_option

VERDICT_LOST = 3
"""The exit code of a sweep whose trials are all trained, but whose verdict found nobody to be printed to."""


def run_sweep(
    spec: Spec,
    *,
    store: str | Path,
    console: Console,
    address: str | None = None,
    cpus: int | None = None,
    json_output: bool = False,
    source: str | None = None,
) -> int:
    """Train everything that `spec` asks for and print the verdict.

    Args:
        spec: what to train.
        store: path or URI of the store that keeps it.
        console: for progress and verdict.
        address: `HOST:PORT` or `auto`, to join a running Ray cluster.
        cpus: cores of the local Ray; None for all that this process may use.
        json_output: the verdict as JSON on `console`, progress on standard error.
        source: what problems call the spec: its file's name; None for its own.

    Returns:
        The exit code: 0; 1 where trials failed; 3 where all is trained but the verdict could not be printed, as standard
        output was gone; 129, 130 or 143 when interrupted.

    Raises:
        DataError, SpecError, StoreError, ClusterError: the user's mistakes, found before Ray starts.
    """
    return run_prepared(
        lambda: prepare.new(spec, Store(store), address, cpus, source),
        store=store,
        console=console,
        address=address,
        cpus=cpus,
        json_output=json_output,
    )


def resume_sweep(
    store: str | Path,
    prefix: str | None,
    *,
    console: Console,
    address: str | None = None,
    cpus: int | None = None,
    json_output: bool = False,
    display: type[Display] = Display,
    data_moved: Mapping[str, str] | None = None,
) -> int:
    """Go on with the sweep named by `prefix` (None: the newest): finished trials stay, others go on from checkpoints.

    `data_moved` has new paths of its data by the old ones, or folders above them. Other arguments, exit code and errors as
    `run_sweep`; SpecError also where a data set is not what it was.
    """
    sweep = Store(store).find(prefix)
    if nothing_left(sweep):
        (Terminal(stderr=True) if json_output else console).print(
            screen.complete(sweep.id, len(sweep.finished())), highlight=False, soft_wrap=True
        )
        report(sweep, console, store=store, json_output=json_output)
        return 0
    return run_prepared(
        lambda: prepare.again(Store(store), prefix, address, cpus, data_moved),
        store=store,
        console=console,
        address=address,
        cpus=cpus,
        json_output=json_output,
        display=display,
    )


def run_prepared(
    prepared: Callable[[], Prepared],
    *,
    store: str | Path,
    console: Console,
    address: str | None = None,
    cpus: int | None = None,
    json_output: bool = False,
    display: type[Display] = Display,
) -> int:
    """Train the sweep that `prepared` gives (called when signals are caught) and show its course on a `display`.

    Other arguments, exit code and errors as `run_sweep`.
    """
    return _Run(store, address, cpus, console, json_output, display).go(prepared)


class _Run(Listener):
    """One run of the program, in this process: what the sweep tells goes on to a display."""

    def __init__(
        self,
        store: str | Path,
        address: str | None,
        cpus: int | None,
        console: Console,
        json_output: bool,
        display: type[Display],
    ) -> None:
        self.store = store
        self.address = address
        self.cpus = cpus
        self.console = console
        self.json_output = json_output
        self.notes = Terminal(stderr=True)
        # standard output belongs to the JSON where that was asked for
        self.progress = self.notes if json_output else console
        self.display = display(self.progress)
        self.signals = Signals()
        self.outputs: list[Lasting] = []
        self.losses: dict[str, str] = {}  # name of a stream -> what became of it
        self.recorded: str | None = None

    def go(self, prepared: Callable[[], Prepared]) -> int:
        """Train, and print the verdict; the exit code."""
        with self._lasting(self.console, "standard output"), self._lasting(self.notes, "standard error"):
            return self._go(prepared)

    def _go(self, prepared: Callable[[], Prepared]) -> int:
        try:
            with self.signals:
                ready = prepared()
                with held(ready.sweep.folder):
                    code = self._train(ready)
                    if code <= 1:
                        report(ready.sweep, self.console, store=self.store, json_output=self.json_output)
                        self._record_losses(ready.sweep)
                return code or (VERDICT_LOST if "standard output" in self.losses else 0)
        except Interrupted as stop:
            self._say(f"stopped by {stop}")
            return stop.exit_code

    def _train(self, ready: Prepared) -> int:
        """Train what is not finished and say what happened; returns the exit code."""
        self.sweep = sweep = ready.sweep
        state = state_of(ready)
        trains = bool(state.having("waiting"))
        if not trains:
            self.display.complete(state)
        elif note := prepare.slower_backend(ready.spec.resources, self.address):
            self._note(note)
        for note in data_notes(dataset for dataset, _ in ready.data.values()) if trains else ():
            self._note(note)
        log = log_of(sweep)
        with self._diverted(log) if trains else nullcontext():
            outcome = train(
                ready, state, listener=self, signals=self.signals, address=self.address, cpus=self.cpus
            )
        for trial in outcome.failed:
            self._say(f"failed: {trial.title} ({trial.id}): {trial.message}")
        if outcome.error is not None:
            self._say(f"error: {type(outcome.error).__name__}: {outcome.error}")
        if outcome.status == "failed":
            self._say(f"Ray's log: {log}")
        if outcome.stopped is not None:
            self._say(f"stopped; {screen.receipt(state)}")
            self._say(f"go on with: seqsweep resume {sweep.id}{store_option(self.store)}")
            return outcome.stopped.exit_code
        if trains and not self.json_output:
            self.console.print()
        return 0 if outcome.status == "finished" else 1

    def begin(self, state: SweepState) -> None:
        """Show it."""
        self.display.begin(state)

    def refresh(self) -> None:
        """Show it, and keep what became of the streams."""
        self.display.refresh()
        self._record_losses(self.sweep)

    def ended(self, trial: str) -> None:
        """Show it."""
        self.display.ended(trial)

    def tell(self, text: str) -> None:
        """Show it."""
        self.display.tell(text)

    def end(self) -> None:
        """Give the terminal back."""
        self.display.end()

    def close(self) -> None:
        """Give the terminal back, at once."""
        self.display.close()

    def last_words(self, text: str) -> None:
        """Say it."""
        self.display.last_words(text)

    @contextmanager
    def _lasting(self, console: Console, name: str) -> Iterator[None]:
        """Whatever becomes of the stream behind `console`, nothing ends for that."""
        before = console.file
        output = Lasting(cast(TextIO, before), lambda why: self._lose(name, why))
        self.outputs.append(output)
        console.file = cast(IO[str], output)
        try:
            yield
        finally:
            console.file = before

    def _lose(self, name: str, why: str) -> None:
        """A stream is gone: say so where somebody may still read."""
        self.losses[name] = f"{name} was lost: {why}"
        self._note(f"{self.losses[name]}; the sweep goes on")

    def _record_losses(self, sweep: Sweep) -> None:
        """Say it once in the log, and in `sweep.json` as `output_lost`."""
        lost = "; ".join(self.losses.values()) or None
        if lost == self.recorded:
            return
        self.recorded = lost
        with suppress(OSError), log_of(sweep).open("a", encoding="utf-8") as file:
            file.write(
                f"{datetime.now(UTC).isoformat(timespec='seconds')} seqsweep: {lost}; the sweep goes on\n"
            )
        with suppress(StoreError):  # no reason to end what else goes on
            sweep.update(output_lost=lost)

    @contextmanager
    def _diverted(self, log: Path) -> Iterator[None]:
        """Standard output and error go to `log`, but the consoles stay where they are."""
        before = [output.stream for output in self.outputs]
        streams = {"stdout": sys.stdout, "stderr": sys.stderr}
        with divert(log) as terminal:
            for output in self.outputs:
                for name, stream in streams.items():
                    if output.stream is ungated(stream):
                        output.stream = getattr(terminal, name)
            try:
                yield
            finally:
                for output, stream in zip(self.outputs, before, strict=True):
                    output.stream = stream

    def _note(self, text: str) -> None:
        self.notes.print(f"note: {text}", markup=False, highlight=False, soft_wrap=True)

    def _say(self, text: str) -> None:
        self.progress.print(text, markup=False, highlight=False, soft_wrap=True)
