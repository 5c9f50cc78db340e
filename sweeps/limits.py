"""How much of a node's memory a trial may take: what trials keep to, and what `seqsweep plan` counts with."""

from __future__ import annotations

MEMORY_SHARE = 0.8  # of a node's memory may be taken by trials when all its cores run one
PROCESS_BYTES = 400_000_000  # of a worker that has done nothing yet: Python, torch, Ray

GPU_SHARE = 0.9  # of a GPU's memory may be taken by the trials on it
CUDA_CONTEXT = 500_000_000  # bytes of a GPU that a process takes before it has a tensor


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
