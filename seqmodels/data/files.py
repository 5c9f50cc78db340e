"""A folder or an archive behind one small listing. Archives are read in memory, never unpacked to disk."""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from io import BufferedReader, BytesIO
from pathlib import Path

from seqsweep.seqmodels.data.archives.limits import LARGEST_FILE, MOST_DEPTH, MOST_MEMBERS
from seqsweep.seqmodels.data.archives.reading import (
    ARCHIVES,
    decompress,
    decompressed_beginning,
    read_archive,
)
from seqsweep.seqmodels.data.archives.tree import Unread, hidden
from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.names import is_text
from seqsweep.seqmodels.data.notes import log

__all__ = [
    "ARCHIVES",
    "Files",
    "decompress",
    "list_files",
    "one_file",
    "open_bytes",
    "open_files",
    "read_bytes",
]
PACKED = (".gz", ".xz", ".bz2")
STREAMS = (
    "/dev/fd/",
    "/dev/stdin",
    "/proc/self/fd/",
)  # what a shell's <(...) comes to: somebody writes there


@dataclass(frozen=True)
class Files:
    """Files by their path below `root` (with `/` on every system); hidden ones are left out."""

    root: str
    separator: str  # "/" in a folder, "!" in an archive
    contents: dict[str, Path | bytes | Unread]
    folders: frozenset[str]  # every folder below the root, empty ones too; the root itself is ""
    places: Mapping[str, str] = field(default_factory=dict)  # how they are named, where that differs

    def where(self, inner: str) -> str:
        """How a file or folder is named to the user: `folder/inner` or `archive.tar.xz!inner`."""
        if inner in self.places:
            return self.places[inner]
        return f"{self.root}{self.separator}{inner}" if inner else self.root

    def read(self, inner: str) -> bytes:
        """The bytes of one file. Raises DataError when it cannot be read."""
        content = self.contents[inner]
        if isinstance(content, Unread):
            raise DataError([Problem(self.where(inner), content.reason)])
        return content if isinstance(content, bytes) else read_bytes(content)

    def peek(self, inner: str, count: int = 4096) -> bytes:
        """Read the beginning of one file, decompressed: at most `count` bytes; none where it cannot be read."""
        content = self.contents[inner]
        try:
            if isinstance(content, Unread):
                return b""
            with open_bytes(content) if isinstance(content, Path) else BytesIO(content) as file:
                if inner.lower().endswith(PACKED):
                    return decompressed_beginning(file, count)
                return file.read(count)
        except (DataError, OSError):
            return b""  # reading it says why

    def path(self, inner: str) -> Path | None:
        """Tell where a file lies on disk as it is, for readers that map it into memory; None in an archive."""
        content = self.contents[inner]
        return content if isinstance(content, Path) else None

    def having(self, endings: Sequence[str]) -> list[str]:
        """Name the files that have one of the `endings`, compressed or not, sorted."""
        packed = _packed(endings)
        return [inner for small, inner in self._small if small.endswith(packed)]

    @cached_property
    def _small(self) -> list[tuple[str, str]]:
        """Every path in small letters and as it is, sorted by the latter: each format asks for its own."""
        return [(inner.lower(), inner) for inner in sorted(self.contents)]

    @cached_property
    def files_in(self) -> dict[str, list[str]]:
        """The files directly in each folder, sorted, as paths below the root."""
        return _by_folder(self.contents)

    @cached_property
    def folders_in(self) -> dict[str, list[str]]:
        """The folders directly in each folder, sorted, as paths below the root."""
        return _by_folder(self.folders - {""})


