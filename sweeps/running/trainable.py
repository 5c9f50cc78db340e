"""A trial as Ray Tune runs it: one actor, one architecture, all its lanes, an epoch a step."""

from __future__ import annotations

import os
import socket
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import ray
from ray import ObjectRef, tune

from seqsweep.cluster.limits import usable_cpus
from seqsweep.cluster.memory import usable_memory
from seqsweep.results.errors import Damaged, StoreError
from seqsweep.results.store import Sweep
from seqsweep.sweeps.live.trial_report import TrialReport, TrialSummary
from seqsweep.sweeps.resources import trial_gpu_memory, trial_memory
from seqsweep.sweeps.running import checkpoint, rows
from seqsweep.sweeps.versions import installed_versions

if TYPE_CHECKING:
    from seqsweep.seqmodels.data.dataset import SequenceDataset
    from seqsweep.seqmodels.data.splits import Splits
    from seqsweep.seqmodels.progress import EpochRecord
    from seqsweep.seqmodels.trial_run import TrialRun
    from seqsweep.sweeps.running.remote_store import Host
    from seqsweep.sweeps.spec.plan import TrialPlan

SAVING_SHARE = 0.05  # of the time may go into checkpoints
TROUBLES = (  # torch's words where memory is full, or a GPU is broken or gone
    "can't allocate memory",
    "CUDA error",
    "CUDA driver error",
    "cuDNN error",
    "No CUDA GPUs are available",
    "cudaGetDeviceCount",
    "Found no NVIDIA driver",
    "Torch not compiled with CUDA enabled",
)


@dataclass(frozen=True)
class Job:
    """What all trials of a sweep share; travels to each worker once.

    Args:
        sweep: where results go.
        plans: trials by id.
        data: by data set name, references to `(SequenceDataset, Splits)` in Ray's object store, whose arrays workers
            read where they lie.
        threads: cores of a trial.
        device: `cpu` or `cuda`.
        gpus: of a trial.
        checkpoint_seconds: least time between two checkpoints of a trial.
        versions: of the driver's packages, as `seqsweep.sweeps.versions.installed_versions` gives them.
        host: serves the sweep's folder to nodes that do not see it; None where all do.
    """

    sweep: Sweep
    plans: Mapping[str, TrialPlan]
    data: Mapping[str, ObjectRef]
    threads: int
    device: str
    gpus: float
    checkpoint_seconds: float
    versions: Mapping[str, str]
    host: Host | None = None


