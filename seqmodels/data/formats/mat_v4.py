"""MATLAB's files of version 4, which begin with no magic text: matrices of numbers or letters, one behind the other."""

from __future__ import annotations

import struct

import numpy as np

from seqsweep.seqmodels.data.formats.mat_nodes import MatError, Node, Refused, Struct, Text

TYPES = ("f8", "f4", "i4", "i2", "u2", "u1")
TEXT, SPARSE = 1, 2
HEADER = 20
LONGEST_NAME = 1000


def byte_order(begin: bytes) -> str | None:
    """Find the byte order of a file by its first header; None where it is no such file."""
    if len(begin) < HEADER:
        return None
    for order, digit in (("<", 0), (">", 1)):
        mopt, rows, columns, imaginary, length = struct.unpack_from(order + "5i", begin)
        name = begin[HEADER : HEADER + length - 1] if 1 < length < 64 else b""
        is_name = name.isascii() and name.decode().isidentifier()
        thousands, rest = divmod(mopt, 1000)
        good = thousands == digit and rest < 100 and rest // 10 < len(TYPES) and rest % 10 <= SPARSE
        if good and is_name and rows >= 0 and columns >= 0 and imaginary in (0, 1):
            return order
    return None


def read_v4(content: bytes) -> Struct:
    """Read all variables. Raises MatError."""
    found: dict[str, list[Node]] = {}
    place, order = 0, byte_order(content)
    while place < len(content):
        if place + HEADER > len(content):
            raise MatError("is damaged: it ends within a variable")
        mopt, rows, columns, imaginary, length = struct.unpack_from(f"{order}5i", content, place)
        kind, width = mopt % 10, (mopt // 10) % 10
        good = 0 <= mopt < 1100 and width < len(TYPES) and kind <= SPARSE and 0 < length < LONGEST_NAME
        if not good or rows < 0 or columns < 0:
            raise MatError("is damaged: a variable's header makes no sense")
        dtype = np.dtype(f"{order}{TYPES[width]}")
        name = content[place + HEADER : place + HEADER + length].partition(b"\0")[0].decode("latin-1")
        place += HEADER + length
        size = rows * columns * dtype.itemsize * (1 + (imaginary == 1))
        if size > len(content) - place:
            left = max(0, len(content) - place)
            raise MatError(f"is damaged: a variable says that it has {size:,} bytes, but {left:,} are left")
        array = np.frombuffer(content, dtype, rows * columns, place).reshape(rows, columns, order="F")
        place += size
        if kind == SPARSE or imaginary:
            found[name] = [Refused("a sparse matrix" if kind == SPARSE else "complex numbers")]
        elif kind == TEXT:
            codes = np.nan_to_num(array).clip(0, 255).astype(np.uint8)
            found[name] = [Text(tuple(bytes(row).decode("latin-1").strip() for row in codes))]
        else:
            found[name] = [array]
    return Struct(found, 1)
