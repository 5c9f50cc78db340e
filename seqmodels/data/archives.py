"""Archives (tar, plain or compressed, and zip), read within stated limits. Nothing is unpacked to disk.

An archive comes from strangers: its headers may lie about sizes, its links lead anywhere, a few bytes may stand for gigabytes.
It is decompressed once, from front to back, and only the contents that are wanted are kept.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import posixpath
import stat
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from io import BufferedIOBase, BytesIO
from typing import IO, Any, cast

from seqsweep.seqmodels.data.errors import DataError, Problem

ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2", ".tbz", ".zip")
MOST_MEMBERS = 1_000_000
MOST_DEPTH = 32  # folders in a path
LONGEST_PATH = 1000  # characters
LARGEST_FILE = 4_000_000_000  # bytes
MOST_BYTES = 16_000_000_000  # of an archive, decompressed
MOST_RATIO = 100  # decompressed to compressed bytes, text of numbers has 2 to 20 ...
FREE_BYTES = 64_000_000  # ... which does not matter up to here
MOST_HEADER = 1_000_000  # bytes of one member's extended headers
MOST_GLOBAL = 1000  # entries of the extended headers that are for all members
MOST_HOPS = 40  # links on the way to one file, as Linux has it
CHUNK = 1 << 20
END_MARK = bytes(tarfile.BLOCKSIZE)
FAULTS = (
    *(OSError, EOFError, ValueError, LookupError, RecursionError, RuntimeError, OverflowError, MemoryError),
    *(tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, NotImplementedError),
)
"""What the standard library raises for bytes that are no archive. RuntimeError: zip's word for a missing password."""
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
class Unread:
    """In place of a member's content: why there is none, as the predicate of a sentence."""

    reason: str


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
    if needed := tree.needed(
        wanted
    ):  # hidden files, or of other endings: content-addressed stores are packed so
        file.seek(0)
        tree = _scan(file, size, where, lambda name: seen(name) or name in needed)
    return tree.listing()


def decompress(name: str, data: bytes, where: str) -> bytes:
    """`data` as it was before gzip, xz or bzip2, where the ending of `name` says that it is compressed.

    Raises DataError when it is damaged, or larger than the limits allow.
    """
    if not name.lower().endswith((".gz", ".xz", ".bz2")):
        return data
    kind = _kind(data[:8])
    if kind not in OPENERS:
        what = f"but is {kind}" if kind else "but is not compressed"
        raise _problem(where, f"is called {name[name.rfind('.') :]}, {what}, or is damaged")
    most = min(LARGEST_FILE, _allowed(len(data)))
    try:
        with OPENERS[kind](BytesIO(data)) as file:
            content = BytesIO()  # gives its bytes away without a copy
            while piece := file.read(CHUNK):
                content.write(piece)
                if content.tell() > most:
                    raise _problem(where, _too_much(len(data)) if most < LARGEST_FILE else _too_large())
    except FAULTS as error:
        if isinstance(error, DataError):
            raise
        raise _problem(where, f"is damaged and cannot be decompressed: {_words(error)}") from error
    return content.getvalue()


def hidden(path: str) -> bool:
    """Whether a part of the path is what file managers hide: `.x`, and macOS's `__MACOSX`."""
    return any(part.startswith(".") or part == "__MACOSX" for part in path.split("/"))


def shown(path: str) -> str:
    """A member's path as messages have it."""
    path = path if len(path) <= 200 else path[:200] + "…"
    return path.encode("utf-8", "backslashreplace").decode()


@dataclass(frozen=True)
class _Link:
    target: str  # as written
    hard: bool


