"""Arrays of `.npy` and `.npz` files: mapped into memory where they lie on disk as they are; nothing is ever unpickled.

What a header claims is held against the bytes that are there before anything is made of it.
"""

from __future__ import annotations

import math
import posixpath
import zipfile
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
import numpy.typing as npt

from seqsweep.seqmodels.data.archives.faults import FAULTS, words
from seqsweep.seqmodels.data.archives.limits import LARGEST_FILE, allowed, too_large, too_much
from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.files import PACKED, Files, decompress, open_bytes

Array = npt.NDArray[Any]
Buffer = npt.NDArray[np.uint8]
MAGIC = b"\x93NUMPY"
LONGEST_HEADER = 10_000  # bytes
MOST_ARRAYS = 10_000
LOCAL_HEADER = 30  # bytes of a zip member's own header before its name
OBJECTS = (
    "has Python objects, which only unpickling could read, and a pickle may run anything: save arrays of numbers, padded with "
    "NaN, or flat with `lengths`"
)


def read_arrays(files: Files, inner: str) -> dict[str, Array]:
    """Read the arrays of a file by their names; that of an `.npy` file is its name. Raises DataError."""
    where = files.where(inner)
    buffer = _buffer(files, inner)
    if bytes(buffer[: len(MAGIC)]) == MAGIC:
        return {_stem(inner): read_array(buffer, where)}
    if bytes(buffer[:2]) != b"PK":
        raise DataError([Problem(where, "is no array: it begins neither as .npy nor as .npz files do")])
    return _members(buffer, files.path(inner), where)


def read_array(buffer: Buffer, where: str) -> Array:
    """View what an `.npy` file holds. Raises DataError where it is damaged, or holds anything but numbers and texts."""
    try:
        shape, fortran, dtype, begin = _header(bytes(buffer[: _header_size(bytes(buffer[:12]))]))
    except (*FAULTS, TypeError, SyntaxError, TokenError) as error:
        reason = (str(error).splitlines() or ["its header cannot be read"])[0]
        raise DataError([Problem(where, f"is damaged, or no array: {reason[:200]}")]) from None
    if dtype.hasobject:
        raise DataError([Problem(where, OBJECTS)])
    if dtype.kind not in "fiubUS" or dtype.names is not None:
        raise DataError(
            [Problem(where, f"has values of the kind {dtype}, but must have real numbers or texts")]
        )
    count = math.prod(shape)
    if begin + count * dtype.itemsize > len(buffer):
        rule = f"claims {count:,} values of {dtype.itemsize} bytes, but has {len(buffer) - begin:,} bytes: it is cut off"
        raise DataError([Problem(where, rule)])
    if not dtype.itemsize:  # texts without characters
        return np.zeros(shape, dtype) if count <= len(buffer) else np.zeros(0, dtype)
    values = np.frombuffer(buffer, dtype, count, begin) if count else np.zeros(0, dtype)
    return values.reshape(shape, order="F" if fortran else "C")


def _header_size(beginning: bytes) -> int:
    """Give the bytes up to the values, as far as a header may be long."""
    begin = 10 if beginning[6:7] == b"\x01" else 12
    return begin + min(int.from_bytes(beginning[8:begin], "little"), LONGEST_HEADER + 64)


@lru_cache(maxsize=256)
def _header(beginning: bytes) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """Read the shape, the order, the type, and where values begin; files of one shape begin alike. Raises as numpy does."""
    file = BytesIO(beginning)
    version = np.lib.format.read_magic(file)
    if version == (1, 0):
        found = np.lib.format.read_array_header_1_0(file, max_header_size=LONGEST_HEADER)
    elif version == (2, 0):
        found = np.lib.format.read_array_header_2_0(file, max_header_size=LONGEST_HEADER)
    else:
        raise ValueError(f"version {version[0]}.{version[1]} is not read")
    shape, fortran, dtype = found
    if not all(isinstance(size, int) and size >= 0 for size in shape):
        raise ValueError(f"its shape is {shape}")
    return shape, fortran, dtype, file.tell()


def _buffer(files: Files, inner: str) -> Buffer:
    path = files.path(inner)
    if path is None or inner.lower().endswith(PACKED):
        return np.frombuffer(decompress(inner, files.read(inner), files.where(inner)), np.uint8)
    open_bytes(path).close()  # is it a file at all?
    return np.memmap(path, np.uint8, "r") if path.stat().st_size else np.zeros(0, np.uint8)


def _members(buffer: Buffer, path: Path | None, where: str) -> dict[str, Array]:
    problems: list[Problem] = []
    found: dict[str, Array] = {}
    try:
        with zipfile.ZipFile(BytesIO(bytes(buffer)) if path is None else path) as archive:
            entries = archive.infolist()
            if len(entries) > MOST_ARRAYS:
                rule = f"holds {len(entries):,} arrays, but at most {MOST_ARRAYS:,} are read from one file"
                raise DataError([Problem(where, rule)])
            for entry in entries:
                name = entry.filename.removesuffix(".npy")
                try:
                    found[name] = read_array(_content(archive, entry, buffer, where), f"{where}!{name}")
                except DataError as error:
                    problems += error.problems
    except DataError:
        raise
    except FAULTS as error:
        raise DataError([Problem(where, f"is damaged: {words(error)}")]) from None
    if problems:
        raise DataError(problems)
    if not found:
        raise DataError([Problem(where, "holds no arrays")])
    return found


def _content(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, buffer: Buffer, where: str) -> Buffer:
    """Give a member's bytes: a view of the file where they are not compressed."""
    if entry.compress_type == zipfile.ZIP_STORED and not entry.flag_bits & 1:
        header = bytes(buffer[entry.header_offset : entry.header_offset + LOCAL_HEADER])
        if len(header) == LOCAL_HEADER:
            lengths = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
            begin = entry.header_offset + LOCAL_HEADER + lengths
            return buffer[begin : begin + entry.file_size]
    most = allowed(entry.compress_size)
    if entry.file_size > min(most, LARGEST_FILE):
        rule = too_much(entry.compress_size) if most < LARGEST_FILE else too_large()
        raise DataError([Problem(f"{where}!{entry.filename}", rule)])
    with archive.open(entry) as file:
        content = file.read(entry.file_size + 1)
    return np.frombuffer(content, np.uint8)


def _stem(inner: str) -> str:
    name = posixpath.basename(inner)
    for packed in PACKED:
        name = name.removesuffix(packed)
    return posixpath.splitext(name)[0]
