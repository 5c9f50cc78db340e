"""Is a MAT file what it says? Its elements are walked, sizes held against bytes, before scipy makes arrays of them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod

from seqsweep.seqmodels.data.archives.limits import allowed, too_much

DEEPEST = 64  # arrays in cells and structs in one another
COMPRESSED, MATRIX = 15, 14
CELL, STRUCT, OBJECT, CHAR, SPARSE, FUNCTION, OPAQUE = 1, 2, 3, 4, 5, 16, 17
NUMERIC = range(6, 16)
WIDTHS = {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 4, 9: 8, 12: 8, 13: 8, 16: 1, 17: 2, 18: 4}  # bytes, by type
WIDTHS_4 = (8, 4, 4, 2, 2, 1)  # of version 4's types
HDF5 = b"\x89HDF\r\n\x1a\n"
HDF5_PLACES = (0, 512, 1024, 2048)


class MatError(ValueError):
    """A file is damaged, hostile, or no MAT file; the message says why."""


@dataclass(frozen=True)
class Variable:
    """One that a file holds; `refused` says why it is of no use, if it is of none."""

    name: str
    refused: str = ""


def version(begin: bytes) -> str | None:
    """Tell by its beginning (at least 3 kB) what a file is: `hdf5`, `5`, `4`, or None."""
    if any(begin[place : place + 8] == HDF5 for place in HDF5_PLACES):
        return "hdf5"
    if begin[126:128] in (b"IM", b"MI") and begin.startswith(b"MATLAB"):
        return "5"
    return "4" if _order_4(begin) else None


def scan(content: bytes) -> tuple[bytes, list[Variable]]:
    """Check a file of version 4 to 7.2, and give it without its compression. Raises MatError."""
    if version(content) == "4":
        return content, list(_scan_4(content))
    if content[126:128] not in (b"IM", b"MI"):
        raise MatError("is no MAT file: it has neither the header of one nor that of HDF5")
    order = "<" if content[126:128] == b"IM" else ">"
    pieces, found = [content[:128]], list[Variable]()
    place, grown = 128, 0
    while place + 8 <= len(content):
        kind, size, start, end = _tag(content, place, len(content), order)
        element = content[place:end]
        if kind == COMPRESSED:
            element = _inflated(content[start : start + size], len(content), grown)
            grown += len(element)
            end = start + size  # these alone have no padding
        inner_kind, inner_size, inner, inner_end = _tag(element, 0, len(element), order)
        if inner_kind != MATRIX:
            raise MatError(f"has an element of type {inner_kind} where a variable (14) must stand")
        found.append(_matrix(element, inner, inner + inner_size, order, 0))
        pieces.append(element[:inner_end] + b"\0" * (-inner_end % 8))
        place = end
    return b"".join(pieces), found


def _inflated(packed: bytes, whole: int, grown: int) -> bytes:
    most = allowed(whole) - grown
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
    start = place + 8
    if kind >> 16:  # short: both in one word, and the bytes in the next
        kind, size = kind & 0xFFFF, kind >> 16
        start = place + 4
        if size > 4:
            raise MatError("is damaged: a short element has more than 4 bytes")
        return kind, size, start, place + 8
    if start + size > stop:
        raise MatError(
            f"is damaged: an element says that it has {size:,} bytes, but {stop - start:,} are left"
        )
    return kind, size, start, min(stop, start + size + (-size % 8))


def _matrix(content: bytes, place: int, stop: int, order: str, depth: int) -> Variable:
    """Walk one array. Raises MatError where sizes do not fit."""
    if depth > DEEPEST:
        raise MatError(f"has arrays more than {DEEPEST} deep in one another, the most that is read")
    if place == stop:
        return Variable("")  # an empty one
    _, size, start, place = _tag(content, place, stop, order)
    if size < 8:
        raise MatError("is damaged: a variable has no flags")
    flags = struct.unpack_from(order + "I", content, start)[0]
    kind = flags & 0xFF
    if kind == OPAQUE:
        _, size, start, place = _tag(content, place, stop, order)
        name = _text(content[start : start + size])
        for _ in range(2):  # the type system, and the class
            _, _, _, place = _tag(content, place, stop, order)
        _inside(content, place, stop, order, depth, 1)
        return Variable(name, "an object (categorical, table, datetime, string, ...)")
    _, size, start, place = _tag(content, place, stop, order)
    if not 8 <= size <= 4 * 32 or size % 4:
        raise MatError("is damaged: a variable has no dimensions")
    shape = struct.unpack_from(f"{order}{size // 4}i", content, start)
    if min(shape) < 0:
        raise MatError("is damaged: a dimension is negative")
    _, size, start, place = _tag(content, place, stop, order)
    name, count = _text(content[start : start + size]), prod(shape)
    if kind == FUNCTION:
        _inside(content, place, stop, order, depth, 1)
        return Variable(name, "a function")
    if kind == SPARSE:
        return Variable(name, "a sparse matrix")
    if kind in (CELL, STRUCT, OBJECT):
        fields = 1
        if kind == OBJECT:
            _, _, _, place = _tag(content, place, stop, order)
        if kind in (STRUCT, OBJECT):
            _, size, start, place = _tag(content, place, stop, order)
            longest = struct.unpack_from(order + "i", content, start)[0] if size >= 4 else 0
            if longest <= 0:
                raise MatError("is damaged: a struct has no names of fields")
            _, size, start, place = _tag(content, place, stop, order)
            fields = size // longest
        if count * fields * 8 > stop - place or (not fields and count > stop):
            raise MatError(
                f"is damaged: {name or 'an array'} says that it has {count:,} cells, which are not there"
            )
        _inside(content, place, stop, order, depth, count * fields)
        return Variable(name, "an object" if kind == OBJECT else "")
    if kind != CHAR and kind not in NUMERIC:
        raise MatError(f"is damaged: an array is of class {kind}, which does not exist")
    stored, size, start, _ = _tag(content, place, stop, order)
    if stored not in WIDTHS or (count * WIDTHS[stored] != size and kind != CHAR) or count > size:
        raise MatError(
            f"is damaged: {name or 'an array'} is {'x'.join(map(str, shape))}, but has {size:,} bytes"
        )
    return Variable(name, "complex numbers" if flags & 0x800 else "")


def _inside(content: bytes, place: int, stop: int, order: str, depth: int, count: int) -> None:
    """Walk the arrays that an array holds."""
    for _ in range(count):
        kind, size, start, end = _tag(content, place, stop, order)
        if kind != MATRIX:
            raise MatError(f"is damaged: a cell is of type {kind}, but must be an array ({MATRIX})")
        _matrix(content, start, start + size, order, depth + 1)
        place = end


def _order_4(begin: bytes) -> str | None:
    """Find the byte order of a file of version 4, which has no magic text; None where it is no such file."""
    if len(begin) < 20:
        return None
    for order, digit in (("<", 0), (">", 1)):
        mopt, rows, columns, imaginary, length = struct.unpack_from(order + "5i", begin)
        thousands, rest = divmod(mopt, 1000)
        good = thousands == digit and rest < 100 and rest // 10 < 6 and rest % 10 < 3
        named = begin[20 : 20 + length - 1] if 1 < length < 64 else b""
        if good and _is_name(named) and rows >= 0 and columns >= 0 and imaginary in (0, 1):
            return order
    return None


def _is_name(word: bytes) -> bool:
    return word.isascii() and word.decode().isidentifier()


def _scan_4(content: bytes) -> Iterator[Variable]:
    place, order = 0, _order_4(content)
    while place < len(content):
        if place + 20 > len(content):
            raise MatError("is damaged: it ends within a variable")
        mopt, rows, columns, imaginary, length = struct.unpack_from(f"{order}5i", content, place)
        kind, width = mopt % 10, (mopt // 10) % 10
        if not (
            0 <= mopt < 1100 and width < 6 and kind < 3 and rows >= 0 and columns >= 0 and 0 < length < 1000
        ):
            raise MatError("is damaged: a variable's header makes no sense")
        size = rows * columns * WIDTHS_4[width] * (1 + (imaginary == 1))
        name = content[place + 20 : place + 20 + length - 1]
        place += 20 + length
        if size > len(content) - place:
            raise MatError(
                f"is damaged: a variable says that it has {size:,} bytes, but {max(0, len(content) - place):,} are left"
            )
        place += size
        yield Variable(
            _text(name), "a sparse matrix" if kind == 2 else "complex numbers" if imaginary else ""
        )


def _text(name: bytes) -> str:
    return name.partition(b"\0")[0].decode("latin-1")