@dataclass
class _Tree:
    """The members by path, hidden ones too, as links may lead to them."""

    where: str
    entries: dict[str, bytes | Unread | _Link] = field(default_factory=dict)
    folders: set[str] = field(default_factory=lambda: {""})
    problems: list[Problem] = field(default_factory=list)
    notes: Counter[str] = field(default_factory=Counter)
    members: int = 0

    def path(self, name: str) -> str:
        """A member's name made tidy. Raises DataError where it breaks a limit or leads out."""
        self.members += 1
        if self.members > MOST_MEMBERS:
            raise _problem(
                self.where, f"has more than {MOST_MEMBERS:,} members, but may have at most so many"
            )
        if "\0" in name:
            raise self.fault(name, "has a name with a NUL character")
        path = posixpath.normpath(name.lstrip("/") or ".")
        self.check(path)
        if path == ".." or path.startswith("../"):
            raise self.fault(name, "leads out of the archive, which is refused")
        return "" if path == "." else path

    def check(self, path: str) -> None:
        """Raise DataError where a path is longer or deeper than the limits."""
        if len(path) > LONGEST_PATH:
            rule = f"has a path of {len(path):,} characters, but it may have at most {LONGEST_PATH}"
            raise self.fault(path, rule)
        if path.count("/") > MOST_DEPTH:
            rule = f"lies in {path.count('/')} folders, but may lie in at most {MOST_DEPTH}"
            raise self.fault(path, rule)

    def fault(self, path: str, rule: str) -> DataError:
        """An error that names one member."""
        return _problem(f"{self.where}!{shown(path)}", rule)

    def folder(self, path: str) -> None:
        """Add a folder and all above it."""
        while path not in self.folders:
            if path in self.entries:
                raise self.fault(path, "is both a file and a folder")
            self.folders.add(path)
            path = posixpath.dirname(path)

    def add(self, path: str, content: bytes | Unread | _Link) -> None:
        """Add what is no folder; of several with one path the last counts, as where they are unpacked."""
        if path in self.folders:
            raise self.fault(path, "is both a file and a folder")
        self.folder(posixpath.dirname(path))
        if path in self.entries and self.entries[path] != content and not hidden(path):
            self.notes["file(s) that are packed twice with different contents, the last counts"] += 1
        self.entries[path] = content

    def needed(self, wanted: Callable[[str], bool]) -> set[str]:
        """The paths of contents that were not kept, but that links of wanted names, or to hidden folders, lead to."""
        found, below = set(), set()
        for path, entry in self.entries.items():
            if isinstance(entry, _Link) and not hidden(path):
                real = self._resolved(path)
                if isinstance(real, Unread):
                    continue
                if real in self.folders:
                    below.add(real)
                elif wanted(path) and self.entries[real] == NOT_KEPT:
                    found.add(real)
        if below:
            found |= {
                path
                for path, entry in self.entries.items()
                if entry == NOT_KEPT and wanted(path) and below & set(_above(path))
            }
        return found

    def listing(self) -> Listing:
        """What is seen by a user. Raises DataError for links that lead to nothing."""
        contents: dict[str, bytes | Unread] = {}
        folders = {folder for folder in self.folders if not hidden(folder)}
        links = []
        for path, entry in self.entries.items():
            if hidden(path):
                self.notes["hidden file(s) (`.…`, `__MACOSX`)"] += 1
            elif isinstance(entry, _Link):
                links.append(path)
            else:
                contents[path] = entry
        if links:
            inside = _inside(self.entries, self.folders)
            for path in links:
                self._follow(path, path, frozenset(), inside, contents, folders)
        if self.problems:
            raise DataError(self.problems)
        passed_over = tuple(f"{count} {what}" for what, count in self.notes.items())
        return Listing(contents, frozenset(folders), passed_over)

    def _follow(
        self,
        name: str,
        link: str,
        within: frozenset[str],
        inside: dict[str, list[str]],
        contents: dict[str, bytes | Unread],
        folders: set[str],
    ) -> None:
        """Add to `contents` and `folders` what the link at the path `link` stands for, under the path `name`."""
        real = self._resolved(link)
        if isinstance(real, Unread):
            self.problems.append(self.fault(link, real.reason).problems[0])
            return
        entry = self.entries.get(real)
        if entry is not None:
            assert not isinstance(entry, _Link)
            contents[name] = entry
            return
        if not real or f"{link}/".startswith(f"{real}/") or real in within:
            self.notes["link(s) that lead to a folder they lie in"] += 1
            return
        self._copy(name, real, within | {real}, inside, contents, folders)

    def _copy(
        self,
        name: str,
        real: str,
        within: frozenset[str],
        inside: dict[str, list[str]],
        contents: dict[str, bytes | Unread],
        folders: set[str],
    ) -> None:
        """Add the folder at the path `real`, and all in it, under the path `name`; `within`: folders that are being added."""
        folders.add(name)
        for path in inside.get(real, []):
            copy = f"{name}/{posixpath.basename(path)}"
            if hidden(posixpath.basename(path)):
                continue
            self.check(copy)
            if len(contents) + len(folders) > MOST_MEMBERS:
                rule = f"has links that make more than {MOST_MEMBERS:,} files of it, but may have at most so many"
                raise _problem(self.where, rule)
            entry = self.entries.get(path)
            if isinstance(entry, _Link):
                self._follow(copy, path, within, inside, contents, folders)
            elif entry is None:
                self._copy(copy, path, within | {path}, inside, contents, folders)
            else:
                contents[copy] = entry

    def _resolved(self, path: str) -> str | Unread:
        """The path of the file or folder at the end of all links, or why there is none."""
        first = self.entries.get(path)
        hops = 0
        waiting = path.split("/")[::-1]
        real = ""
        while waiting:
            part = waiting.pop()
            if part in ("", "."):
                continue
            if part == "..":
                if not real:
                    return _broken(first, "which leads out of the archive: pack the file itself")
                real = posixpath.dirname(real)
                continue
            step = f"{real}/{part}" if real else part
            entry = self.entries.get(step)
            if not isinstance(entry, _Link):
                real = step
                continue
            hops += 1
            if hops > MOST_HOPS or len(waiting) > MOST_HOPS * LONGEST_PATH:
                return _broken(first, "and so on in a circle, or by too many links")
            if entry.target.startswith("/") and not entry.hard:
                return _broken(first, "which leads out of the archive: pack the file itself")
            waiting += entry.target.split("/")[::-1]
            real = "" if entry.hard else real
        if real in self.entries or real in self.folders:
            return real
        return _broken(first, "which is not in the archive: pack it too")


