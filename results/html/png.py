"""Images of one byte a pixel as PNG (ISO/IEC 15948), a few lines of what an image library would do."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np

SHADES = 64
# from blue over grey to yellow, told apart with any colour vision: like cividis (Nuñez et al. 2018)
_KNOTS = ((0, 34, 78), (65, 77, 108), (124, 123, 120), (188, 175, 111), (254, 232, 56))


def _interpolated() -> np.ndarray[Any, np.dtype[np.uint8]]:
    knots = np.array(_KNOTS, float)
    places = np.linspace(0, len(knots) - 1, SHADES)
    channels = [np.interp(places, np.arange(len(knots)), knots[:, channel]) for channel in range(3)]
    return np.stack(channels, axis=1).round().astype(np.uint8)


PALETTE = _interpolated()  # [SHADES, 3]


def encode(
    pixels: np.ndarray[Any, np.dtype[np.uint8]], palette: np.ndarray[Any, np.dtype[np.uint8]]
) -> bytes:
    """`pixels` [height, width] are rows of `palette` [up to 256, 3], red, green, blue."""
    height, width = pixels.shape
    rows = np.concatenate([np.zeros((height, 1), np.uint8), pixels], axis=1)  # filter 0 before each row
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [
            _chunk(b"IHDR", header),
            _chunk(b"PLTE", palette.tobytes()),
            _chunk(b"IDAT", zlib.compress(rows.tobytes(), 9)),
            _chunk(b"IEND", b""),
        ]
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
