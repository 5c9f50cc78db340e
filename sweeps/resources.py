"""Tells what fits a node: a trial has whole cores and a share of GPUs of one node, and keeps to a share of its memory."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from seqsweep.sweeps.errors import SpecError

if TYPE_CHECKING:
    from seqsweep.sweeps.spec.model import Resources

MEMORY_SHARE = 0.8  # of a node's memory may be taken by trials when all its cores run one
PROCESS_BYTES = 400_000_000  # of a worker that has done nothing yet: Python, torch, Ray

GPU_SHARE = 0.9  # of a GPU's memory may be taken by the trials on it
CUDA_CONTEXT = 500_000_000  # bytes of a GPU that a process takes before it has a tensor


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


def slots(resources: Resources, nodes: Nodes, source: str) -> int:
    """Trials at a time on all nodes.

    Raises:
        SpecError: a trial fits no node; `source` is what it calls the spec.
    """
    problems = [
        f"{source}: `resources.{name}` is {asked:g}, but must be at most {there}: a trial never spans nodes, and a node "
        f"has {there} {what} ({option})"
        for name, asked, there, what, option in (
            ("cpus_per_trial", resources.cpus_per_trial, nodes.cpus, "cores", "--cpus"),
            ("gpus_per_trial", resources.gpus_per_trial, nodes.gpus, "GPUs", "--gpus"),
        )
        if asked > there
    ]
    if problems:
        raise SpecError(problems)
    fit = nodes.count * trials_per_node(resources, nodes.cpus, nodes.gpus)
    return min(fit, resources.max_concurrent) if resources.max_concurrent else fit


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