NOT_KEPT = Unread("is no file of this format, and was not read")


def _broken(link: object, why: str) -> Unread:
    target = link.target if isinstance(link, _Link) else "a link"
    return Unread(f"is a link to `{shown(target)}`, {why}")


def _above(path: str) -> Iterator[str]:
    """The folders that a path lies in."""
    while path:
        path = posixpath.dirname(path)
        yield path


def _inside(entries: Iterable[str], folders: Iterable[str]) -> dict[str, list[str]]:
    """The paths directly in each folder."""
    found: dict[str, list[str]] = {}
    for path in (*entries, *folders):
        if path:
            found.setdefault(posixpath.dirname(path), []).append(path)
    return found


def _scan(file: BufferedIOBase, size: int, where: str, wanted: Callable[[str], bool]) -> _Tree:
    tree = _Tree(where)
    try:
        kind = _kind(file.read(8))
        file.seek(0)
        if kind == "zip":
            _scan_zip(file, size, tree, wanted)
        elif kind is None:
            _scan_tar(_Stream(file, where, size, size), tree, wanted)
        elif kind in OPENERS:
            with OPENERS[kind](file) as unpacked:
                _scan_tar(_Stream(unpacked, where, _allowed(size), size), tree, wanted)
        else:
            raise _problem(where, f"is a {kind} archive, which is not read: pack it as .tar.gz or .zip")
    except FAULTS as error:
        if isinstance(error, DataError):
            raise
        raise _problem(where, f"is damaged: {_words(error)}") from error
    return tree


def _scan_tar(stream: _Stream, tree: _Tree, wanted: Callable[[str], bool]) -> None:
    stream.budget = MOST_HEADER
    file: Any = stream  # has what tarfile uses of a file
    with tarfile.open(fileobj=file, mode="r:", encoding="utf-8") as archive:
        for member in _members(archive, stream):
            path = tree.path(member.name)
            if member.size < 0:
                raise tree.fault(path, "is damaged: its size is negative")
            if member.isdir() or not path:
                tree.folder(path)
            elif member.issym() or member.islnk():
                tree.add(path, _Link(member.linkname, member.islnk()))
            elif member.issparse():
                tree.add(
                    path, Unread("is packed as a sparse file, which is not read: pack it without --sparse")
                )
            elif not member.isfile():
                tree.add(path, Unread(_other(member)))
            elif not wanted(path):
                tree.add(path, NOT_KEPT)
            elif member.size > LARGEST_FILE:
                raise tree.fault(path, _too_large())
            else:
                stream.seek(member.offset_data)
                content = stream.content(member.size)
                if len(content) < member.size:
                    raise _problem(tree.where, f"is damaged: it ends in the middle of {shown(path)}")
                tree.add(path, content)
    # tarfile takes a broken header in the middle for the end of the archive
    if stream.last != END_MARK:
        place = stream.tell() - len(stream.last)
        raise _problem(tree.where, f"is damaged: no file and no end mark at byte {place}")
    stream.finish()


def _members(archive: tarfile.TarFile, stream: _Stream) -> Iterator[tarfile.TarInfo]:
    while True:
        member = archive.next()
        if member is None:
            return
        archive.members = []  # type: ignore[attr-defined]  # else it keeps them all
        if len(archive.pax_headers) > MOST_GLOBAL:
            raise _problem(stream.where, f"has more than {MOST_GLOBAL} global headers")
        yield member
        stream.budget = MOST_HEADER


def _other(member: tarfile.TarInfo) -> str:
    if member.isfifo():
        return "is a FIFO, and no file"
    if member.isdev():
        return "is a device, and no file"
    return f"is of a kind that is not read (type {member.type!r})"


