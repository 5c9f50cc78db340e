"""The bytes of one HTK parameter file, or of one of Sphinx's, to numbers."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

HEADER = 12
KINDS = (
    "WAVEFORM",
    "LPC",
    "LPREFC",
    "LPCEPSTRA",
    "LPDELCEP",
    "IREFC",
    "MFCC",
    "FBANK",
    "MELSPEC",
    "USER",
    "DISCRETE",
    "PLP",
    "ANON",
)
OF_SHORTS = ("WAVEFORM", "IREFC", "DISCRETE")
QUALIFIERS = "ENDACZK0VT"  # of a kind, from the bit 0o100 upwards
COMPRESSED, CHECKED = 0o2000, 0o10000
REFLECTION = 32767.0  # what HTK multiplies reflection coefficients by
SPHINX_COUNT = 4
Frames = npt.NDArray[np.float32] | npt.NDArray[np.int16]


class HtkError(ValueError):
    """A file is not as its header says; the message is the end of a sentence that names it."""


@dataclass(frozen=True)
class Header:
    """What the first 12 bytes say, in one of the two byte orders."""

    order: str
    frames: int
    period: int  # in units of 100 nanoseconds
    size: int  # bytes of a frame
    kind: int

    @classmethod
    def of(cls, beginning: bytes, order: str) -> Header:
        """Read them."""
        return cls(order, *struct.unpack_from(f"{order}iihH", beginning))

    @property
    def base(self) -> str:
        """The name of the base kind; empty where there is none of that number."""
        number = self.kind & 0o77
        return KINDS[number] if number < len(KINDS) else ""

    @property
    def name(self) -> str:
        """The kind as HTK writes it: `MFCC_0_D_A`."""
        found = [letter for bit, letter in enumerate(QUALIFIERS) if self.kind & (0o100 << bit)]
        return "_".join([self.base or f"kind {self.kind & 0o77}", *found])

    @property
    def is_compressed(self) -> bool:
        """Whether frames are 16-bit integers, with two numbers for each column that scale them."""
        return bool(self.kind & COMPRESSED) and self.base not in OF_SHORTS

    @property
    def width(self) -> int:
        """Bytes of a number."""
        return 2 if self.is_compressed or self.base in OF_SHORTS else 4

    @property
    def bytes(self) -> int:
        """The size of the whole file."""
        # the numbers that scale are counted as four frames
        return HEADER + self.frames * self.size + 2 * bool(self.kind & CHECKED)

    @property
    def fault(self) -> str:
        """Say what cannot be in a header; empty where it can."""
        if not self.base:
            return f"says kind {self.kind & 0o77}, but HTK's are 0 to {len(KINDS) - 1}"
        least = 4 if self.is_compressed else 0
        if self.frames <= least:
            return f"says {max(self.frames - least, 0)} frames, but must have at least 1"
        if self.size <= 0 or self.size % self.width:
            return (
                f"says {self.size} bytes for a frame of {self.name}, which must be a multiple of {self.width}"
            )
        return ""


def looks_like_htk(beginning: bytes, size: int) -> bool:
    """Tell whether a header agrees with the size of its file."""
    return len(beginning) >= HEADER and any(
        not (header := Header.of(beginning, order)).fault and header.bytes == size and header.period >= 0
        for order in "><"
    )


def read_htk(data: bytes) -> tuple[Frames, Header]:
    """Read a whole file, in the byte order that agrees with its size: HTK's is big-endian. Raises HtkError."""
    if len(data) < HEADER:
        raise HtkError(f"is no HTK file: it has {len(data)} bytes, but its header alone has {HEADER}")
    headers = [Header.of(data, order) for order in "><"]
    header = next((each for each in headers if not each.fault and each.bytes == len(data)), headers[0])
    if header.fault:
        raise HtkError(f"is no HTK file, or damaged: its header {header.fault}")
    if header.bytes != len(data):
        rule = f"{header.frames:,} frames of {header.size} bytes ({header.name}) make {header.bytes:,} bytes"
        raise HtkError(f"is cut off or damaged: {rule}, but it has {len(data):,}")
    columns = header.size // header.width
    if header.is_compressed:
        return _uncompressed(data, header, columns), header
    kind = f"{header.order}i2" if header.base in OF_SHORTS else f"{header.order}f4"
    found = np.frombuffer(data, kind, header.frames * columns, HEADER).reshape(-1, columns)
    if header.base == "IREFC":
        return (found / REFLECTION).astype(np.float32), header
    if header.base in OF_SHORTS:
        return found.astype(np.int16), header
    return found.astype(np.float32), header


def _uncompressed(data: bytes, header: Header, columns: int) -> npt.NDArray[np.float32]:
    scale, offset = (
        np.frombuffer(data, f"{header.order}f4", 2 * columns, HEADER).reshape(2, -1).astype(np.float64)
    )
    if not (scale != 0).all() or not np.isfinite([scale, offset]).all():
        raise HtkError("is damaged: a number that scales its compressed columns is 0 or not finite")
    start = HEADER + 8 * columns
    stored = np.frombuffer(data, f"{header.order}i2", (header.frames - 4) * columns, start)
    with np.errstate(over="ignore"):
        return ((stored.reshape(-1, columns) + offset) / scale).astype(np.float32)


def looks_like_sphinx(beginning: bytes, size: int) -> bool:
    """Tell whether the count agrees with the size, in one byte order or the other."""
    return (
        len(beginning) >= SPHINX_COUNT and size > SPHINX_COUNT and _sphinx_order(beginning, size) is not None
    )


def _sphinx_order(beginning: bytes, size: int) -> str | None:
    rest = size - SPHINX_COUNT
    return next((order for order in "<>" if 4 * struct.unpack_from(f"{order}i", beginning)[0] == rest), None)


def read_sphinx(data: bytes, columns: int) -> npt.NDArray[np.float32]:
    """Read a whole file of frames of `columns` numbers. Raises HtkError."""
    if not looks_like_sphinx(data, len(data)):
        raise HtkError("is damaged: it begins with no count of the numbers that follow")
    found = np.frombuffer(data, f"{_sphinx_order(data, len(data))}f4", offset=SPHINX_COUNT)
    if len(found) % columns:
        raise HtkError(
            f"has {len(found):,} numbers, which are no whole frames of {columns}: say by `dimensions` how long one is"
        )
    return found.reshape(-1, columns).astype(np.float32)
