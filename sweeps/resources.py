"""Tells what fits a node: a trial has whole cores and a share of GPUs of one node, and keeps to a share of its memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seqsweep.cluster.errors import ClusterError
from seqsweep.cluster.local import Machine

if TYPE_CHECKING:
    from seqsweep.sweeps.spec.model import Resources

MEMORY_SHARE = 0.8  # of a node's memory may be taken by trials when all its cores run one
PROCESS_BYTES = 400_000_000  # of a worker that has done nothing yet: Python, torch, Ray

GPU_SHARE = 0.9  # of a GPU's memory may be taken by the trials on it
CUDA_CONTEXT = 500_000_000  # bytes of a GPU that a process takes before it has a tensor


@dataclass(frozen=True)
class Place:
    """Machines, and how a message speaks of them.

    Args:
        machines: one of each kind, or all.
        words: what comes before "more CPUs": `this machine has no`.
        options: of the command line, which set a machine's cores and GPUs; "" where none does.
        source: what problems call the spec; "" where nobody knows.
    """

    machines: Sequence[Machine]
    words: str
    options: tuple[str, str] = ("", "")
    source: str = ""


@dataclass(frozen=True)
class Nodes:
    """Equal machines.

    Args:
        count: how many.
        cpus: cores of each.
        gpus: GPUs of each.
        memory: bytes of each.
        gpu_memory: bytes of each GPU; None where nobody said.
    """

    count: int
    cpus: int
    gpus: int
    memory: int
    gpu_memory: int | None = None

    @property
    def machine(self) -> Machine:
        """One of them."""
        return Machine(self.cpus, self.gpus)

    def place(self, source: str) -> Place:
        """Say what they are called where a trial of `source` fits none of them."""
        return Place([self.machine], "a node has no", ("--cpus", "--gpus"), source)


def trials_per_node(resources: Resources, cpus: int, gpus: int) -> int:
    """Trials that a node runs at a time.

    A share below one GPU lies on one GPU: three trials of 0.4 need two of them, as Ray places them.
    """
    fit = cpus // resources.cpus_per_trial
    share = resources.gpus_per_trial
    if not share:
        return fit
    # Ray counts in units of 1e-4; floor(1 / share) alone would give 9 for a share of 0.1 + 1e-17
    by_gpu = gpus * trials_per_gpu(share) if share < 1 else gpus // math.ceil(share)
    return min(fit, by_gpu)


def trials_per_gpu(share: float) -> int:
    """Trials that have a GPU in common; `share` is above 0."""
    return max(1, math.floor(10_000 / max(1, round(10_000 * share))))


def slots(resources: Resources, machines: Sequence[Machine], count: int = 1) -> int:
    """Trials at a time on `count` times these machines; 0 where a trial fits none of them."""
    fit = count * sum(trials_per_node(resources, machine.cpus, machine.gpus) for machine in machines)
    return min(fit, resources.max_concurrent) if resources.max_concurrent else fit


def check_fits(resources: Resources, place: Place) -> None:
    """Refuse a trial that fits no node, for which Ray would wait for ever.

    Raises:
        ClusterError: what is asked for, and the most there is.
    """
    if slots(resources, place.machines):
        return
    before = f"{place.source}: " if place.source else ""
    problems = []
    for name, asked, unit, option in (
        ("cpus_per_trial", resources.cpus_per_trial, "CPUs", place.options[0]),
        ("gpus_per_trial", resources.gpus_per_trial, "GPUs", place.options[1]),
    ):
        most = max((getattr(machine, unit.lower()) for machine in place.machines), default=0)
        if asked > most:
            problems.append(
                f"{before}`resources.{name}` is {asked:g}, but must be at most {most}: {place.words} more {unit}"
                f"{option and f' ({option})'}, and a trial never spans nodes"
            )
    raise ClusterError(
        "\n".join(problems)
        or f"{before}`resources` asks for {resources.cpus_per_trial} CPUs and {resources.gpus_per_trial:g} GPUs a trial, "
        f"but {place.words} both"
    )


def trial_memory(memory: int, cpus: int, threads: int) -> int:
    """Bytes that a trial on `threads` of a node's `cpus` cores may take beyond its process's own.

    Args:
        memory: the node's, bytes.
        cpus: the node's cores.
        threads: the trial's cores.
    """
    return max(0, int(MEMORY_SHARE * memory * min(1.0, threads / cpus)) - PROCESS_BYTES)


def trial_gpu_memory(memory: int, share: float) -> int:
    """Bytes of a GPU that a trial may take beyond its context.

    Args:
        memory: the GPU's, bytes.
        share: how much of a GPU the trial has; of several it uses one.
    """
    return max(0, int(GPU_SHARE * memory * min(1.0, share)) - CUDA_CONTEXT)
