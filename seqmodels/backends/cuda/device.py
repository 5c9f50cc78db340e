"""What the kernels run on: a GPU, or in the tests an emulator that runs the same sources on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

SOURCES = Path(__file__).parent / "kernels"


@dataclass(frozen=True)
class Kernel:
    """Names one instantiation of a kernel.

    Args:
        file: a header in `kernels/`.
        name: the C++ expression that names it there, as in `recurrence_forward<Lstm, 104, 32, Tf32>`.
    """

    file: str
    name: str


@dataclass(frozen=True)
class Long:
    """Marks a kernel argument of 64 bits."""

    value: int


Argument = Tensor | None | int | float | Long
"""A kernel's argument: a tensor's or a null pointer, a 32-bit integer, a 32-bit float, a 64-bit integer."""


@runtime_checkable
class Device(Protocol):
    """Launches kernels and says what they may use."""

    capability: tuple[int, int]
    """Compute capability, major and minor."""
    multiprocessors: int
    shared_bytes: int
    """Most dynamic shared memory of a block."""
    tensor_device: torch.device

    def empty(self, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """Take fresh memory, whatever it holds."""
        ...

    def launch(
        self,
        kernel: Kernel,
        grid: tuple[int, int, int],
        threads: int,
        shared_bytes: int,
        *arguments: Argument,
    ) -> None:
        """Put a kernel on torch's current stream; it neither allocates nor waits, so a CUDA graph can capture it.

        Args:
            kernel: compiled when it is first launched.
            grid: blocks in x, y and z, each at least 1.
            threads: threads of a block (x alone), at most 1024.
            shared_bytes: dynamic shared memory of a block.
            arguments: as the kernel declares them: pointers, `int`, `float`, `long long`.

        Raises:
            ValueError: more shared memory than the device has, or sources that do not compile.
            torch.OutOfMemoryError: there is no memory left for the kernel itself.
        """
        ...

    def record(self, run: Callable[[], None]) -> Callable[[], None]:
        """Record what `run` launches, as one thing to do again and again; nothing of it is done yet.

        All tensors that it names must stay where they are. Where memory runs out while it is recorded or done for the first time,
        both raise torch.OutOfMemoryError, and nothing of it has been done.
        """
        ...