def open_files(path: Path | Sequence[Path], endings: Sequence[str] = ("",)) -> Files:
    """List a folder, or read from an archive the files that have one of the `endings` (in small letters), compressed or not.

    Several folders and archives make one tree, in which no file may be there twice. What is passed over is counted and
    logged. Raises DataError when it is missing, unreadable, corrupt, or breaks a limit.
    """
    if not isinstance(path, Path):
        return _merged([open_files(each, endings) for each in path])
    if path.is_dir():
        return _from_folder(path, _packed(endings))
    if not path.exists():
        raise DataError([Problem(str(path), "no such file or folder")])
    if not path.name.lower().endswith(ARCHIVES):
        raise DataError([Problem(str(path), f"is neither a folder nor an archive ({', '.join(ARCHIVES)})")])
    return _from_archive(path, _packed(endings))


def one_file(path: Path) -> Files:
    """List one file, under its name, as a folder that holds nothing else. Raises DataError where there is none to read."""
    open_bytes(path).close()
    return Files(str(path.parent), "/", {path.name: path}, frozenset({""}), {path.name: str(path)})


def list_files(path: Path | Sequence[Path], endings: Sequence[str] = ("",)) -> Files:
    """List a folder, an archive or one file, or several that make one tree: see `open_files`. Raises DataError."""
    if not isinstance(path, Path):
        return _merged([list_files(each, endings) for each in path])
    if path.exists() and not path.is_dir() and not path.name.lower().endswith(ARCHIVES):
        return one_file(path)
    return open_files(path, endings)


def open_bytes(path: Path) -> BufferedReader:
    """Open a file on disk for reading. Raises DataError when it is missing, unreadable, or no file."""
    number, _ = _opened(path)
    return os.fdopen(number, "rb")


def read_bytes(path: Path, most: int = LARGEST_FILE) -> bytes:
    """The bytes of a file on disk. Raises DataError when it is missing, unreadable, no file, or larger than `most` bytes."""
    number, size = _opened(path)
    try:
        # one byte more than it has, for it may grow; room for the most that is read takes longer than a small file
        content = b"" if size > most else os.read(number, size + 1)
        if size <= most and len(content) != size:  # a stream, a file that grows, or one of more than 2 GiB
            with os.fdopen(number, "rb", closefd=False) as file:
                content += file.read(most + 1 - len(content))
    except OSError as error:
        raise DataError([Problem(str(path), f"cannot be read: {error.strerror or error}")]) from error
    finally:
        os.close(number)
    if size > most or len(content) > most:
        raise DataError([Problem(str(path), f"is larger than {most:,} bytes, the most that is read")])
    return content


def _opened(path: Path) -> tuple[int, int]:
    """Open a file, and give its number and its size; a stream's is 0. Raises DataError as `open_bytes` does."""
    is_stream = str(path).startswith(STREAMS)
    try:
        if not is_stream:
            _check_kind(path, os.stat(path).st_mode)
        # a FIFO that took the file's place since would wait for a writer
        number = os.open(path, os.O_RDONLY | os.O_CLOEXEC | (0 if is_stream else os.O_NONBLOCK))
    except DataError:
        raise
    except FileNotFoundError:
        raise DataError([Problem(str(path), "no such file")]) from None
    except (OSError, ValueError) as error:  # ValueError: a NUL character
        words = getattr(error, "strerror", None) or error
        raise DataError([Problem(str(path), f"cannot be read: {words}")]) from error
    about = os.fstat(number)
    if is_stream and not stat.S_ISDIR(about.st_mode):
        return number, about.st_size
    try:
        _check_kind(path, about.st_mode)
    except DataError:
        os.close(number)
        raise
    return number, about.st_size