class _Stream:
    """Decompressed bytes from front to back, as far as they are allowed; goes back by what was read last, as tarfile does."""

    def __init__(self, source: BufferedIOBase, where: str, most: int, packed: int) -> None:
        self.source = source
        self.where = where
        self.most = min(most, MOST_BYTES)
        self.packed = packed
        self.budget = 0  # of bytes for headers
        self.last = b""
        self._again = b""
        self._place = 0

    def tell(self) -> int:
        return self._place

    def read(self, size: int) -> bytes:
        """Up to `size` bytes of headers."""
        if not 0 <= size <= self.budget:
            rule = f"is damaged: its headers at byte {self._place} would be larger than {MOST_HEADER:,} bytes"
            raise _problem(self.where, rule)
        self.budget -= size
        self.last = self.content(size)
        return self.last

    def content(self, size: int) -> bytes:
        """Up to `size` bytes."""
        found = BytesIO()  # gives its bytes away without a copy
        while found.tell() < size and (piece := self._piece(min(CHUNK, size - found.tell()))):
            found.write(piece)
        content = found.getvalue()
        self.last = content[-tarfile.BLOCKSIZE :]
        return content

    def seek(self, place: int) -> None:
        back = self._place - place
        if back > len(self.last):
            raise _problem(self.where, f"is damaged: it goes back at byte {self._place}")
        if back > 0:
            self._again = self.last[-back:] + self._again
            self._place = place
            return
        while self._place < place:
            piece = self._piece(min(CHUNK, place - self._place))
            if not piece:
                raise _problem(self.where, f"is damaged: it ends at byte {self._place}, in a file")
            self.last = piece[-tarfile.BLOCKSIZE :]

    def finish(self) -> None:
        """Read on to the end, where checksums are. Raises DataError where something else than padding comes."""
        while piece := self._piece(CHUNK):
            if piece.count(0) < len(piece):
                rule = f"goes on after its end mark, before byte {self._place}: pack joined archives as one archive"
                raise _problem(self.where, rule)

    def _piece(self, size: int) -> bytes:
        if self._again:
            piece, self._again = self._again[:size], self._again[size:]
        else:
            piece = self.source.read(size)
        self._place += len(piece)
        if self._place > self.most:
            raise _problem(self.where, _too_much(self.packed) if self.most < MOST_BYTES else _too_many())
        return piece


def _scan_zip(file: BufferedIOBase, size: int, tree: _Tree, wanted: Callable[[str], bool]) -> None:
    left = most = min(_allowed(size), MOST_BYTES)
    with zipfile.ZipFile(file) as archive:
        for member in archive.infolist():
            # some programs on Windows write backslashes, against the format
            path = tree.path(member.filename.replace("\\", "/"))
            mode = member.external_attr >> 16
            if member.is_dir() or not path:
                tree.folder(path)
                continue
            link = stat.S_ISLNK(mode)
            if stat.S_IFMT(mode) and not link and not stat.S_ISREG(mode):
                tree.add(path, Unread("is no file, but a device or a FIFO"))
                continue
            if not link and not wanted(path):
                tree.add(path, NOT_KEPT)
                continue
            if member.flag_bits & 1:
                raise tree.fault(path, "is encrypted: pack it without a password")
            if member.file_size > (LONGEST_PATH if link else LARGEST_FILE):
                raise tree.fault(path, _too_large())
            left -= member.file_size
            if left < 0:
                raise _problem(tree.where, _too_much(size) if most < MOST_BYTES else _too_many())
            try:
                with archive.open(member) as opened:
                    content = opened.read(member.file_size + 1)
            except FAULTS as error:
                raise tree.fault(path, f"is damaged: {_words(error)}") from error
            if len(content) != member.file_size:
                raise tree.fault(path, "is damaged: it is not as long as the archive says")
            tree.add(path, _Link(content.decode("utf-8", "surrogateescape"), False) if link else content)


def _kind(begin: bytes) -> str | None:
    return next((kind for magic, kind in MAGIC.items() if begin.startswith(magic)), None)


def _allowed(packed: int) -> int:
    return max(FREE_BYTES, MOST_RATIO * packed)


def _too_much(packed: int) -> str:
    return (
        f"comes to more than {_allowed(packed):,} bytes from {packed:,}, but data above {FREE_BYTES // 1_000_000} MB may grow "
        f"at most {MOST_RATIO}-fold: is it a bomb?"
    )


def _too_many() -> str:
    return f"has more than {MOST_BYTES / 1e9:g} GB decompressed, but may have at most so much: unpack it, and name the folder"


def _too_large() -> str:
    return f"is larger than {LARGEST_FILE / 1e9:g} GB, but a file may have at most so much"


def _words(error: BaseException) -> str:
    if isinstance(error, MemoryError):
        return "it asks for more memory than there is"
    if isinstance(error, RecursionError):
        return "its headers are nested too deeply"
    words = " ".join(str(error).split())[:200] or type(error).__name__
    return f"a header is malformed ({words})" if isinstance(error, ValueError | LookupError) else words


def _problem(where: str, rule: str) -> DataError:
    return DataError([Problem(where, rule)])
