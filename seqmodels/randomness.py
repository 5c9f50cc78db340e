"""Counter-based random draws: every number is a function of (seed, purpose, layer, epoch, step, position).

Nothing here keeps a state, so a lane's draws do not depend on other lanes, on the order of calls, or on a stop and resume.
Philox-4x64 (Salmon et al., "Parallel Random Numbers: As Easy as 1, 2, 3", SC'11) as in numpy: key = (seed, purpose),
counter words = (block + 1, step, epoch, layer); each 64-bit word gives two 32-bit draws, the low half first.
"""

from __future__ import annotations

import math
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray


class Purpose(IntEnum):
    """Says what the numbers are for: part of the key."""

    WEIGHTS = 1
    ORDER = 2
    DROPOUT = 3
    NOISE = 4


def _words(seed: int, purpose: Purpose, count: int, epoch: int, step: int, layer: int) -> NDArray[np.uint64]:
    key = np.array([seed, purpose], dtype=np.uint64)
    counter = np.array([0, step, epoch, layer], dtype=np.uint64)
    return np.asarray(np.random.Philox(key=key, counter=counter).random_raw(count), dtype=np.uint64)


def uniform(
    seed: int, purpose: Purpose, shape: tuple[int, ...], *, epoch: int = 0, step: int = 0, layer: int = 0
) -> NDArray[np.float32]:
    """Draw uniform numbers in [0, 1) with 24 random bits, float32 `shape`."""
    size = math.prod(shape)
    words = _words(seed, purpose, -(-size // 2), epoch, step, layer)
    halves = words.astype("<u8").view("<u4")[:size]
    return ((halves >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)).reshape(shape)


def normal(
    seed: int, purpose: Purpose, shape: tuple[int, ...], *, epoch: int = 0, step: int = 0, layer: int = 0
) -> NDArray[np.float32]:
    """Draw standard normal numbers by Box and Muller's transform of pairs of uniform ones, float32 `shape`."""
    size = math.prod(shape)
    pairs = uniform(seed, purpose, (-(-size // 2), 2), epoch=epoch, step=step, layer=layer)
    radius = np.sqrt(np.float32(-2) * np.log(np.float32(1) - pairs[:, 0]))
    angle = np.float32(2 * np.pi) * pairs[:, 1]
    return (
        np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1).reshape(-1)[:size].reshape(shape)
    )


def permutation(seed: int, count: int, *, epoch: int) -> NDArray[np.int64]:
    """Draw a random order of `0..count-1` for one epoch: 64-bit keys, sorted."""
    return np.argsort(_words(seed, Purpose.ORDER, count, epoch, 0, 0), kind="stable").astype(np.int64)
