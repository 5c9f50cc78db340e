"""A sweep from spec to verdict: train on Ray what the store does not have yet, then say which architecture wins."""

from __future__ import annotations

import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TextIO, cast

from rich.console import Console

from seqsweep.cluster.local import Cluster, ClusterError, cluster, describe
from seqsweep.cluster.output import divert
from seqsweep.cluster.starting import Stopped, Watch
from seqsweep.cluster.streams import Lasting
from seqsweep.results.errors import StoreError
from seqsweep.results.gate import ungated
from seqsweep.results.holder import held
from seqsweep.results.store import Store, Sweep
from seqsweep.results.views.terminal import Terminal
from seqsweep.seqmodels.cost import cost
from seqsweep.sweeps.cli.printing import report
from seqsweep.sweeps.datasets import keeping
from seqsweep.sweeps.datasets.loading import data_notes
from seqsweep.sweeps.live import screen
from seqsweep.sweeps.live.display import Display
from seqsweep.sweeps.live.state import SweepState
from seqsweep.sweeps.live.trial_state import TrialState
from seqsweep.sweeps.running import capacity, checkpoint, prepare
from seqsweep.sweeps.running.prepare import Prepared
from seqsweep.sweeps.running.rows import summary
from seqsweep.sweeps.running.signals import Interrupted, Signals
from seqsweep.sweeps.spec.model import Spec
from seqsweep.sweeps.store_option import store_option

