"""The bytes of a sound file to samples: WAV by ourselves, the others by libsndfile, the extra `audio`."""

from __future__ import annotations

import io
from types import ModuleType
from typing import Any

import numpy as np

from seqsweep.extras import install
from seqsweep.seqmodels.data.audio.sound import MOST_SAMPLES, Sound, SoundError, checked, too_many
from seqsweep.seqmodels.data.audio.wav import is_wav, read_wav

OTHERS = {b"fLaC": "FLAC", b"OggS": "Ogg", b"FORM": "AIFF", b".snd": "AU", b"NIST": "SPHERE"}
PEEKED = 12  # bytes that tell
BLOCK = 1 << 18  # samples of each channel that are read at once
WIDTHS = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32, "ULAW": 16, "ALAW": 16}


class _Content(io.BytesIO):
    """Bytes in which a damaged header may seek anywhere: libsndfile cannot hear of an exception."""

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a place in the bytes, the nearest there is."""
        size = len(self.getbuffer())
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self.tell(), io.SEEK_END: size}[whence]
        return super().seek(min(max(start + offset, 0), size))


def kind_of(beginning: bytes) -> str | None:
    """Name the kind of a sound file by how it begins, whatever its ending; None where it is none."""
    if is_wav(beginning):
        return "WAV"
    found = OTHERS.get(beginning[:4])
    if found == "AIFF" and beginning[8:12] not in (b"AIFF", b"AIFC"):
        return None
    return None if found == "SPHERE" and beginning[:7] != b"NIST_1A" else found


def decode(data: bytes) -> Sound:
    """Read the bytes of a sound file. Raises SoundError."""
    kind = kind_of(data[:PEEKED])
    if kind == "WAV":
        return read_wav(data)
    if kind is None:
        known = ", ".join(("WAV", *OTHERS.values()))
        raise SoundError(
            f"is no sound file that is known, which are {known}" if data else "is empty: it holds no sound"
        )
    library = _library(kind)
    try:
        with library.SoundFile(_Content(data)) as file:
            if file.frames * file.channels > MOST_SAMPLES:
                raise too_many(file.frames * file.channels)
            dtype = "int32" if file.subtype in WIDTHS else "float64"
            # piece by piece, so that what a header promises takes no memory
            pieces = list(file.blocks(BLOCK, dtype=dtype, always_2d=True)) or [np.zeros((0, 1), dtype)]
            rate, frames, subtype = file.samplerate, file.frames, file.subtype
    except SoundError:
        raise
    except Exception as error:  # of libsndfile, or of soundfile about what it said
        raise SoundError(
            f"is a damaged {kind} file, or of a kind that is not read: {_words(error)}"
        ) from None
    samples = np.concatenate(pieces)
    if len(samples) < frames:
        raise SoundError(f"is cut off: it should have {frames:,} samples, but {len(samples):,} are there")
    if subtype in WIDTHS:  # libsndfile shifts them to the left
        width = WIDTHS[subtype]
        return checked(Sound(rate, samples >> (32 - width), float(1 << (width - 1))))
    return checked(Sound(rate, samples, 1.0))


def _library(kind: str) -> ModuleType:
    try:
        import soundfile
    except (ImportError, OSError) as error:  # OSError: a build of it without libsndfile
        raise SoundError(
            f"is a {kind} file, which the extra `audio` reads ({install('audio')}), or convert it to WAV: {error}"
        ) from None
    found: Any = soundfile
    return found  # type: ignore[no-any-return]


def _words(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text.rpartition(">: ")[2] or type(error).__name__
