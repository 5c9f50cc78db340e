"""Tar archives, read from front to back; what was read last can be read again, as tarfile does."""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator
from io import BufferedIOBase, BytesIO
from typing import Any

from seqsweep.seqmodels.data.archives import limits
from seqsweep.seqmodels.data.archives.faults import problem, shown
from seqsweep.seqmodels.data.archives.tree import NOT_KEPT, Link, Tree, Unread

END_MARK = bytes(tarfile.BLOCKSIZE)


def scan_tar(stream: Stream, tree: Tree, wanted: Callable[[str], bool]) -> None:
    """Read all members into `tree`, and the contents of those whose path is wanted."""
    stream.budget = limits.MOST_HEADER
    file: Any = stream  # has what tarfile uses of a file
    with tarfile.open(fileobj=file, mode="r:", encoding="utf-8") as archive:
        for member in _members(archive, stream):
            path = tree.path(member.name)
            if member.size < 0:
                raise tree.fault(path, "is damaged: its size is negative")
            if member.isdir() or not path:
                tree.folder(path)
            elif member.issym() or member.islnk():
                tree.add(path, Link(member.linkname, member.islnk()))
            elif member.issparse():
                tree.add(
                    path, Unread("is packed as a sparse file, which is not read: pack it without --sparse")
                )
            elif not member.isfile():
                tree.add(path, Unread(_other(member)))
            elif not wanted(path):
                tree.add(path, NOT_KEPT)
            elif member.size > limits.LARGEST_FILE:
                raise tree.fault(path, limits.too_large())
            else:
                stream.seek(member.offset_data)
                content = stream.content(member.size)
                if len(content) < member.size:
                    raise problem(tree.where, f"is damaged: it ends in the middle of {shown(path)}")
                tree.add(path, content)
    # tarfile takes a broken header in the middle for the end of the archive
    if stream.last != END_MARK:
        place = stream.tell() - len(stream.last)
        raise problem(tree.where, f"is damaged: no file and no end mark at byte {place}")
    stream.finish()


def _members(archive: tarfile.TarFile, stream: Stream) -> Iterator[tarfile.TarInfo]:
    while True:
        member = archive.next()
        if member is None:
            return
        archive.members = []  # type: ignore[attr-defined]  # else it keeps them all
        if len(archive.pax_headers) > limits.MOST_GLOBAL:
            raise problem(stream.where, f"has more than {limits.MOST_GLOBAL} global headers")
        yield member
        stream.budget = limits.MOST_HEADER


def _other(member: tarfile.TarInfo) -> str:
    if member.isfifo():
        return "is a FIFO, and no file"
    if member.isdev():
        return "is a device, and no file"
    return f"is of a kind that is not read (type {member.type!r})"


class Stream:
    """Decompressed bytes from front to back, as far as they are allowed; goes back by what was read last, as tarfile does."""

    def __init__(self, source: BufferedIOBase, where: str, most: int, packed: int) -> None:
        self.source = source
        self.where = where
        self.most = min(most, limits.MOST_BYTES)
        self.packed = packed
        self.budget = 0  # of bytes for headers
        self.last = b""
        self._again = b""
        self._place = 0

    def tell(self) -> int:
        """Tell how many bytes came before."""
        return self._place

    def read(self, size: int) -> bytes:
        """Up to `size` bytes of headers."""
        if not 0 <= size <= self.budget:
            rule = f"is damaged: its headers at byte {self._place} would be larger than {limits.MOST_HEADER:,} bytes"
            raise problem(self.where, rule)
        self.budget -= size
        self.last = self.content(size)
        return self.last

    def content(self, size: int) -> bytes:
        """Up to `size` bytes."""
        found = BytesIO()  # gives its bytes away without a copy
        while found.tell() < size and (piece := self._piece(min(limits.CHUNK, size - found.tell()))):
            found.write(piece)
        content = found.getvalue()
        self.last = content[-tarfile.BLOCKSIZE :]
        return content

    def seek(self, place: int) -> None:
        """Go on to a place, or back by what was read last."""
        back = self._place - place
        if back > len(self.last):
            raise problem(self.where, f"is damaged: it goes back at byte {self._place}")
        if back > 0:
            self._again = self.last[-back:] + self._again
            self._place = place
            return
        while self._place < place:
            piece = self._piece(min(limits.CHUNK, place - self._place))
            if not piece:
                raise problem(self.where, f"is damaged: it ends at byte {self._place}, in a file")
            self.last = piece[-tarfile.BLOCKSIZE :]

    def finish(self) -> None:
        """Read on to the end, where checksums are. Raises DataError where something else than padding comes."""
        while piece := self._piece(limits.CHUNK):
            if piece.count(0) < len(piece):
                rule = f"goes on after its end mark, before byte {self._place}: pack joined archives as one archive"
                raise problem(self.where, rule)

    def _piece(self, size: int) -> bytes:
        if self._again:
            piece, self._again = self._again[:size], self._again[size:]
        else:
            piece = self.source.read(size)
        self._place += len(piece)
        if self._place > self.most:
            raise problem(
                self.where,
                limits.too_much(self.packed) if self.most < limits.MOST_BYTES else limits.too_many(),
            )
        return piece
