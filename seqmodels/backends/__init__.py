"""Implementations of the recurrence behind one interface."""

from __future__ import annotations

from seqmodels.backends.base import (
    Backend,
    Batch,
    Epoch,
    EpochBackend,
    EpochResult,
    Rows,
    StepBackend,
    Updates,
    Weights,
)
from seqmodels.backends.cpu import CpuBackend, available
from seqmodels.backends.cuda.backend import CudaBackend
from seqmodels.backends.torch_ import TorchBackend

__all__ = [
    "BACKENDS",
    "Backend",
    "Batch",
    "CpuBackend",
    "CudaBackend",
    "Epoch",
    "EpochBackend",
    "EpochResult",
    "Rows",
    "StepBackend",
    "TorchBackend",
    "Updates",
    "Weights",
    "create_backend",
]

BACKENDS: dict[str, type[Backend]] = {"torch": TorchBackend, "cpu": CpuBackend, "cuda": CudaBackend}


def create_backend(name: str = "auto", device: str = "cpu") -> Backend:
    """The named backend, or with `auto` the best that this machine has for tensors on `device`.

    Raises:
        ValueError: there is no such backend, its kernels were not built, or there is no GPU for it.
    """
    if name == "auto":
        return CpuBackend() if device == "cpu" and available() else TorchBackend()
    if name not in BACKENDS:
        raise ValueError(f"`backend` is {name!r}, but must be auto or one of {', '.join(BACKENDS)}")
    return BACKENDS[name]()
