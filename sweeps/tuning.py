"""The part of a sweep that speaks with Ray Tune."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import ray
from ray import tune

from sweeps.trial import Job, Trial

if TYPE_CHECKING:
    from ray.tune.experiment import Trial as TuneTrial

    from results.store import Sweep
    from seqmodels.data.dataset import SequenceDataset
    from seqmodels.data.splits import Splits
    from sweeps.live import SweepState
    from sweeps.plan import TrialPlan
    from sweeps.spec import Resources

RESTARTS = 2  # of a trial whose worker was lost


class Watcher(tune.Callback):  # type: ignore[misc]
    """Hands Tune's events to the live state.

    Args:
        state: what is fed.
        ended: called with the id of each trial that finished or failed.
        tick: called about ten times a second; may raise to stop the sweep.
    """

    def __init__(self, state: SweepState, ended: Callable[[str], None], tick: Callable[[], None]) -> None:
        self.state = state
        self.ended = ended
        self.tick = tick

    def __getstate__(self) -> dict[str, Any]:
        """Tune pickles callbacks into a snapshot that nobody restores: leave the terminal out of it."""
        return {}

    def on_trial_start(self, iteration: int, trials: list[TuneTrial], trial: TuneTrial, **_: Any) -> None:
        """The trial has a worker."""
        self.state.start(trial.config["trial"])

    def on_trial_recover(self, iteration: int, trials: list[TuneTrial], trial: TuneTrial, **_: Any) -> None:
        """Its worker was lost; it will get another."""
        self.state.say(
            f"{self.state.trials[trial.config['trial']].title}: its worker was lost, starting it again"
        )

    def on_trial_result(
        self, iteration: int, trials: list[TuneTrial], trial: TuneTrial, result: dict[str, Any], **_: Any
    ) -> None:
        """A step has ended."""
        name = trial.config["trial"]
        self.state.report(name, result)
        if result["failed"] is not None:
            self.state.fail(name, result["failed"])
            self.ended(name)
        elif result["done"]:
            self.state.finish(name, result["summary"])
            self.ended(name)

    def on_trial_error(self, iteration: int, trials: list[TuneTrial], trial: TuneTrial, **_: Any) -> None:
        """Ray gave it up."""
        name = trial.config["trial"]
        self.state.fail(name, f"its worker was lost {RESTARTS + 1} times (killed, or out of memory?)")
        self.ended(name)

    def on_step_end(self, iteration: int, trials: list[TuneTrial], **_: Any) -> None:
        """Once around Tune's loop."""
        self.tick()


def train(
    plans: Sequence[TrialPlan],
    data: Mapping[str, tuple[SequenceDataset, Splits]],
    watcher: Watcher,
    *,
    sweep: Sweep,
    resources: Resources,
    slots: int,
    checkpoint_seconds: float,
) -> None:
    """Run the trials in this order, `slots` at a time, on the Ray that this process is connected to."""
    job = Job(
        sweep=sweep,
        plans={trial.id: trial for trial in plans},
        data={name: ray.put(content) for name, content in data.items()},
        threads=resources.cpus_per_trial,
        device="cuda" if resources.gpus_per_trial else "cpu",
        checkpoint_seconds=checkpoint_seconds,
    )
    # it would complain, for every trial, about result files that we told Tune not to write
    logging.getLogger("ray.tune.analysis.experiment_analysis").setLevel(logging.ERROR)
    share = {"cpu": resources.cpus_per_trial, "gpu": resources.gpus_per_trial}
    with tempfile.TemporaryDirectory(prefix="seqsweep-tune-") as scratch:
        tune.Tuner(
            tune.with_resources(tune.with_parameters(Trial, job=job), share),
            param_space={"trial": tune.grid_search(list(job.plans))},
            tune_config=tune.TuneConfig(max_concurrent_trials=slots, reuse_actors=True),
            run_config=tune.RunConfig(
                name="sweep",
                storage_path=scratch,  # Tune's snapshots: ours is the ledger, see sweeps.checkpoint
                verbose=0,
                callbacks=[watcher],
                failure_config=tune.FailureConfig(max_failures=RESTARTS),
                checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=0, checkpoint_at_end=False),
            ),
        ).fit()