def _check_kind(path: Path, mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise DataError([Problem(str(path), "is a folder, not a file")])
    if not stat.S_ISREG(mode):
        kind = "a FIFO" if stat.S_ISFIFO(mode) else "a socket" if stat.S_ISSOCK(mode) else "a device"
        raise DataError([Problem(str(path), f"is {kind}, not a file")])


def _merged(parts: Sequence[Files]) -> Files:
    contents: dict[str, Path | bytes | Unread] = {}
    folders: set[str] = set()
    places: dict[str, str] = {}
    problems = []
    for part in parts:
        for name, content in part.contents.items():
            if name in contents or name in folders:
                problems.append(Problem(part.where(name), f"is also {places[name]}: only one may be there"))
            contents[name] = content
            places.setdefault(name, part.where(name))
        for name in part.folders - {""}:
            if name in contents:
                problems.append(Problem(part.where(name), f"is also {places[name]}: only one may be there"))
            places.setdefault(name, part.where(name))
        folders |= part.folders
    if problems:
        raise DataError(problems)
    return Files(" + ".join(part.root for part in parts), "!", contents, frozenset(folders), places)


def _packed(endings: Sequence[str]) -> tuple[str, ...]:
    return tuple(ending + packed for ending in endings for packed in ("", *PACKED))


def _from_folder(root: Path, endings: tuple[str, ...]) -> Files:
    contents: dict[str, Path | bytes | Unread] = {}
    folders, problems = {""}, []
    passed_over = loops = 0

    def visit(folder: str, inner: str, within: frozenset[tuple[int, int]]) -> None:
        nonlocal passed_over, loops
        try:
            about = os.stat(folder)
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            problems.append(Problem(folder, f"cannot be read: {error.strerror}"))
            return
        identity = (about.st_dev, about.st_ino)
        if identity in within:
            loops += 1
            folders.discard(inner)
            return
        for entry in entries:
            name = f"{inner}/{entry.name}" if inner else entry.name
            if hidden(entry.name):
                passed_over += entry.name.lower().endswith(endings)  # not .git and the like
                continue
            if len(contents) + len(folders) > MOST_MEMBERS:
                rule = f"holds more than {MOST_MEMBERS:,} files and folders, the most that is looked through"
                raise DataError([Problem(str(root), rule)])
            try:
                is_folder = entry.is_dir()
                if entry.is_symlink() and not name.lower().endswith(endings):
                    os.stat(entry.path)  # it may have led to a folder of data
            except OSError as error:
                if not name.lower().endswith(endings):  # else reading it says so
                    rule = f"is a link to `{os.readlink(entry.path)}`, which cannot be followed: {error.strerror}"
                    problems.append(Problem(entry.path, rule))
                    continue
                is_folder = False
            if is_folder:
                if name.count("/") > MOST_DEPTH:
                    rule = f"lies in more than {MOST_DEPTH} folders below {root}, the most that is looked through"
                    raise DataError([Problem(entry.path, rule)])
                folders.add(name)
                visit(entry.path, name, within | {identity})
            else:
                contents[name] = Path(entry.path)

    visit(str(root), "", frozenset())
    for count, what in (
        (passed_over, "hidden file(s)"),
        (loops, "link(s) that lead to a folder they lie in"),
    ):
        if count:
            log.info("%s: passed over %d %s", root, count, what)
    return _checked(Files(str(root), "/", contents, frozenset(folders)), problems)


def _from_archive(path: Path, endings: tuple[str, ...]) -> Files:
    with open_bytes(path) as file:
        found = read_archive(
            file, os.fstat(file.fileno()).st_size, str(path), lambda name: name.lower().endswith(endings)
        )
    for note in found.notes:
        log.info("%s: passed over %s", path, note)
    return _checked(Files(str(path), "!", dict(found.contents), found.folders), [])


def _by_folder(names: Iterable[str]) -> dict[str, list[str]]:
    tree: dict[str, list[str]] = {}
    for name in sorted(names):
        tree.setdefault(posixpath.dirname(name), []).append(name)
    return tree


def _checked(files: Files, problems: list[Problem]) -> Files:
    for name in sorted(files.contents.keys() | files.folders):
        if not is_text(name) and is_text(posixpath.dirname(name)):  # of what is in such a folder nothing more
            shown = name.encode("utf-8", "backslashreplace").decode()
            what = "file" if name in files.contents else "folder"
            problems.append(Problem(files.where(shown), f"the {what} name is not UTF-8"))
    if problems:
        raise DataError(problems)
    return files
