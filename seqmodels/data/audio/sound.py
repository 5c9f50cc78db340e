"""Samples as they were written, and one channel of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from seqsweep.seqmodels.data.numbers import LARGEST

Channel = int | Literal["mean"]
MOST_SAMPLES = 100_000_000  # of all channels: more than half an hour at 48 kHz
Samples = npt.NDArray[np.floating]
WIDE = 8  # bytes of a sample that float32 would round
LEAST_RATE, MOST_RATE = 100, 1_000_000


class SoundError(ValueError):
    """A sound file cannot be read or used; the message is the end of a sentence that names the file."""


@dataclass(frozen=True, eq=False)
class Sound:
    """What a sound file holds.

    Args:
        rate: in samples a second.
        samples: [n, channels], integers or floats.
        full: the value that is full scale: 32768 for integers of 16 bits, 1 for floats.
    """

    rate: int
    samples: npt.NDArray[Any]
    full: float

    @property
    def channels(self) -> int:
        """How many there are."""
        return int(self.samples.shape[1])

    def mono(self, channel: Channel | None, *, narrow: bool = False) -> Samples:
        """Give one channel (from 1), or the mean of all, full scale 1; None is for files that have one. Raises SoundError.

        It is float64, or float32 where `narrow` asks for it and no bits are lost.
        """
        if channel is None and self.channels > 1:
            raise SoundError(
                f'has {self.channels} channels: say by `channel` which, such as `channel = 1`, or `channel = "mean"`'
            )
        if isinstance(channel, int) and channel > self.channels:
            raise SoundError(f"has {self.channels} channel(s), so there is none for `channel = {channel}`")
        kind = np.float32 if narrow and self.samples.dtype.itemsize < WIDE else np.float64
        if channel == "mean" and self.channels > 1:
            return np.asarray(self.samples.mean(axis=1, dtype=np.float64) / self.full, kind)
        one = self.samples[:, (channel if isinstance(channel, int) else 1) - 1]
        # full scale is a power of two, so that nothing is rounded
        found: Samples = one.astype(kind)
        found *= 1 / self.full
        return found


def checked(sound: Sound) -> Sound:
    """Give the sound back. Raises SoundError where it has no samples, such as are no numbers, or a rate that nothing has."""
    if not LEAST_RATE <= sound.rate <= MOST_RATE:
        raise SoundError(
            f"says a sample rate of {sound.rate:,} Hz, but it must be {LEAST_RATE} to {MOST_RATE:,} Hz"
        )
    if not sound.samples.size:
        raise SoundError("has no samples")
    if sound.samples.dtype.kind == "f":
        with np.errstate(invalid="ignore"):
            wrong = int((~(np.abs(sound.samples) <= LARGEST)).sum())
        if wrong:
            raise SoundError(f"has {wrong:,} samples that are not finite, or do not fit float32")
    return sound


def too_many(samples: int) -> SoundError:
    """Say that a file is too long."""
    return SoundError(f"has {samples:,} samples, but at most {MOST_SAMPLES:,} are read: cut it into pieces")