CHECKPOINT_SECONDS = 10.0
VERDICT_LOST = 3
"""The exit code of a sweep whose trials are all trained, but whose verdict found nobody to be printed to."""
PENDING = 16


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
    # the data of a finished sweep may be gone, and need not be there
    if sweep.info.get("status") == "finished" and len(sweep.finished()) >= sweep.info.get("trials", 0):
        (Terminal(stderr=True) if json_output else console).print(
            f"{sweep.id} is finished: nothing is left to train", highlight=False, soft_wrap=True
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


class _Run:
    """One run of the program, in this process."""

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
        self.display = display
        self.notes = Terminal(stderr=True)
        # standard output belongs to the JSON where that was asked for
        self.progress = self.notes if json_output else console
        self.signals = Signals()
        self.outputs: list[Lasting] = []
        self.losses: dict[str, str] = {}  # name of a stream -> what became of it
        self.recorded: str | None = None

    def go(self, prepared: Callable[[], Prepared]) -> int:
        with self._lasting(self.console, "standard output"), self._lasting(self.notes, "standard error"):
            return self._go(prepared)

    def _go(self, prepared: Callable[[], Prepared]) -> int:
        try:
            with self.signals:
                ready = prepared()
                with held(ready.sweep.folder):
                    state = _state(ready)
                    if state.having("waiting"):
                        code = self._train(ready, state)
                    else:
                        code = 0
                        ready.sweep.update(status="finished")
                        self._say(f"{ready.sweep.id} is finished: nothing is left to train")
                    if code <= 1:
                        report(ready.sweep, self.console, store=self.store, json_output=self.json_output)
                        self._record_losses(ready.sweep)
                return code or (VERDICT_LOST if "standard output" in self.losses else 0)
        except Interrupted as stop:
            self._say(f"stopped by {stop}")
            return stop.exit_code

    def _train(self, ready: Prepared, state: SweepState) -> int:
        """Train what is not finished, keep `sweep.json` true, say what happened; returns the exit code."""
        sweep = ready.sweep
        log = _log(sweep)
        if note := prepare.slower_backend(ready.spec.resources, self.address):
            self.notes.print(f"note: {note}", markup=False, highlight=False, soft_wrap=True)
        for note in data_notes(dataset for dataset, _ in ready.data.values()):
            self.notes.print(f"note: {note}", markup=False, highlight=False, soft_wrap=True)
        before = sweep.info.get("seconds") or 0.0
        sweep.update(status="running", **({"output_lost": None} if sweep.info.get("output_lost") else {}))
        status, code, error = "failed", 1, None
        try:
            with self._diverted(log):
                self._tune(ready, state)
            if sweep.finished() >= state.trials.keys():
                status, code = "finished", 0
                checkpoint.clear(sweep.folder)
                keeping.clear(sweep.folder)
        except Interrupted as stop:
            status, code = "interrupted", stop.exit_code
        except ClusterError:
            raise
        except Exception as caught:  # Ray's, most likely: what is finished stays, and resume goes on
            error = caught
            with suppress(OSError), log.open("a", encoding="utf-8") as file:
                traceback.print_exception(caught, file=file)
        finally:
            failed = state.having("failed")
            sweep.update(
                status=status,
                ended=datetime.now(UTC).isoformat(timespec="seconds"),
                seconds=round(before + state.elapsed, 3),
                backend=state.backend or sweep.info.get("backend"),
                failed={trial.id: trial.message for trial in failed},
            )
        if code <= 1:
            with suppress(StoreError):  # it only makes reading faster
                sweep.gather()
        for trial in failed:
            self._say(f"failed: {trial.title} ({trial.id}): {trial.message}")
        if error is not None:
            self._say(f"error: {type(error).__name__}: {error}")
        if code == 1:
            self._say(f"Ray's log: {log}")
        if code > 1:
            self._say(f"stopped; {screen.receipt(state)}")
            self._say(f"go on with: seqsweep resume {sweep.id}{store_option(self.store)}")
        elif not self.json_output:
            self.console.print()
        return code

    def _tune(self, ready: Prepared, state: SweepState) -> None:
        resources = ready.spec.resources
        with self.display(state, self.progress) as display, self.signals.deferred():
            self.signals.on_exit = display.close

            def tick() -> None:
                display.refresh()
                self._record_losses(ready.sweep)
                try:
                    self.signals.check()
                except Interrupted:
                    # at once: ending Ray takes seconds, and who asked may not wait (a cluster's job is killed after three)
                    ready.sweep.update(status="interrupted")
                    raise

            state.note = "starting Ray"
            display.refresh()
            with ExitStack() as stack:
                with self.signals.kept_from_children():
                    place = stack.enter_context(
                        _bounded(self.address, self.cpus, self._watch(ready, display))
                    )
                self.signals.install()
                self.signals.check()

                def wait(reason: str) -> None:
                    state.note = reason
                    tick()
                    time.sleep(0.2)

                place = capacity.fitting(resources, place, wait)
                ready.sweep.update(cores=place.cpus)
                state.slots, state.note = capacity.slots(resources, place), ""
                from seqsweep.sweeps.running.remote_store import hosted  # once the environment is quiet
                from seqsweep.sweeps.running.tune import Watcher, train

                def slots() -> int:
                    there = describe(self.address)
                    state.gpus = there.gpus
                    return capacity.slots(resources, there)

                state.gpus_per_trial = resources.gpus_per_trial
                plans = {trial.id: trial for trial in ready.plans}
                # a Ray of our own has no other nodes
                serving = hosted(ready.sweep) if place.address else nullcontext()
                try:
                    with serving as host:
                        train(
                            [plans[trial.id] for trial in state.having("waiting")],
                            ready.data,
                            Watcher(state, display.ended, display.tell, tick, resources.stall_seconds),
                            sweep=ready.sweep,
                            resources=resources,
                            slots=slots,
                            pending=PENDING if place.address else 0,
                            checkpoint_seconds=CHECKPOINT_SECONDS,
                            host=host,
                        )
                finally:
                    state.note = "stopping Ray"
                    display.refresh()

    def _watch(self, ready: Prepared, display: Display) -> Watch:
        """Who hears of a start that takes long; both from a thread beside it."""

        def tell(text: str) -> None:
            display.tell(text)
            display.refresh()

        def leave(reason: str, code: int) -> None:
            display.close()
            ready.sweep.update(status="failed" if code < 128 else "interrupted")
            self._say(reason)

        return Watch(tell, leave)

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
        text = f"note: {self.losses[name]}; the sweep goes on"
        self.notes.print(text, markup=False, highlight=False, soft_wrap=True)

    def _record_losses(self, sweep: Sweep) -> None:
        """Say it once in the log, and in `sweep.json` as `output_lost`."""
        lost = "; ".join(self.losses.values()) or None
        if lost == self.recorded:
            return
        self.recorded = lost
        with suppress(OSError), _log(sweep).open("a", encoding="utf-8") as file:
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

    def _say(self, text: str) -> None:
        self.progress.print(text, markup=False, highlight=False, soft_wrap=True)


def _state(ready: Prepared) -> SweepState:
    """Every trial of the sweep: what is finished, and what waits, the longest first so that none is left alone at the end."""
    trials = []
    several = len({trial.batch_size for trial in ready.plans}) > 1
    for trial in ready.plans:
        dataset, splits = ready.data[trial.dataset]
        tokens = int(dataset.length[splits.train].sum())
        trials.append(
            TrialState(
                id=trial.id,
                architecture=trial.architecture.label + (f" batch {trial.batch_size}" if several else ""),
                cell=trial.architecture.cell,
                dataset=trial.dataset,
                lanes=len(trial.lanes),
                epochs=trial.training.epochs,
                cost=cost(trial.architecture, dataset.feature_count, tokens),
            )
        )
    trials.sort(key=lambda trial: -trial.planned)
    state = SweepState(ready.sweep.id, trials, slots=1)
    for name in ready.sweep.finished() & state.trials.keys():
        state.finish(name, summary(ready.sweep.read("lanes", trials=[name])))
    return state


@contextmanager
def _bounded(address: str | None, cpus: int | None, watch: Watch) -> Iterator[Cluster]:
    """The cluster; a signal while it starts is `Interrupted`."""
    try:
        with cluster(address, cpus=cpus, watch=watch) as place:
            yield place
    except Stopped as stop:
        raise Interrupted(stop.number) from None


def _log(sweep: Sweep) -> Path:
    """Where Ray's output goes: beside the results where those are files."""
    if sweep.folder.system.type_name == "local":
        return Path(sweep.folder.path) / "ray.log"
    return Path(tempfile.gettempdir()) / f"{sweep.id}-ray.log"
