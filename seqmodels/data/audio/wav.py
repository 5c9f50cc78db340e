"""WAV files: RIFF, its big-endian twin RIFX, and RF64, with integers, floats, mu-law or A-law.

scipy's reader only warns of data that are cut off, and knows no G.711; its numbers are our tests' oracle.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seqsweep.seqmodels.data.audio.g711 import A_LAW, MU_LAW
from seqsweep.seqmodels.data.audio.sound import MOST_SAMPLES, Sound, SoundError, checked, too_many

MAGIC = (b"RIFF", b"RIFX", b"RF64")
PCM, FLOAT, CODE_A, CODE_MU, EXTENSIBLE = 1, 3, 6, 7, 0xFFFE
CODES = {2: "Microsoft ADPCM", 17: "IMA ADPCM", 49: "GSM 6.10", 80: "MPEG", 85: "MP3"}
UNKNOWN = 0xFFFF_FFFF  # a size that a stream's writer did not know, or that RF64 has elsewhere


@dataclass(frozen=True)
class Coding:
    """How samples are written."""

    code: int
    channels: int
    rate: int
    block: int  # bytes of a sample of all channels
    bits: int


def is_wav(beginning: bytes) -> bool:
    """Tell by the first 12 bytes."""
    return beginning[:4] in MAGIC and beginning[8:12] == b"WAVE"


def read_wav(data: bytes) -> Sound:
    """Read the bytes of a WAV file. Raises SoundError."""
    if not is_wav(data):
        raise SoundError("is no WAV file: it does not begin with RIFF, RIFX or RF64 and WAVE")
    order = ">" if data[:4] == b"RIFX" else "<"
    coding: Coding | None = None
    long_size: int | None = None  # of the data, where 32 bits cannot say it
    for name, start, size in _chunks(data, order):
        if name == b"ds64" and size >= 16:
            long_size = struct.unpack_from("<Q", data, start + 8)[0]
        elif name == b"fmt ":
            coding = _coding(data, start, size, order)
        elif name == b"data":
            if coding is None:
                raise SoundError("has its samples before the `fmt ` chunk that says how they are written")
            return checked(_samples(data, start, _size(data, start, size, long_size), coding, order))
    raise SoundError("has no `data` chunk" if coding else "has no `fmt ` chunk")


def _chunks(data: bytes, order: str) -> Iterator[tuple[bytes, int, int]]:
    """Go through the chunks up to the data: name, where its content begins, the size that it says."""
    place = 12
    while place + 8 <= len(data):
        name, size = struct.unpack_from(f"{order}4sI", data, place)
        if name != b"data" and place + 8 + size > len(data):
            shown = name.decode("ascii", "backslashreplace")
            raise SoundError(
                f"is damaged: its chunk `{shown}` says {size:,} bytes, but {len(data) - place - 8:,} are left"
            )
        yield name, place + 8, size
        place += 8 + size + size % 2


def _size(data: bytes, start: int, size: int, long_size: int | None) -> int:
    there = len(data) - start
    if size == UNKNOWN and long_size is None:
        return there
    size = long_size if size == UNKNOWN and long_size is not None else size
    if size > there:
        raise SoundError(f"is cut off: its samples should have {size:,} bytes, but {there:,} are there")
    return size


def _coding(data: bytes, start: int, size: int, order: str) -> Coding:
    if size < 16:
        raise SoundError(f"is damaged: its `fmt ` chunk has {size} bytes, but must have at least 16")
    code, channels, rate, _, block, bits = struct.unpack_from(f"{order}HHIIHH", data, start)
    if code == EXTENSIBLE:
        if size < 40:
            raise SoundError(
                f"is damaged: its extended `fmt ` chunk has {size} bytes, but must have at least 40"
            )
        code = struct.unpack_from(f"{order}I", data, start + 24)[0]  # where its GUID begins
    if code not in (PCM, FLOAT, CODE_A, CODE_MU):
        known = "integers, floats, mu-law or A-law"
        raise SoundError(
            f"is written as {CODES.get(code, f'format {code}')}, but must be {known}: convert it"
        )
    widths = {PCM: tuple(range(1, 9)), FLOAT: (4, 8), CODE_A: (1,), CODE_MU: (1,)}[code]
    width = block // channels if channels and block % channels == 0 else 0
    if width not in widths or not 8 * (width - 1) < bits <= 8 * width:
        allowed = ", ".join(str(8 * each) for each in widths)
        rule = f"says {channels} channel(s), {bits} bits and {block} bytes for all of them"
        raise SoundError(
            f"is damaged or unknown: it {rule}, but samples of format {code} have {allowed} bits"
        )
    return Coding(code, channels, rate, block, bits)


def _samples(data: bytes, start: int, size: int, coding: Coding, order: str) -> Sound:
    if size % coding.block:
        raise SoundError(
            f"is cut off: its samples have {size:,} bytes, which is no multiple of {coding.block}"
        )
    count, width = size // coding.block * coding.channels, coding.block // coding.channels
    if count > MOST_SAMPLES:
        raise too_many(count)
    full = 1.0 if coding.code == FLOAT else float(1 << (8 * width - 1))
    flat: npt.NDArray[Any]
    if coding.code in (CODE_A, CODE_MU):
        codes = np.frombuffer(data, np.uint8, count, start)
        flat, full = (MU_LAW if coding.code == CODE_MU else A_LAW)[codes], 32768.0
    elif coding.code == FLOAT:
        flat = np.frombuffer(data, f"{order}f{width}", count, start)
    elif width == 1:
        flat = np.frombuffer(data, np.uint8, count, start).astype(np.int16) - np.int16(128)
    elif width in (2, 4, 8):
        flat = np.frombuffer(data, f"{order}i{width}", count, start)
    else:
        flat = _widened(np.frombuffer(data, np.uint8, width * count, start).reshape(-1, width), order)
    return Sound(coding.rate, flat.reshape(-1, coding.channels), full)


def _widened(narrow: npt.NDArray[np.uint8], order: str) -> npt.NDArray[Any]:
    """Widen integers of 3, 5, 6 or 7 bytes to 4 or 8, by the shift that keeps the sign."""
    width = narrow.shape[1]
    whole = 4 if width < 4 else 8
    wide = np.zeros((len(narrow), whole), np.uint8)
    wide[:, slice(0, width) if order == ">" else slice(whole - width, whole)] = narrow
    found: npt.NDArray[Any] = np.right_shift(wide.view(f"{order}i{whole}").ravel(), 8 * (whole - width))
    return found
