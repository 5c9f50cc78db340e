"""MATLAB's version 7.3 and other HDF5 by h5py: references are followed within the file, and nothing leads out of it."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from io import BytesIO
from math import prod
from typing import Any

import numpy as np

from seqsweep.extras import install
from seqsweep.seqmodels.data.archives.limits import allowed, too_much
from seqsweep.seqmodels.data.formats.mat_nodes import Cell, MatError, Node, Refused, Struct, Text

DEEPEST = 64  # groups and references in one another
MOST_NODES = 1_000_000
LONGEST = 64  # bytes of the name of a MATLAB class
TEXT = np.dtype([("length", "<u4"), ("heap", "<u8"), ("place", "<u4")])
"""How a text of any length is written."""
HEAPS = (b"GCOL\x01\0\0\0", b"HEAP\0\0\0\0")
"""Where texts and names are kept, the bytes that it has behind: HDF5 takes memory for so many without looking."""
HIDDEN = "#"  # begins the names of MATLAB's own groups
CHARACTERS = "char"


def read_hdf5(content: bytes) -> Struct:
    """Read all that a file holds. Raises MatError."""
    try:
        import h5py
    except ImportError:
        raise MatError(
            f"is HDF5 (as MATLAB 7.3 writes), which needs the extra `matlab`: {install('matlab')}"
        ) from None
    if any(size > len(content) for size in _heaps(content)):
        raise MatError("is damaged: a heap says that it has more bytes than the file")
    try:
        with h5py.File(BytesIO(content), "r") as file:
            reader = _Reader(h5py, file, content)
            members = reader.members(file, 0)
            axis = 3 if reader.is_matlab else 1
            return Struct({name: [node] for name, node in members.items()}, 1, axis)
    except MatError:
        raise
    except Exception as error:  # whatever h5py meets in a damaged file
        raise MatError(f"is damaged, or HDF5 that cannot be read: {str(error)[:200]}") from None


def _heaps(content: bytes) -> Iterator[int]:
    for sign in HEAPS:
        place = content.find(sign)
        while place >= 0:
            yield int.from_bytes(content[place + 8 : place + 16], "little")
            place = content.find(sign, place + 8)


class _Reader:
    def __init__(self, h5py: Any, file: Any, content: bytes) -> None:
        self.h5py, self.file, self.content = h5py, file, content
        self.size = len(content)
        self.left = allowed(self.size)
        self.nodes = 0
        self.is_matlab = False

    def members(self, group: Any, depth: int) -> dict[str, Node]:
        """Read what a group holds, but for what MATLAB hides."""
        found: dict[str, Node] = {}
        for name in group:
            if name.startswith(HIDDEN):
                continue
            link = group.get(name, getlink=True)
            if isinstance(link, self.h5py.ExternalLink):
                found[name] = Refused("a link to another file")
            elif (there := group.get(name)) is not None:  # a soft link may lead nowhere
                found[name] = self.node(there, depth + 1)
        return found

    def node(self, thing: Any, depth: int) -> Node:
        """Read a group or a data set."""
        self.nodes += 1
        if depth > DEEPEST or self.nodes > MOST_NODES:
            raise MatError(
                f"has more than {MOST_NODES:,} parts, or references more than {DEEPEST} deep in one another, the most that is "
                "read"
            )
        kind = _attribute(thing, "MATLAB_class").decode("latin-1")
        self.is_matlab |= bool(kind)
        if "MATLAB_object_decode" in thing.attrs or kind == "function_handle":
            return Refused(f"an object or a function ({kind})")
        if isinstance(thing, self.h5py.Group):
            return self._struct(thing, depth)
        if not isinstance(thing, self.h5py.Dataset):
            return Refused("a type, not data")
        return self._data(thing, kind, depth)

    def _struct(self, group: Any, depth: int) -> Node:
        if "MATLAB_sparse" in group.attrs:
            return Refused("a sparse matrix")
        parts = [
            group.get(name)
            for name in group
            if not isinstance(group.get(name, getlink=True), self.h5py.ExternalLink)
        ]
        if parts and all(self._is_column(each) for each in parts):
            counts = {each.size for each in parts}
            if len(counts) == 1:
                fields = {name: self._referred(group[name], depth) for name in group}
                return Struct(fields, counts.pop())
        return Struct({name: [node] for name, node in self.members(group, depth).items()}, 1)

    def _is_column(self, thing: Any) -> bool:
        """Tell whether this is a field of a struct array: references that are no cell array."""
        is_references = (
            isinstance(thing, self.h5py.Dataset) and self.h5py.check_ref_dtype(thing.dtype) is not None
        )
        return is_references and "MATLAB_class" not in thing.attrs

    def _referred(self, data: Any, depth: int) -> Sequence[Node]:
        self._spend(data)
        references = np.asarray(data[()]).ravel()  # stored in reversed order, so that this is MATLAB's
        return [self.node(self.file[each], depth + 1) if each else Refused("nothing") for each in references]

    def _data(self, data: Any, kind: str, depth: int) -> Node:
        if data.is_virtual or data.external:
            return Refused("kept in other files")
        if data.attrs.get("MATLAB_empty"):
            return Text(("",)) if kind == CHARACTERS else np.empty((0, 0))
        if data.shape is None:
            return np.empty((0, 0))
        if self.h5py.check_ref_dtype(data.dtype) is not None:
            return Cell(self._referred(data, depth))
        if (string := self.h5py.check_string_dtype(data.dtype)) is not None:
            self._spend(data)
            if string.length is None and (why := self._endless(data)):
                return Refused(why)
            texts = np.asarray(data.asstr(errors="replace")[()], object).ravel()
            return Text(tuple(str(each).strip() for each in texts))
        if data.dtype.kind not in "iufb":
            complex_ = data.dtype.names == ("real", "imag") or data.dtype.kind == "c"
            return Refused("complex numbers" if complex_ else f"of the type {str(data.dtype)[:40]}")
        self._spend(data)
        array = np.asarray(data[()])
        if kind == CHARACTERS:
            rows = np.atleast_2d(array.T)
            return Text(tuple("".join(map(chr, row)).strip() for row in rows.astype(np.uint16).tolist()))
        array = array.astype(np.uint8) if array.dtype.kind == "b" else array
        return np.atleast_2d(array.T) if kind else np.atleast_1d(array)

    def _spend(self, data: Any) -> None:
        """Hold what is said to be there against the file's bytes, before memory is taken for it."""
        self.left -= data.size * data.dtype.itemsize
        if self.left < 0:
            raise MatError(too_much(self.size))

    def _endless(self, data: Any) -> str:
        """Say why texts of any length are not read: HDF5 takes memory for the lengths that are written, without looking."""
        plan = data.id.get_create_plist()
        if self.file.userblock_size or self.file.id.get_create_plist().get_sizes() != (8, 8):
            return "text of any length in a file with a header of its own: save it as MATLAB's chars, or with a fixed length"
        filters = {plan.get_filter(place)[0] for place in range(plan.get_nfilters())}
        if plan.get_layout() == self.h5py.h5d.CONTIGUOUS:
            start, size = data.id.get_offset(), data.size * TEXT.itemsize
            pieces = [] if start is None else [self.content[start : start + size]]
        elif plan.get_layout() == self.h5py.h5d.CHUNKED and filters <= {self.h5py.h5z.FILTER_DEFLATE}:
            chunks = [data.id.get_chunk_info(place) for place in range(data.id.get_num_chunks())]
            size = prod(data.chunks) * TEXT.itemsize
            pieces = [self.content[each.byte_offset : each.byte_offset + each.size] for each in chunks]
            if filters:
                pieces = [zlib.decompressobj().decompress(each, size) for each in pieces]
        else:
            return "text of any length, stored in a way that cannot be looked through: save it with a fixed length"
        for raw in pieces:
            lengths = np.frombuffer(raw, TEXT, len(raw) // TEXT.itemsize)["length"]
            self.left -= int(lengths.sum(dtype=np.int64))
            if len(raw) < size or self.left < 0:
                raise MatError(too_much(self.size))
        return ""


def _attribute(thing: Any, name: str) -> bytes:
    """Give the bytes of a small attribute; none where it is not there, or of a kind that MATLAB does not write."""
    if name not in thing.attrs:
        return b""
    about = thing.attrs.get_id(name)
    if about.dtype.kind not in "Siu" or about.shape != () or about.dtype.itemsize > LONGEST:
        return b""
    return np.asarray(thing.attrs[name], about.dtype).tobytes().rstrip(b"\0")
