"""Kaldi's archives: matrices and vectors of numbers, binary, compressed or text, one behind the other."""

from __future__ import annotations

import mmap
import re
import struct
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

Data = bytes | mmap.mmap
Numbers = npt.NDArray[Any]
BINARY = b"\0B"
LONGEST_KEY = 1000  # bytes
BLANK = b" \t\r\n"
LOOKS = re.compile(rb"\s*\S{1,1000}[ \t]+(?:\x00B(?:[FD][MV] |CM[23]? |\x04)|\[|-?\d+[ \n])")


class ArkError(ValueError):
    """An archive is not as Kaldi writes it; the message is the end of a sentence that names the file and the place."""


def looks_like_ark(beginning: bytes) -> bool:
    """Tell by a key and what follows it."""
    return LOOKS.match(beginning) is not None


def entries(data: Data) -> Iterator[tuple[str, int, Numbers]]:
    """Go through an archive: key, where its value begins, the value [T, D]. Raises ArkError."""
    place, size = 0, len(data)
    while True:
        while place < size and data[place : place + 1] in (b" ", b"\t", b"\r", b"\n"):
            place += 1
        if place == size:
            return
        key = re.match(rb"[^\s\0]+(?=[ \t\n])", data[place : place + LONGEST_KEY])
        if key is None:
            raise ArkError(f"is no archive, or damaged: at byte {place:,} no key begins")
        try:
            name = key[0].decode()
        except UnicodeDecodeError:
            raise ArkError(f"is no archive, or damaged: the key at byte {place:,} is not UTF-8") from None
        start = place + len(key[0]) + 1
        try:
            values, place = read_value(data, start)
        except ArkError as error:
            raise ArkError(f"at byte {start:,} (`{name}`) {error}") from None
        yield name, start, values


def read_value(data: Data, place: int) -> tuple[Numbers, int]:
    """Read the value at a place, [T, D], a view where the file has plain numbers; and where the next begins. Raises ArkError."""
    if place > len(data):
        raise ArkError(f"is beyond the end of the file, which has {len(data):,} bytes")
    if data[place : place + 2] != BINARY:
        return _text(data, place)
    place += 2
    if data[place : place + 1] == b"\4":
        return _integers(data, place)
    token = data[place : place + 4].split(b" ")[0]
    place += len(token) + 1
    if token in (b"FM", b"DM"):
        rows, place = _count(data, place)
        columns, place = _count(data, place)
        return _plain(data, place, token, rows, columns)
    if token in (b"FV", b"DV"):
        rows, place = _count(data, place)
        return _plain(data, place, token, rows, 1)
    if token in (b"CM", b"CM2", b"CM3"):
        return _compressed(data, place, token)
    raise ArkError(f"holds no matrix or vector of numbers, but `{token.decode('ascii', 'backslashreplace')}`")


def _count(data: Data, place: int) -> tuple[int, int]:
    _enough(data, place, 5)
    width, count = struct.unpack_from("<bi", data, place)
    if width != 4 or count < 0:
        raise ArkError("is damaged: where a count should be is none")
    return count, place + 5


def _enough(data: Data, place: int, wanted: int) -> None:
    if wanted > (there := max(len(data) - place, 0)):
        raise ArkError(f"is cut off: {wanted:,} bytes should follow, but {there:,} are there")


def _plain(data: Data, place: int, token: bytes, rows: int, columns: int) -> tuple[Numbers, int]:
    width = 4 if token[:1] == b"F" else 8
    _enough(data, place, size := rows * columns * width)
    found = np.frombuffer(data, f"<f{width}", rows * columns, place) if size else np.empty(0, np.float32)
    return found.reshape(rows, columns), place + size


def _integers(data: Data, place: int) -> tuple[Numbers, int]:
    """Read a vector of integers, of which each has its width before it."""
    count, place = _count(data, place)
    _enough(data, place, 5 * count)
    found = (
        np.frombuffer(data, np.dtype([("width", "i1"), ("value", "<i4")]), count, place) if count else None
    )
    if found is None:
        return np.empty((0, 1), np.int32), place
    if not (found["width"] == 4).all():
        raise ArkError("is damaged, or no vector of 32-bit integers")
    return found["value"].reshape(-1, 1), place + 5 * count


