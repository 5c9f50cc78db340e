"""Implementations of the recurrence behind one interface."""

from __future__ import annotations

from seqmodels.backends.base import Backend, Rows, Weights
from seqmodels.backends.torch_ import TorchBackend

__all__ = ["BACKENDS", "Backend", "Rows", "TorchBackend", "Weights", "create_backend"]

BACKENDS: dict[str, type[Backend]] = {"torch": TorchBackend}


def create_backend(name: str = "auto") -> Backend:
    """The named backend, or with `auto` the best that this machine has.

    Raises:
        ValueError: there is no such backend.
    """
    if name == "auto":
        return TorchBackend()
    if name not in BACKENDS:
        raise ValueError(f"`backend` is {name!r}, but must be auto or one of {', '.join(BACKENDS)}")
    return BACKENDS[name]()
