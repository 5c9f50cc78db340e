"""Trains what a sweep does not have yet, on Ray; prints nothing: whoever wants to know how it goes listens."""

from __future__ import annotations

import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from seqsweep.cluster.local import Cluster, ClusterError, cluster, describe
from seqsweep.cluster.starting import Stopped, Watch
from seqsweep.results.errors import StoreError
from seqsweep.results.store import Sweep
from seqsweep.seqmodels.cost import cost
from seqsweep.sweeps.datasets import keeping
from seqsweep.sweeps.live.listener import Listener
from seqsweep.sweeps.live.state import SweepState
from seqsweep.sweeps.live.trial_state import TrialState
from seqsweep.sweeps.running import capacity, checkpoint
from seqsweep.sweeps.running.prepare import Prepared
from seqsweep.sweeps.running.rows import summary
from seqsweep.sweeps.running.signals import Interrupted, Signals

CHECKPOINT_SECONDS = 10.0
PENDING = 16


@dataclass(frozen=True)
class Outcome:
    """Says what became of a sweep's training.

    Args:
        state: how every trial stands.
        status: `finished`, `failed` (some trials are not finished) or `interrupted`, as `sweep.json` has it.
        stopped: the signal that ended it; None where none did.
        error: what ended it otherwise, Ray's most likely; None where nothing did.
    """

    state: SweepState
    status: str
    stopped: Interrupted | None = None
    error: Exception | None = None

    @property
    def failed(self) -> list[TrialState]:
        """Trials that will not be tried again, unless the sweep is resumed."""
        return self.state.having("failed")


def state_of(ready: Prepared) -> SweepState:
    """Tell of every trial whether it is finished or waits; the longest come first, so that none is left alone at the end."""
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
                lanes=trial.most_lanes,
                epochs=trial.training.epochs,
                cost=cost(trial.architecture, dataset.feature_count, tokens),
                lane_epochs=sum(lanes * epochs for lanes, epochs in trial.stages),
            )
        )
    trials.sort(key=lambda trial: -trial.planned)
    state = SweepState(ready.sweep.id, trials, slots=1)
    for name in ready.sweep.finished() & state.trials.keys():
        state.finish(name, summary(ready.sweep.read("lanes", trials=[name])))
    return state


def nothing_left(sweep: Sweep) -> bool:
    """Tell whether a sweep is finished, with all its trials: its data may be gone then, and need not be there."""
    return sweep.info.get("status") == "finished" and len(sweep.finished()) >= sweep.info.get("trials", 0)


def log_of(sweep: Sweep) -> Path:
    """Say where Ray's output belongs: beside the results where those are files."""
    if sweep.folder.system.type_name == "local":
        return Path(sweep.folder.path) / "ray.log"
    return Path(tempfile.gettempdir()) / f"{sweep.id}-ray.log"


def train(
    ready: Prepared,
    state: SweepState,
    *,
    listener: Listener,
    signals: Signals,
    address: str | None = None,
    cpus: int | None = None,
) -> Outcome:
    """Train what waits in `state`, and keep `sweep.json` true; the caller holds the sweep, and has diverted Ray's output.

    Args:
        ready: the sweep.
        state: of `state_of`; changes as trials start and end.
        listener: hears how it goes.
        signals: are caught already, and end the training where the trials may be resumed.
        address: `HOST:PORT` or `auto`, to join a running Ray cluster.
        cpus: cores of the local Ray; None for all that this process may use.

    Raises:
        ClusterError: no Ray could be started or joined, or a trial fits none of its nodes.
    """
    sweep = ready.sweep
    if not state.having("waiting"):
        sweep.update(status="finished")
        return Outcome(state, "finished")
    before = sweep.info.get("seconds") or 0.0
    sweep.update(status="running", **({"output_lost": None} if sweep.info.get("output_lost") else {}))
    outcome = Outcome(state, "failed")
    try:
        _on_ray(ready, state, listener, signals, address, cpus)
        if sweep.finished() >= state.trials.keys():
            checkpoint.clear(sweep.folder)
            keeping.clear(sweep.folder)
            outcome = Outcome(state, "finished")
    except Interrupted as stop:
        outcome = Outcome(state, "interrupted", stopped=stop)
    except ClusterError:
        raise
    except Exception as error:  # Ray's, most likely: what is finished stays, and resume goes on
        outcome = Outcome(state, "failed", error=error)
        with suppress(OSError), log_of(sweep).open("a", encoding="utf-8") as file:
            traceback.print_exception(error, file=file)
    finally:
        sweep.update(
            status=outcome.status,
            ended=datetime.now(UTC).isoformat(timespec="seconds"),
            seconds=round(before + state.elapsed, 3),
            backend=state.backend or sweep.info.get("backend"),
            failed={trial.id: trial.message for trial in state.having("failed")},
        )
    if outcome.stopped is None:
        with suppress(StoreError):  # it only makes reading faster
            sweep.gather()
    return outcome


