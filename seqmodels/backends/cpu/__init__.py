"""The `cpu` backend: C++ kernels that walk the flat tokens, called through a plain C interface."""

from __future__ import annotations

from seqsweep.seqmodels.backends.cpu.backend import CpuBackend
from seqsweep.seqmodels.backends.cpu.library import available, instruction_sets

__all__ = ["CpuBackend", "available", "instruction_sets"]
