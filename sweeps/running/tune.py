"""The part of a sweep that speaks with Ray Tune."""

from __future__ import annotations

import functools
import logging
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar, cast

import ray
from ray import tune
from ray.exceptions import OutOfMemoryError
from ray.tune.search import BasicVariantGenerator
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from seqsweep.cluster.local import ClusterError
from seqsweep.cluster.places import session_base
from seqsweep.cluster.session_folder import scratch_folder
from seqsweep.sweeps.live.trial_report import TrialReport
from seqsweep.sweeps.running.silence import Silence
from seqsweep.sweeps.running.trainable import Job, Trial
from seqsweep.sweeps.versions import installed_versions

if TYPE_CHECKING:
    from ray.tune.experiment import Trial as TuneTrial

    from seqsweep.results.store import Sweep
    from seqsweep.seqmodels.data.dataset import SequenceDataset
    from seqsweep.seqmodels.data.splits import Splits
    from seqsweep.sweeps.live.state import SweepState
    from seqsweep.sweeps.running.remote_store import Host
    from seqsweep.sweeps.spec.model import Resources
    from seqsweep.sweeps.spec.plan import TrialPlan

RESTARTS = 2  # of a trial that gets no further; one that does may be lost as often as a spot market likes
LOOK_SECONDS = 2.0  # between two looks at the nodes
Event = TypeVar("Event", bound=Callable[..., None])
LOW_MEMORY = "its node ran low on memory, and Ray ended workers there"


def _kept(event: Event) -> Event:
    """Keep what an event raises for the end of the step: Tune (2.60) would make a TuneError with a traceback's text of it."""

    @functools.wraps(event)
    def kept(self: Watcher, *arguments: Any, **named: Any) -> None:
        try:
            event(self, *arguments, **named)
        except Exception as error:
            self.error = self.error or error

    return cast(Event, kept)


class Watcher(tune.Callback):  # type: ignore[misc]
    """Hands Tune's events to the live state, and looks after workers that hang and nodes that come and go.

    Args:
        state: what is fed.
        ended: called with the id of each trial that finished or failed.
        tell: called with a sentence about what else happened.
        tick: called about ten times a second. Like the others, it may raise to stop the sweep.
        stall_seconds: after which a worker that says nothing is killed, twice as long each time; 0 for never. Where no
            worker comes at all for that long (and a minute), ClusterError ends the sweep.
    """

    def __init__(
        self,
        state: SweepState,
        ended: Callable[[str], None],
        tell: Callable[[str], None],
        tick: Callable[[], None],
        stall_seconds: float = 0.0,
    ) -> None:
        self.state = state
        self.ended = ended
        self.tell = tell
        self.tick = tick
        self.stall_seconds = stall_seconds
        self.look: Callable[[], None] = lambda: None
        self._silence = Silence(tell, stall_seconds)
        self.error: Exception | None = None
        self._next_look = 0.0
        self._heard: dict[str, _Worker] = {}
        self._stalls: dict[str, int] = {}
        self._losses: dict[str, int] = {}
        self._reasons: dict[str, str] = {}
        self._kept: dict[str, float] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Tune pickles callbacks into a snapshot that nobody restores: leave the terminal out of it."""
        return {}

    @_kept
    def on_trial_start(self, iteration: int, trials: list[TuneTrial], trial: TuneTrial, **_: Any) -> None:
        """The trial has a worker."""
        self._silence.broken()
        self.state.start(trial.config["trial"])

    @_kept
    def on_trial_recover(self, iteration: int, trials: list[TuneTrial], trial: TuneTrial, **_: Any) -> None:
        """Its worker was lost; it will get another."""
        self._silence.broken()
        name = trial.config["trial"]
        self._heard.pop(name, None)
        why = self._reasons.pop(name, "its worker was lost")
        self.tell(f"{self.state.trials[name].title}: {why}; starting it again")

    @_kept
    def on_trial_result(
        self, iteration: int, trials: list[TuneTrial], trial: TuneTrial, result: dict[str, Any], **_: Any
    ) -> None:
        """A step has ended."""
        self._silence.broken()
        name, report = trial.config["trial"], TrialReport.received(result)
        self._heard[name] = _Worker(time.monotonic(), report.node, report.pid)
        if report.unfit is not None:
            raise ClusterError(report.unfit)
        if report.trouble is not None:
            self._reasons[name] = report.trouble
        # the last worker got further than those before
        if report.work_resumed > self._kept.get(name, 0.0):
            self._kept[name] = report.work_resumed
            trial.run_metadata.num_failures = 0
            self._stalls.pop(name, None)
            self._losses.pop(name, None)
        self.state.report(name, report)
        if report.failed is not None:
            self._heard.pop(name)
            self.state.fail(name, report.failed)
            self.ended(name)
        elif report.summary is not None:
            self._heard.pop(name)
            self.state.finish(name, report.summary)
            self.ended(name)

    @_kept
    def on_trial_error(self, iteration: int, trials: list[TuneTrial], trial: TuneTrial, **_: Any) -> None:
        """Ray gave it up."""
        name = trial.config["trial"]
        self._heard.pop(name, None)
        self._give_up(name, self._reasons.pop(name, "its worker was lost (killed, or out of memory?)"))

    def on_low_memory(self) -> None:
        """Ray ended workers to save a node's memory. It does not say whose: all trials that ran count as lost."""
        for trial in self.state.having("running"):
            self._heard.pop(trial.id, None)
            self._losses[trial.id] = self._losses.get(trial.id, 0) + 1
            if self._losses[trial.id] > RESTARTS:
                self._give_up(trial.id, LOW_MEMORY)
            else:
                self.tell(f"{trial.title}: {LOW_MEMORY}; starting it again")

    def _give_up(self, name: str, why: str) -> None:
        self.state.fail(name, f"{why}; given up after {RESTARTS + 1} times in a row without progress")
        self.ended(name)

    def on_step_end(self, iteration: int, trials: list[TuneTrial], **_: Any) -> None:
        """Once around Tune's loop."""
        if self.error is not None:
            raise self.error
        now = time.monotonic()
        if now >= self._next_look:
            self._next_look = now + LOOK_SECONDS
            self.look()
            if self.stall_seconds:
                self._end_stalled(now)
            if (
                self._heard or not self.state.slots
            ):  # a worker trains; or there is no node, which has been told
                self._silence.broken()
            self._silence.listen()
        self.tick()

    def _end_stalled(self, now: float) -> None:
        for name, worker in self._heard.items():
            times = self._stalls.get(name, 0)
            patience = self.stall_seconds * 2**times  # an epoch may take that long after all
            if now - worker.heard > patience:
                if not worker.condemned:  # else the kill has not come through, and is tried again
                    self._reasons[name] = (
                        f"its worker said nothing for {patience:g} s (`resources.stall_seconds`) and was killed"
                    )
                    self._stalls[name] = times + 1
                self._heard[name] = replace(worker, heard=now, condemned=True)
                _end_process(worker.node, worker.pid)


