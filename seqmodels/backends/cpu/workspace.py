"""Memory that is used again: fresh pages cost more than the kernels' writes to them."""

from __future__ import annotations

import mmap
import threading

import torch
from jaxtyping import Float
from torch import Tensor


class Workspaces:
    """Lends buffers that grow and are never given back to the system while this lives. Safe for threads.

    Args:
        poison: fill a buffer with NaN whenever it is lent, for tests: nothing may be read before it is written.
    """

    def __init__(self, *, poison: bool = False) -> None:
        self.poison = poison
        self._idle: list[Tensor] = []
        self._lock = threading.Lock()

    def lend(self, floats: int) -> Loan:
        """Lend a buffer of at least so many float32 values, 64-byte aligned, until the loan is closed or forgotten."""
        with self._lock:
            # the largest: calls of one kind come back to the same few buffers, which soon fit all of them
            buffer = self._idle.pop() if self._idle else None
        if buffer is None or len(buffer) < floats:
            buffer = _pages(floats + floats // 8 + 1)
        if self.poison:
            buffer.fill_(torch.nan)
        return Loan(self, buffer)

    def take_back(self, buffer: Float[Tensor, "n"]) -> None:
        """Take the buffer back at the end of a loan."""
        with self._lock:
            self._idle.append(buffer)
            self._idle.sort(key=len)


class Loan:
    """A lent buffer; it goes back when closed, or with its last reference."""

    def __init__(self, owner: Workspaces, buffer: Float[Tensor, "n"]) -> None:
        self._owner = owner
        self._buffer: Tensor | None = buffer

    @property
    def address(self) -> int:
        """Find the first value in memory.

        Raises:
            RuntimeError: the loan is closed.
        """
        if self._buffer is None:
            raise RuntimeError("the state of this pass was used up by an earlier backward pass")
        return self._buffer.data_ptr()

    def close(self) -> None:
        """Give the buffer back."""
        buffer, self._buffer = self._buffer, None
        if buffer is not None:
            self._owner.take_back(buffer)

    def __del__(self) -> None:
        self.close()


def _pages(floats: int) -> Float[Tensor, "n"]:
    """Take page-aligned memory, in large pages where the system has them: a step's arrays have too many small ones."""
    memory = mmap.mmap(-1, 4 * floats, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        memory.madvise(mmap.MADV_HUGEPAGE)
    return torch.frombuffer(memory, dtype=torch.float32)
