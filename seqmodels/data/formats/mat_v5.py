"""MATLAB's files of version 5 to 7.2. Sizes are held against bytes before an array is made.

Why not by scipy: its reader is compiled without such checks, and damaged files end the process.
"""

from __future__ import annotations

import struct
import zlib
from math import prod

import numpy as np

from seqsweep.seqmodels.data.archives.limits import allowed, too_much
from seqsweep.seqmodels.data.formats.mat_nodes import Cell, MatError, Node, Refused, Struct, Text

DEEPEST = 64  # arrays in cells and structs in one another
COMPRESSED, MATRIX = 15, 14
CELL, STRUCT, OBJECT, CHAR, SPARSE, FUNCTION, OPAQUE = 1, 2, 3, 4, 5, 16, 17
CLASSES = range(6, 16)  # of numbers
TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
ENCODINGS = {1: "latin-1", 2: "latin-1", 4: "utf-16", 16: "utf-8", 17: "utf-16", 18: "utf-32"}
ORDERS = {b"IM": "<", b"MI": ">"}
COMPLEX = 0x800
LONGEST_NAME = 4096


def read_v5(content: bytes) -> Struct:
    """Read all variables. Raises MatError."""
    order = ORDERS[content[126:128]]
    found: dict[str, list[Node]] = {}
    place, left = 128, allowed(len(content))
    while place + 8 <= len(content):
        kind, size, start, end = _tag(content, place, len(content), order)
        element, stop = content, end
        if kind == COMPRESSED:
            element = _inflated(content[start : start + size], left, len(content))
            left -= len(element)
            end = start + size  # these alone have no padding
            kind, size, start, stop = _tag(element, 0, len(element), order)
        if kind != MATRIX:
            raise MatError(f"has an element of type {kind} where a variable ({MATRIX}) must stand")
        name, node = _Matrix(element, order).read(start, min(stop, start + size), 0)
        if name:  # without are what objects and functions need
            found[name] = [node]
        place = end
    return Struct(found, 1)


def _inflated(packed: bytes, most: int, whole: int) -> bytes:
    unpacking = zlib.decompressobj()
    try:
        content = unpacking.decompress(packed, most + 1)
    except zlib.error as error:
        raise MatError(f"is damaged and cannot be decompressed: {error}") from None
    if len(content) > most:
        raise MatError(too_much(whole))
    if not unpacking.eof:
        raise MatError("is damaged: a compressed variable is cut off")
    return content


def _tag(content: bytes, place: int, stop: int, order: str) -> tuple[int, int, int, int]:
    """Read a tag: the type, the bytes, where they begin, and where the next tag does. Raises MatError."""
    if place + 8 > stop:
        raise MatError("is damaged: it ends within a variable")
    kind, size = struct.unpack_from(order + "II", content, place)
    if kind >> 16:  # short: both in one word, and the bytes in the next
        kind, size = kind & 0xFFFF, kind >> 16
        if size > 4:
            raise MatError("is damaged: a short element has more than 4 bytes")
        return kind, size, place + 4, place + 8
    start = place + 8
    if start + size > stop:
        raise MatError(
            f"is damaged: an element says that it has {size:,} bytes, but {stop - start:,} are left"
        )
    return kind, size, start, min(stop, start + size + (-size % 8))