def _compressed(data: Data, place: int, token: bytes) -> tuple[Numbers, int]:
    """Read a compressed matrix: 16 or 8 bits between its least and its largest value, or 8 between percentiles of a column."""
    _enough(data, place, 16)
    least, span, rows, columns = struct.unpack_from("<ffii", data, place)
    place += 16
    if rows < 0 or columns < 0 or not np.isfinite([least, span]).all():
        raise ArkError("is damaged: the header of a compressed matrix has impossible numbers")
    count = rows * columns
    if token != b"CM":
        width = 2 if token == b"CM2" else 1
        _enough(data, place, count * width)
        stored = np.frombuffer(data, f"<u{width}", count, place) if count else np.empty(0, np.uint8)
        step = span / (65535 if width == 2 else 255)
        return (least + stored.reshape(rows, columns) * step).astype(np.float32), place + count * width
    _enough(data, place, 8 * columns + count)
    if not count:
        return np.empty((rows, columns), np.float32), place + 8 * columns
    levels = np.frombuffer(data, "<u2", 4 * columns, place).reshape(-1, 4)
    low, quarter, three, high = (least + levels * (span / 65535)).T
    place += 8 * columns
    stored = np.frombuffer(data, np.uint8, count, place).reshape(columns, rows).T.astype(np.float64)
    found = np.where(
        stored <= 64,
        low + (quarter - low) * stored / 64,
        np.where(
            stored <= 192,
            quarter + (three - quarter) * (stored - 64) / 128,
            three + (high - three) * (stored - 192) / 63,
        ),
    )
    return found.astype(np.float32), place + count


def _text(data: Data, place: int) -> tuple[Numbers, int]:
    """Read `[` rows `]`, or integers up to the end of the line."""
    while data[place : place + 1] in (b" ", b"\t"):
        place += 1
    if data[place : place + 1] == b"[":
        if (end := data.find(b"]", place)) < 0:
            raise ArkError("is cut off or no text archive: a `[` has no `]`")
        content = data[place + 1 : end]
        found, words = _numbers(content)
        if not re.match(rb"[ \t\r]*\n", content):
            return found.reshape(-1, 1), end + 1  # a vector begins in the line of its bracket
        counts = words[words > 0]
        if len(counts) and (counts != counts[0]).any():
            raise ArkError(f"has rows of {counts.min()} to {counts.max()} numbers")
        return found.reshape(len(counts), -1) if len(counts) else np.empty((0, 0), np.float32), end + 1
    end = data.find(b"\n", place)
    end = len(data) if end < 0 else end
    found, _ = _numbers(data[place:end])
    if not (found == np.floor(found)).all():
        raise ArkError("is no text archive: there is no `[`, and no whole numbers")
    return found.astype(np.int32).reshape(-1, 1), min(end + 1, len(data))


def _numbers(content: bytes) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Read words as numbers, without an object for each; and how many words each line has."""
    letters = np.frombuffer(content, np.uint8)
    blank = (letters == 32) | ((letters >= 9) & (letters <= 13))
    begins = ~blank & np.concatenate([[True], blank[:-1]])
    lines = np.concatenate([[0], np.cumsum(letters == 10)[:-1]]) if len(letters) else np.empty(0, np.int64)
    words = np.bincount(lines[begins].astype(np.int64))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            found = (
                np.fromstring(content.decode("ascii"), np.float64, sep=" ") if begins.any() else np.empty(0)
            )
        except (ValueError, DeprecationWarning, UnicodeDecodeError):
            raise ArkError("is damaged, or no archive: there are words that are no numbers") from None
    if len(found) != begins.sum():
        raise ArkError("is damaged, or no archive: there are words that are no numbers")
    with np.errstate(over="ignore"):
        return found.astype(np.float32), words