class Trial(tune.Trainable):  # type: ignore[misc]
    """Trains the trial named by `config["trial"]`, from its checkpoint where it has one.

    An exception ends the trial as failed with its message, because trying the same numbers again would fail again. But
    where it is the place's fault (no memory, no store), the step after the one that reports it as `trouble` raises, and
    Ray starts the trial again, as it does when a worker is lost.
    """

    def setup(self, config: dict[str, Any], job: Job) -> None:
        """Called by Ray once an actor; torch comes in with the job's plans."""
        import torch

        torch.set_num_threads(1)  # results must not depend on how a matrix product was split
        self.job = job
        self.node = ray.get_runtime_context().get_node_id()
        self.unfit = _unfit(job.versions)
        self.sweep = job.host.seen_from_here(job.sweep) if job.host else job.sweep
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Called by Ray when the actor gets its next trial."""
        self.plan = self.job.plans[new_config["trial"]]
        self.study: TrialRun | None = None
        self.dataset: SequenceDataset | None = None
        self.resumed = self.busy = 0.0
        self.introduced = False
        self.trouble: str | None = None
        return True

    def step(self) -> dict[str, Any]:
        """One epoch of every lane; the first says where it is, the second gets ready, the last writes the tables."""
        if not self.introduced:
            self.introduced = True
            return self._report(done=self.unfit is not None)
        if self.trouble is not None:
            raise RuntimeError(self.trouble)
        try:
            if self.study is None:
                return self._prepare()
            return self._advance(self.study)
        except Exception as error:
            traceback.print_exc()
            kind = (
                StoreError if isinstance(error, StoreError) else type(error)
            )  # which of them tells the sentence
            message = f"{kind.__name__}: {error}"
            if _of_the_place(error):
                self.study = self.dataset = None
                self.trouble = message
                return self._report()
            return self._report(failed=message, done=True)

    def cleanup(self) -> None:
        """Called by Ray when the actor ends."""
        self.study = self.dataset = None

    def _prepare(self) -> dict[str, Any]:
        if self.sweep.is_finished(self.plan.id):  # its worker was lost between writing and saying so
            return self._report(summary=self._summary(), done=True)
        splits: Splits
        self.dataset, splits = ray.get(self.job.data[self.plan.dataset])
        self.study = self._study(splits)
        self.resumed = self.study.work_done
        self.next_save = time.monotonic() + self.job.checkpoint_seconds
        return self._report()

    def _study(self, splits: Splits) -> TrialRun:
        state = checkpoint.load(self.sweep.folder, self.plan.id)
        if state is not None:
            study = self._new(splits)
            try:
                study.load_state_dict(state)
                return study
            except Exception:  # of another version, perhaps: losing some epochs is better than never ending
                traceback.print_exc()
        return self._new(splits)

    def _new(self, splits: Splits) -> TrialRun:
        from seqsweep.seqmodels.trial_run import TrialRun

        assert self.dataset is not None
        return TrialRun(
            self.plan.architecture,
            self.dataset,
            splits,
            self.plan.lanes,
            self.plan.training,
            search=self.plan.search,
            final_seeds=self.plan.final_seeds,
            backend=self.plan.backend,
            threads=self.job.threads,
            device=self.job.device,
            memory=self._memory(),
        )

    def _memory(self) -> int:
        """Bytes that the trial may take, of this node or of its GPU."""
        if self.job.device == "cpu":
            return trial_memory(usable_memory().total, usable_cpus(), self.job.threads)
        import torch

        _, total = torch.cuda.mem_get_info()
        return trial_gpu_memory(total, self.job.gpus)

    def _advance(self, study: TrialRun) -> dict[str, Any]:
        begun = time.perf_counter()
        epochs = study.step()
        self.busy += time.perf_counter() - begun
        if study.done:
            self._write(study)
            return self._report(epochs, summary=self._summary(), done=True)
        if time.monotonic() >= self.next_save:
            begun = time.monotonic()
            checkpoint.save(self.sweep.folder, self.plan.id, study.state_dict())
            ended = time.monotonic()
            self.next_save = ended + max(self.job.checkpoint_seconds, (ended - begun) / SAVING_SHARE)
        return self._report(epochs)

    def _write(self, study: TrialRun) -> None:
        assert self.dataset is not None
        outcome = study.outcome()
        tables = rows.tables(
            outcome,
            self.plan,
            self.dataset,
            sweep=self.sweep.id,
            parameters=study.parameter_count,
            backend=study.backend_name,
            host=socket.gethostname(),
        )
        self.sweep.write_trial(self.plan.id, tables, rows.models(outcome))
        checkpoint.discard(self.sweep.folder, self.plan.id)

    def _summary(self) -> TrialSummary:
        return rows.summary(self.sweep.read("lanes", trials=[self.plan.id]))

    def _report(
        self,
        epochs: list[EpochRecord] | None = None,
        *,
        summary: TrialSummary | None = None,
        failed: str | None = None,
        done: bool = False,
    ) -> dict[str, Any]:
        epochs = epochs or []
        accuracies = [each.validation_accuracy for each in epochs if each.validation_accuracy is not None]
        active = sum(each.event is None for each in epochs) if epochs else None
        report = TrialReport(
            node=self.node,
            pid=os.getpid(),
            epoch=epochs[-1].epoch if epochs else None,
            lanes_active=active,
            validation_accuracy=max(accuracies, default=None),
            work_resumed=self.resumed,
            busy_seconds=self.busy,
            diverged=tuple(self._divergence(each) for each in epochs if each.event == "diverged"),
            summary=summary,
            unfit=self.unfit,
            trouble=self.trouble,
            failed=failed,
            done=done,
        )
        if (study := self.study) is not None:
            report = replace(
                report,
                phase=study.phase,
                backend=study.backend_name,
                slower=study.slower,
                lanes_waiting=max(0, self.plan.most_lanes - study.lanes_ended - (active or 0)),
                work_done=study.work_done,
                work_total=study.work_total,
            )
        return report.sent()

    def _divergence(self, epoch: EpochRecord) -> str:
        lanes = (
            lane for lane in self.plan.lanes if (lane.candidate, lane.seed) == (epoch.candidate, epoch.seed)
        )
        lr = next(lanes).hyperparameters.lr
        return f"candidate {epoch.candidate} (lr {lr:.3g}), seed {epoch.seed} diverged at epoch {epoch.epoch}, frozen"


def _unfit(versions: Mapping[str, str]) -> str | None:
    """Why this node must not train: its packages compute otherwise than the driver's. None where they do not."""
    here = installed_versions()
    for name in ("seqsweep", "torch"):
        # builds for CPUs and for CUDA differ behind the +; seqsweep that came with a job has no version
        wanted, found = (each[name].partition("+")[0] for each in (versions, here))
        if found != wanted and "unknown" not in (found, wanted):
            return f"node {socket.gethostname()} has {name} {found}, but must have {wanted} as the driver's"
    return None


def _of_the_place(error: Exception) -> bool:
    """Whether the same numbers may do well elsewhere or later."""
    import torch

    if isinstance(error, StoreError):
        return not isinstance(error, Damaged)
    if isinstance(
        error, MemoryError | OSError | ImportError | torch.OutOfMemoryError | ray.exceptions.RayError
    ):
        return True
    # torch has no type for these
    return isinstance(error, RuntimeError | AssertionError) and any(words in str(error) for words in TROUBLES)
