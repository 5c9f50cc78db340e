"""A folder or a tar archive behind one small listing. Archives are read in memory, never unpacked to disk."""

from __future__ import annotations

import gzip
import io
import lzma
import os
import posixpath
import tarfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from seqmodels.data.errors import DataError, Problem

ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz")
DEPTH = 6  # how far down a folder is searched: a wrong path should not walk a whole disk
END_MARK = bytes(tarfile.BLOCKSIZE)


@dataclass(frozen=True)
class Files:
    """Files by their path below `root` (with `/` on every system); hidden ones are left out."""

    root: str
    separator: str  # "/" in a folder, "!" in an archive
    contents: dict[str, Path | bytes]
    folders: frozenset[str]  # every folder below the root, empty ones too; the root itself is ""

    def where(self, inner: str) -> str:
        """How a file or folder is named to the user: `folder/inner` or `archive.tar.xz!inner`."""
        return f"{self.root}{self.separator}{inner}" if inner else self.root

    def read(self, inner: str) -> bytes:
        """The bytes of one file. Raises DataError when it cannot be read."""
        content = self.contents[inner]
        return content if isinstance(content, bytes) else read_bytes(content)

    @cached_property
    def files_in(self) -> dict[str, list[str]]:
        """The files directly in each folder, sorted, as paths below the root."""
        return _by_folder(self.contents)

    @cached_property
    def folders_in(self) -> dict[str, list[str]]:
        """The folders directly in each folder, sorted, as paths below the root."""
        return _by_folder(self.folders - {""})


def open_files(path: Path) -> Files:
    """List a folder, or read an archive whole. Raises DataError when it is missing, unreadable or corrupt."""
    if path.is_dir():
        return _from_folder(path)
    if not path.exists():
        raise DataError([Problem(str(path), "no such file or folder")])
    if not path.name.lower().endswith(ARCHIVES):
        raise DataError([Problem(str(path), f"is neither a folder nor an archive ({', '.join(ARCHIVES)})")])
    return _from_archive(path)


def read_bytes(path: Path) -> bytes:
    """The bytes of a file on disk. Raises DataError when it is missing or unreadable."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise DataError([Problem(str(path), "no such file")]) from None
    except OSError as error:
        raise DataError([Problem(str(path), f"cannot be read: {error.strerror or error}")]) from error


def decompressed(name: str, data: bytes, where: str) -> bytes:
    """`data` as it was before gzip or xz, by the ending of `name`. Raises DataError when it is damaged."""
    try:
        if name.lower().endswith((".gz", ".tgz")):
            return gzip.decompress(data)
        if name.lower().endswith((".xz", ".txz")):
            return lzma.decompress(data)
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise DataError([Problem(where, f"is damaged and cannot be decompressed: {error}")]) from error
    return data


def _from_folder(root: Path) -> Files:
    contents: dict[str, Path | bytes] = {}
    folders, problems = {""}, []

    def unreadable(error: OSError) -> None:
        problems.append(Problem(str(error.filename), f"cannot be read: {error.strerror}"))

    for folder, below, names in os.walk(root, followlinks=True, onerror=unreadable):
        inner = Path(folder).relative_to(root)
        below[:] = [name for name in below if not _hidden(name)] if len(inner.parts) < DEPTH else []
        folders.update((inner / name).as_posix() for name in below)
        contents.update(
            {(inner / name).as_posix(): Path(folder, name) for name in names if not _hidden(name)}
        )
    return _checked(Files(str(root), "/", contents, frozenset(folders)), problems)


def _from_archive(path: Path) -> Files:
    data = decompressed(path.name, read_bytes(path), str(path))
    contents: dict[str, Path | bytes] = {}
    folders = {""}
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            for member in archive:
                name = posixpath.normpath(member.name)
                content = archive.extractfile(member) if member.isfile() else None
                if any(_hidden(part) for part in name.split("/")) or not (content or member.isdir()):
                    continue
                if content:
                    contents[name] = content.read()
                folder = posixpath.dirname(name) if content else name
                while folder not in folders:
                    folders.add(folder)
                    folder = posixpath.dirname(folder)
            end = archive.offset
    except (tarfile.TarError, EOFError) as error:
        raise DataError([Problem(str(path), f"is damaged: {error}")]) from error
    # tarfile takes a broken header in the middle for the end of the archive
    if data[end : end + len(END_MARK)] != END_MARK:
        raise DataError([Problem(str(path), f"is damaged: no file and no end mark at byte {end}")])
    return _checked(Files(str(path), "!", contents, frozenset(folders)), [])


def _by_folder(names: Iterable[str]) -> dict[str, list[str]]:
    tree: dict[str, list[str]] = {}
    for name in sorted(names):
        tree.setdefault(posixpath.dirname(name), []).append(name)
    return tree


def _hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _checked(files: Files, problems: list[Problem]) -> Files:
    for name in sorted(files.contents):
        if not name.isascii() and any("\ud800" <= character <= "\udfff" for character in name):
            shown = name.encode("utf-8", "backslashreplace").decode()
            problems.append(Problem(files.where(shown), "the file name is not UTF-8"))
    if problems:
        raise DataError(problems)
    return files
