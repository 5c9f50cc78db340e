"""A sweep from spec to verdict: train on Ray what the store does not have yet, then say which architecture wins."""

from __future__ import annotations

import fcntl
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from cluster.local import Cluster, ClusterError, cluster, describe
from cluster.output import divert
from cluster.starting import Stopped, Watch
from results.errors import StoreError
from results.gate import ungated
from results.store import Store, Sweep
from results.views.terminal import Terminal
from sweeps import capacity, checkpoint, kept_data, live_view, prepare
from sweeps.display import Display
from sweeps.live import SweepState, TrialState, cost
from sweeps.prepare import Prepared
from sweeps.records import summary
from sweeps.report import report, store_option
from sweeps.signals import Interrupted, Signals
from sweeps.spec import Spec

CHECKPOINT_SECONDS = 10.0
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
        The exit code: 0; 1 where trials failed; 130 or 143 when interrupted.

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
) -> int:
    """Go on with the sweep named by `prefix` (None: the newest): finished trials stay, others go on from checkpoints.

    Arguments, exit code and errors as `run_sweep`; SpecError also where a data set is not what it was.
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
        lambda: prepare.again(Store(store), prefix, address, cpus),
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

    def go(self, prepared: Callable[[], Prepared]) -> int:
        try:
            with self.signals:
                ready = prepared()
                with _alone(ready.sweep):
                    state = _state(ready)
                    if state.having("waiting"):
                        code = self._train(ready, state)
                    else:
                        code = 0
                        ready.sweep.update(status="finished")
                        self._say(f"{ready.sweep.id} is finished: nothing is left to train")
                if code <= 1:
                    report(ready.sweep, self.console, store=self.store, json_output=self.json_output)
                return code
        except Interrupted as stop:
            self._say(f"stopped by {stop}")
            return stop.exit_code

    def _train(self, ready: Prepared, state: SweepState) -> int:
        """Train what is not finished, keep `sweep.json` true, say what happened; returns the exit code."""
        sweep = ready.sweep
        log = _log(sweep)
        if note := prepare.slower_backend(ready.spec.resources, self.address):
            self.notes.print(f"note: {note}", markup=False, highlight=False, soft_wrap=True)
        for note in prepare.data_notes(dataset for dataset, _ in ready.data.values()):
            self.notes.print(f"note: {note}", markup=False, highlight=False, soft_wrap=True)
        before = sweep.info.get("seconds") or 0.0
        sweep.update(status="running")
        status, code, error = "failed", 1, None
        try:
            with _diverted(self.progress, log):
                self._tune(ready, state)
            if sweep.finished() >= state.trials.keys():
                status, code = "finished", 0
                checkpoint.clear(sweep.folder)
                kept_data.clear(sweep.folder)
        except Interrupted as stop:
            status, code = "interrupted", stop.exit_code
        except ClusterError:
            raise
        except Exception as caught:  # Ray's, most likely: what is finished stays, and resume goes on
            error = caught
            with log.open("a", encoding="utf-8") as file:
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
            self._say(f"stopped; {live_view.receipt(state)}")
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
                try:
                    self.signals.check()
                except Interrupted:
                    # at once: ending Ray takes seconds, and who asked may not wait (a cluster's job is killed after three)
                    ready.sweep.update(status="interrupted")
                    raise

            state.note = "starting Ray"
            display.refresh()
            with _bounded(self.address, self.cpus, self._watch(ready, display)) as place:
                self.signals.install()
                self.signals.check()

                def wait(reason: str) -> None:
                    state.note = reason
                    tick()
                    time.sleep(0.2)

                place = capacity.fitting(resources, place, wait)
                ready.sweep.update(cores=place.cpus)
                state.slots, state.note = capacity.slots(resources, place), ""
                from sweeps.remote_store import hosted  # once the environment is quiet
                from sweeps.tuning import Watcher, train

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


@contextmanager
def _alone(sweep: Sweep) -> Iterator[None]:
    """Keep a second process on this machine from training the same sweep; a killed holder lets go by itself."""
    if sweep.folder.system.type_name != "local":
        yield
        return
    with open(f"{sweep.folder.path}/.running", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreError(f"sweep {sweep.id} is being trained by another process") from None
        yield


@contextmanager
def _diverted(console: Console, log: Path) -> Iterator[None]:
    """Standard output and error go to `log`, but `console` stays where it is."""
    before = console.file
    streams = {"stdout": sys.stdout, "stderr": sys.stderr}
    with divert(log) as terminal:
        for name, stream in streams.items():
            if before is ungated(stream):
                console.file = getattr(terminal, name)
        try:
            yield
        finally:
            console.file = before
