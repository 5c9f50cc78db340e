"""Which backends there are, and which one trains here."""

from __future__ import annotations

import torch

from seqsweep.seqmodels.backends.base import Backend
from seqsweep.seqmodels.backends.cpu.backend import CpuBackend
from seqsweep.seqmodels.backends.cpu.library import available
from seqsweep.seqmodels.backends.cuda.backend import CudaBackend
from seqsweep.seqmodels.backends.cuda.gpu import first_gpu
from seqsweep.seqmodels.backends.cuda.shapes import padded_hidden
from seqsweep.seqmodels.backends.torch_ import TorchBackend

BACKENDS: dict[str, type[Backend]] = {"torch": TorchBackend, "cpu": CpuBackend, "cuda": CudaBackend}


def create_backend(
    name: str = "auto", device: str = "cpu", *, precision: str = "tf32", hidden: int = 1
) -> Backend:
    """Make the named backend, or with `auto` the best that this machine has for tensors on `device`.

    Args:
        name: `auto` or one of `BACKENDS`.
        device: `cpu` or `cuda`.
        precision: of matrix products on a GPU, `tf32` or `float32`.
        hidden: units that it must have kernels for.

    Raises:
        ValueError: there is no such backend, its kernels were not built, or it cannot be used here.
        torch.OutOfMemoryError: the GPU's memory is full.
    """
    on_gpu = device.startswith("cuda")
    if name == "auto" and on_gpu:
        name = "torch" if cuda_fault(hidden) else "cuda"
    elif name == "auto":
        name = "cpu" if available() else "torch"
    if name not in BACKENDS:
        raise ValueError(f"`backend` is {name!r}, but must be auto or one of {', '.join(BACKENDS)}")
    if name == "cuda":
        if fault := cuda_fault(hidden):
            raise ValueError(f"the cuda backend cannot be used: {fault}")
        return CudaBackend(precision=precision)
    if on_gpu:
        torch.backends.cudnn.allow_tf32 = precision == "tf32"
    return BACKENDS[name]()


def cuda_fault(hidden: int = 1) -> str | None:
    """Say why the `cuda` backend cannot train so many hidden units on the GPU that this process sees; None where it can.

    Raises torch.OutOfMemoryError where the GPU's memory is full, which says nothing of either.
    """
    try:
        first_gpu()
        padded_hidden(hidden)
    except ValueError as error:
        return str(error)
    return None