@dataclass(frozen=True)
class _Worker:
    heard: float
    node: str
    pid: int
    condemned: bool = False


def _end_process(node: str, pid: int) -> None:
    """Kill it from a task beside it, as ray.kill would (after 5 s), but Tune keeps the actor's handle to itself."""
    here = NodeAffinitySchedulingStrategy(node, soft=False)
    ray.remote(_kill).options(num_cpus=0, max_retries=0, scheduling_strategy=here).remote(pid)


def _kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


def train(
    plans: Sequence[TrialPlan],
    data: Mapping[str, tuple[SequenceDataset, Splits]],
    watcher: Watcher,
    *,
    sweep: Sweep,
    resources: Resources,
    slots: Callable[[], int],
    pending: int,
    checkpoint_seconds: float,
    host: Host | None = None,
) -> None:
    """Run the trials in this order, `slots()` at a time, on the Ray that this process is connected to.

    `pending` more ask for a place while there is none, which is what makes a cluster with an autoscaler grow.
    `host` serves the sweep's folder to nodes that do not see it.
    """
    job = Job(
        sweep=sweep,
        plans={trial.id: trial for trial in plans},
        data={name: ray.put(content) for name, content in data.items()},
        threads=resources.cpus_per_trial,
        device="cuda" if resources.gpus_per_trial else "cpu",
        gpus=resources.gpus_per_trial,
        checkpoint_seconds=checkpoint_seconds,
        versions=installed_versions(),
        host=host,
    )
    # it would complain, for every trial, about result files that we told Tune not to write
    logging.getLogger("ray.tune.analysis.experiment_analysis").setLevel(logging.ERROR)
    while left := [name for name in job.plans if watcher.state.trials[name].status in ("waiting", "running")]:
        try:
            _tune(job, left, watcher, resources, slots, pending)
            return
        except RuntimeError as error:
            # Tune knows no such end of an actor (ray 2.60: "Caught unexpected exception"), and gives up all trials
            if not isinstance(error.__cause__, OutOfMemoryError):
                raise
            watcher.on_low_memory()


def _tune(
    job: Job,
    trials: Sequence[str],
    watcher: Watcher,
    resources: Resources,
    slots: Callable[[], int],
    pending: int,
) -> None:
    generator = BasicVariantGenerator()

    def look() -> None:
        there = slots()
        if there == 0 and watcher.state.slots:
            watcher.tell("no node is left that a trial fits: waiting for one")
        watcher.state.slots = there
        generator.max_concurrent = resources.max_concurrent or max(1, there) + pending

    look()
    watcher.look = look
    share = {"cpu": resources.cpus_per_trial, "gpu": resources.gpus_per_trial}
    with scratch_folder("tune-", base=session_base()) as scratch:
        tune.Tuner(
            tune.with_resources(tune.with_parameters(Trial, job=job), share),
            param_space={"trial": tune.grid_search(list(trials))},
            tune_config=tune.TuneConfig(search_alg=generator, reuse_actors=True),
            run_config=tune.RunConfig(
                name="sweep",
                storage_path=scratch,  # Tune's snapshots: ours is the ledger, see sweeps.checkpoint
                verbose=0,
                callbacks=[watcher],
                failure_config=tune.FailureConfig(max_failures=RESTARTS),
                checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=0, checkpoint_at_end=False),
            ),
        ).fit()