def _on_ray(
    ready: Prepared,
    state: SweepState,
    listener: Listener,
    signals: Signals,
    address: str | None,
    cpus: int | None,
) -> None:
    """Start or join a Ray, and train on it."""
    resources = ready.spec.resources
    with listener.following(state), signals.deferred(), ExitStack() as stack:
        signals.on_exit = listener.close

        def tick() -> None:
            listener.refresh()
            try:
                signals.check()
            except Interrupted:
                # at once: ending Ray takes seconds, and who asked may not wait (a cluster's job is killed after three)
                ready.sweep.update(status="interrupted")
                raise

        def tell(text: str) -> None:
            state.say(text)
            listener.tell(text)

        def wait(reason: str) -> None:
            state.note = reason
            tick()
            time.sleep(0.2)

        def slots() -> int:
            there = describe(address)
            state.gpus = there.gpus
            return capacity.slots(resources, there)

        state.note = "starting Ray"
        listener.refresh()
        with signals.kept_from_children():
            place = stack.enter_context(_bounded(address, cpus, _watch(ready, listener, tell)))
        signals.install()
        signals.check()
        place = capacity.fitting(resources, place, wait)
        ready.sweep.update(cores=place.cpus)
        state.slots, state.note = capacity.slots(resources, place), ""
        state.gpus_per_trial = resources.gpus_per_trial
        from seqsweep.sweeps.running import tune  # once the environment is quiet
        from seqsweep.sweeps.running.remote_store import hosted

        plans = {trial.id: trial for trial in ready.plans}
        # a Ray of our own has no other nodes
        serving = hosted(ready.sweep) if place.address else nullcontext()
        try:
            with serving as host:
                tune.train(
                    [plans[trial.id] for trial in state.having("waiting")],
                    ready.data,
                    tune.Watcher(state, listener.ended, tell, tick, resources.stall_seconds),
                    sweep=ready.sweep,
                    resources=resources,
                    slots=slots,
                    pending=PENDING if place.address else 0,
                    checkpoint_seconds=CHECKPOINT_SECONDS,
                    host=host,
                )
        finally:
            state.note = "stopping Ray"
            listener.refresh()


def _watch(ready: Prepared, listener: Listener, tell: Callable[[str], None]) -> Watch:
    """Say who hears of a start that takes long; both from a thread beside it."""

    def tell_at_once(text: str) -> None:
        tell(text)
        listener.refresh()

    def leave(reason: str, code: int) -> None:
        listener.close()
        ready.sweep.update(status="failed" if code < 128 else "interrupted")
        listener.last_words(reason)

    return Watch(tell_at_once, leave)


@contextmanager
def _bounded(address: str | None, cpus: int | None, watch: Watch) -> Iterator[Cluster]:
    """Give the cluster; a signal while it starts is `Interrupted`."""
    try:
        with cluster(address, cpus=cpus, watch=watch) as place:
            yield place
    except Stopped as stop:
        raise Interrupted(stop.number) from None
