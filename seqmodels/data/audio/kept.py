"""Features that were computed before, kept by what the file holds and by the recipe; the user's cache folder has them."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from seqsweep.cache import cache_folder, write_whole

Features = npt.NDArray[np.float32]
VERSION = 1  # of the numbers: what computes other features from the same recipe has another
OFF = "SEQSWEEP_FEATURE_CACHE"
"""The variable of the environment that turns keeping off by `0`, `no` or `off`."""


def kept(content: bytes, how: str, compute: Callable[[], Features]) -> Features:
    """Give the features of a file's `content` by the recipe `how`: those that are kept, or computed now and kept.

    Several processes may do so at once. A folder that cannot be written, or a damaged file in it, only costs time.
    """
    file = _file(content, how)
    if file is None:
        return compute()
    with contextlib.suppress(OSError, ValueError, EOFError):
        return _unpacked(file.read_bytes())
    fresh = compute()
    with contextlib.suppress(OSError):
        write_whole(file, _packed(fresh))
    return fresh


def _file(content: bytes, how: str) -> Path | None:
    if os.environ.get(OFF, "").strip().lower() in ("0", "no", "off"):
        return None
    key = hashlib.sha256(f"{VERSION}\0{how}\0".encode() + hashlib.sha256(content).digest()).hexdigest()
    try:
        return cache_folder("features") / key[:2] / key
    except RuntimeError:  # pathlib's: the user has no home
        return None


def _packed(features: Features) -> bytes:
    """Write a digest of what follows, and a file of numpy's."""
    file = io.BytesIO()
    np.save(file, features, allow_pickle=False)
    return hashlib.sha256(file.getvalue()).digest() + file.getvalue()


def _unpacked(content: bytes) -> Features:
    """Read `_packed`. Raises ValueError where it is not whole."""
    digest, file = content[:32], content[32:]
    if hashlib.sha256(file).digest() != digest:
        raise ValueError("is damaged")
    found = np.load(io.BytesIO(file), allow_pickle=False)
    if found.dtype != np.float32 or found.ndim != 2:
        raise ValueError("holds no features")
    return np.asarray(found)
