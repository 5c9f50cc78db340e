"""Archives (tar, plain or compressed, and zip), read within stated limits. Nothing is unpacked to disk.

An archive comes from strangers: its headers may lie about sizes, its links lead anywhere, a few bytes may stand for gigabytes.
It is decompressed once, from front to back, and only the contents that are wanted are kept.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
from collections.abc import Callable
from dataclasses import dataclass
from io import BufferedIOBase, BytesIO
from typing import IO, cast

from seqsweep.seqmodels.data.archives import limits
from seqsweep.seqmodels.data.archives.faults import FAULTS, problem, words
from seqsweep.seqmodels.data.archives.links import Followed, needed
from seqsweep.seqmodels.data.archives.tar import Stream, scan_tar
from seqsweep.seqmodels.data.archives.tree import Tree, Unread, hidden
from seqsweep.seqmodels.data.archives.zip import scan_zip
from seqsweep.seqmodels.data.errors import DataError

ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2", ".tbz", ".zip")
MAGIC = {
    b"\x1f\x8b": "gzip", b"\xfd7zXZ\0": "xz", b"BZh": "bzip2", b"PK\x03\x04": "zip", b"PK\x05\x06": "zip",
    b"PK\x07\x08": "zip", b"\x28\xb5\x2f\xfd": "zstd", b"7z\xbc\xaf\x27\x1c": "7z", b"Rar!": "rar", b"\x1f\x9d": "compress",
}  # fmt: skip
OPENERS: dict[str, Callable[[BufferedIOBase], BufferedIOBase]] = {
    "gzip": lambda file: gzip.GzipFile(fileobj=file),
    "xz": lambda file: lzma.LZMAFile(cast(IO[bytes], file)),  # noqa: SIM115
    "bzip2": lambda file: bz2.BZ2File(file),
}


@dataclass(frozen=True)
class Listing:
    """An archive's files by their path in it (no hidden ones), all its folders ("" is the root), what was passed over."""

    contents: dict[str, bytes | Unread]
    folders: frozenset[str]
    notes: tuple[str, ...]


def read_archive(file: BufferedIOBase, size: int, where: str, wanted: Callable[[str], bool]) -> Listing:
    """Read an archive of whatever kind its first bytes tell.

    Args:
        file: open for reading in binary mode, at its beginning, seekable.
        size: its bytes.
        where: what problems call it.
        wanted: by a member's path, whether its content is kept.

    Raises:
        DataError: it is damaged, of an unknown kind, breaks a limit, or has a link that leads to nothing in it.
    """

    def seen(name: str) -> bool:
        return wanted(name) and not hidden(name)

    tree = _scan(file, size, where, seen)
    # hidden files, or of other endings: content-addressed stores are packed so
    if more := needed(tree, wanted):
        file.seek(0)
        tree = _scan(file, size, where, lambda name: seen(name) or name in more)
    followed = Followed(tree)
    notes = tuple(f"{count} {what}" for what, count in tree.notes.items())
    return Listing(followed.contents, frozenset(followed.folders), notes)


def decompress(name: str, data: bytes, where: str) -> bytes:
    """`data` as it was before gzip, xz or bzip2, where the ending of `name` says that it is compressed.

    Raises DataError when it is damaged, or larger than the limits allow.
    """
    if not name.lower().endswith((".gz", ".xz", ".bz2")):
        return data
    kind = _kind(data[:8])
    if kind not in OPENERS:
        what = f"but is {kind}" if kind else "but is not compressed"
        raise problem(where, f"is called {name[name.rfind('.') :]}, {what}, or is damaged")
    most = min(limits.LARGEST_FILE, limits.allowed(len(data)))
    try:
        with OPENERS[kind](BytesIO(data)) as file:
            content = BytesIO()  # gives its bytes away without a copy
            while piece := file.read(limits.CHUNK):
                content.write(piece)
                if content.tell() > most:
                    raise problem(
                        where,
                        limits.too_much(len(data)) if most < limits.LARGEST_FILE else limits.too_large(),
                    )
    except FAULTS as error:
        if isinstance(error, DataError):
            raise
        raise problem(where, f"is damaged and cannot be decompressed: {words(error)}") from error
    return content.getvalue()


def decompressed_beginning(file: BufferedIOBase, count: int) -> bytes:
    """Give the first `count` bytes of a compressed file, of which no more is unpacked; none where it is damaged."""
    try:
        kind = _kind(file.read(8))
        file.seek(0)
        if kind not in OPENERS:
            return b""
        with OPENERS[kind](file) as unpacked:
            return unpacked.read(count)
    except FAULTS:
        return b""  # reading it says why


def _scan(file: BufferedIOBase, size: int, where: str, wanted: Callable[[str], bool]) -> Tree:
    tree = Tree(where)
    try:
        kind = _kind(file.read(8))
        file.seek(0)
        if kind == "zip":
            scan_zip(file, size, tree, wanted)
        elif kind is None:
            scan_tar(Stream(file, where, size, size), tree, wanted)
        elif kind in OPENERS:
            with OPENERS[kind](file) as unpacked:
                scan_tar(Stream(unpacked, where, limits.allowed(size), size), tree, wanted)
        else:
            raise problem(where, f"is a {kind} archive, which is not read: pack it as .tar.gz or .zip")
    except FAULTS as error:
        if isinstance(error, DataError):
            raise
        raise problem(where, f"is damaged: {words(error)}") from error
    return tree


def _kind(begin: bytes) -> str | None:
    return next((kind for magic, kind in MAGIC.items() if begin.startswith(magic)), None)
