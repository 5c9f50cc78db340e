"""Where the compiled kernels of the `cpu` backend lie: apart from the backend, so that asking needs no torch."""

from __future__ import annotations

from importlib.machinery import PathFinder
from pathlib import Path

from seqsweep import seqmodels


def find_kernels() -> Path | None:
    """The shared library, or None where it was not built."""
    folders = [str(Path(each, "backends", "cpu")) for each in seqmodels.__path__]
    spec = PathFinder.find_spec("_kernels", folders)
    return Path(spec.origin) if spec and spec.origin else None