class _Matrix:
    """Reads the arrays in a piece of memory."""

    def __init__(self, content: bytes, order: str) -> None:
        self.content, self.order = content, order
        self.place = self.stop = 0

    def read(self, place: int, stop: int, depth: int) -> tuple[str, Node]:
        """Read the array that lies there, with its name. Raises MatError."""
        if depth > DEEPEST:
            raise MatError(f"has arrays more than {DEEPEST} deep in one another, the most that is read")
        if place == stop:
            return "", np.empty((0, 0))
        self.place, self.stop = place, stop
        _, flags = self._next()
        if len(flags) < 4:
            raise MatError("is damaged: a variable has no flags")
        word = struct.unpack_from(self.order + "I", flags)[0]
        kind = word & 0xFF
        if kind == OPAQUE:
            return _text(self._next()[1]), Refused("an object (categorical, table, datetime, string, ...)")
        _, dimensions = self._next()
        if not 8 <= len(dimensions) <= 4 * 32 or len(dimensions) % 4:
            raise MatError("is damaged: a variable has no dimensions")
        shape = struct.unpack(f"{self.order}{len(dimensions) // 4}i", dimensions)
        if min(shape) < 0:
            raise MatError("is damaged: a dimension is negative")
        name = _text(self._next()[1])
        if kind in (OBJECT, FUNCTION, SPARSE):
            return name, Refused(
                {OBJECT: "an object", FUNCTION: "a function", SPARSE: "a sparse matrix"}[kind]
            )
        if kind == CELL:
            return name, Cell(self._arrays(prod(shape), depth, name))
        if kind == STRUCT:
            return name, self._struct(prod(shape), depth, name)
        if kind == CHAR:
            return name, self._characters(shape, name)
        if kind not in CLASSES:
            raise MatError(f"is damaged: an array is of class {kind}, which does not exist")
        return name, Refused("complex numbers") if word & COMPLEX else self._numbers(shape, name)

    def _next(self) -> tuple[int, bytes]:
        kind, size, start, self.place = _tag(self.content, self.place, self.stop, self.order)
        return kind, self.content[start : start + size]

    def _arrays(self, count: int, depth: int, name: str) -> list[Node]:
        if count * 8 > self.stop - self.place:
            raise MatError(
                f"is damaged: {name or 'an array'} says that it has {count:,} cells, which are not there"
            )
        found = []
        place, stop = self.place, self.stop
        for _ in range(count):
            kind, size, start, place = _tag(self.content, place, stop, self.order)
            if kind != MATRIX:
                raise MatError(f"is damaged: a cell is of type {kind}, but must be an array ({MATRIX})")
            found.append(self.read(start, start + size, depth + 1)[1])
        return found

    def _struct(self, count: int, depth: int, name: str) -> Node:
        _, word = self._next()
        longest = struct.unpack_from(self.order + "i", word)[0] if len(word) >= 4 else 0
        _, letters = self._next()
        if not 0 < longest <= LONGEST_NAME:
            raise MatError("is damaged: a struct has no names of fields")
        names = [
            _text(letters[at : at + longest]) for at in range(0, len(letters) // longest * longest, longest)
        ]
        values = self._arrays(count * len(names), depth, name)
        return Struct({each: values[at :: len(names)] for at, each in enumerate(names)}, count)

    def _characters(self, shape: tuple[int, ...], name: str) -> Node:
        kind, letters = self._next()
        if kind not in ENCODINGS:
            raise MatError(f"is damaged: the text {name or 'of a cell'} is of type {kind}")
        encoding = ENCODINGS[kind]
        if encoding in ("utf-16", "utf-32"):
            encoding += "-le" if self.order == "<" else "-be"
        text = letters.decode(encoding, errors="replace")
        rows = shape[0]
        if prod(shape) == 0:
            return Text(("",) * min(rows, 1))
        if rows == 1:
            return Text((text.strip(),))
        if len(text) != prod(shape):
            raise MatError(
                f"is damaged: the text {name or 'of a cell'} does not have the letters that it says"
            )
        return Text(tuple(text[row::rows].strip() for row in range(rows)))

    def _numbers(self, shape: tuple[int, ...], name: str) -> Node:
        kind, size, start, self.place = _tag(self.content, self.place, self.stop, self.order)
        dtype = np.dtype(self.order + TYPES[kind]) if kind in TYPES else None
        if dtype is None or prod(shape) * dtype.itemsize != size:
            sizes = "x".join(map(str, shape))
            raise MatError(
                f"is damaged: {name or 'an array'} is {sizes}, but has {size:,} bytes of type {kind}"
            )
        return np.frombuffer(self.content, dtype, prod(shape), start).reshape(shape, order="F")


def _text(name: bytes) -> str:
    letters = name.partition(b"\0")[0]
    try:
        return letters.decode()
    except UnicodeDecodeError:
        return letters.decode("latin-1")
