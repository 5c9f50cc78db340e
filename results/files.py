"""Files of a store: whole or absent, on a local disk or in an object store, through `pyarrow.fs`."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import pyarrow as pa
from pyarrow import fs

from seqsweep.results.errors import Damaged, Missing, Refused
from seqsweep.results.location import open_location
from seqsweep.results.retry import PATIENCE, patiently
from seqsweep.results.seal import intact

_AT_ONCE = 16  # requests to an object store, which answers each in some 10 to 100 ms
T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Staged:
    """A file on its way: written beside its place on a disk; in an object store, where a PUT is whole or nothing, held."""

    name: str
    temporary: str | None
    content: bytes | pa.Buffer | None


@dataclass(frozen=True)
class Folder:
    """A folder of a file system.

    Pickles as its path or URI, so that workers on other machines may write through it with their own credentials.

    Args:
        system: where it is.
        path: of the folder, in it.
        shown: path or URI, which messages call it.
        patience: seconds that an operation is tried again for while the store cannot be reached or is full.
    """

    system: fs.FileSystem
    path: str
    shown: str
    patience: float = PATIENCE

    @classmethod
    def at(cls, root: str | Path, patience: float = PATIENCE) -> Folder:
        """Open a path (relative ones are made absolute), ``s3://bucket/store`` or ``gs://bucket/store``; creates nothing."""
        return cls(*open_location(str(root)), patience)

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopened, (self.shown, self.patience)

    def __truediv__(self, name: str) -> Folder:
        return replace(self, path=f"{self.path}/{name}", shown=f"{self.shown}/{name}")

    def __str__(self) -> str:
        return self.shown

    @property
    def local(self) -> Path | None:
        """Its path where it is on a disk of this machine, else None."""
        return Path(self.path) if self.system.type_name == "local" else None

    @property
    def bucket(self) -> Folder | None:
        """The bucket that it lies in; None where it is no object store's."""
        if self.system.type_name not in ("s3", "gcs"):
            return None
        name = self.path.partition("/")[0]
        return replace(self, path=name, shown=self.shown[: self.shown.index("://") + 3] + name)

    def present(self) -> bool:
        """Tell whether there is such a folder; object stores have only buckets and what lies in them."""
        info = self._try("read", None, lambda: self.system.get_file_info(self.path))
        return bool(info.type == fs.FileType.Directory)

    def with_patience(self, seconds: float) -> Folder:
        """Give the same folder, for somebody who waits so long."""
        return replace(self, patience=seconds)

    def names(self, kind: fs.FileType) -> list[str]:
        """Sorted names of the files or folders in it, hidden and temporary ones left out; [] when it is absent.

        One request for 1,000 names of an object store; but pyarrow sees folders of ``gs://`` only by their content, so
        there one for 1,000 objects anywhere below.
        """
        deep = kind == fs.FileType.Directory and self.system.type_name == "gcs"
        found = self._listed(deep=deep)
        if deep:
            below = (PurePosixPath(info.path).relative_to(self.path).parts for info in found)
            names = {parts[0] for parts in below if len(parts) > 1}
        else:
            names = {_name(info) for info in found if info.type == kind}
        return sorted(name for name in names if not name.startswith((".", "_")))

    def stamps(self) -> dict[str, tuple[int, int]]:
        """Size and time of the last change (ns since 1970, by the store's own clock) of each file in it, as `names` has them."""
        return {
            _name(info): (info.size, info.mtime_ns or 0)
            for info in self._listed()
            if info.type == fs.FileType.File and not _name(info).startswith((".", "_"))
        }

    def _listed(self, *, deep: bool = False) -> list[fs.FileInfo]:
        selector = fs.FileSelector(self.path, allow_not_found=True, recursive=deep)
        try:
            return list(self._try("list", None, lambda: self.system.get_file_info(selector)))
        except FileNotFoundError:
            return []  # made by a writer after the listing failed, before pyarrow looked whether it is there

    def exists(self, name: str) -> bool:
        """Tell whether the file is there."""
        info = self._try("read", name, lambda: self.system.get_file_info(f"{self.path}/{name}"))
        return bool(info.type == fs.FileType.File)

    def read(self, name: str) -> pa.Buffer:
        """Content of a file. Raises `Missing`, or `StoreError` when it cannot be read, naming the file."""

        def whole() -> pa.Buffer:
            with self.system.open_input_file(f"{self.path}/{name}") as stream:
                return stream.read_buffer()

        try:
            return self._try("read", name, whole)
        except FileNotFoundError:
            raise Missing(f"{self / name} is missing") from None

    def read_sealed(self, name: str, *, required: bool = False) -> pa.Buffer:
        """Read a file that `seqsweep.results.seal` sealed; `Damaged` where a bit has changed since.

        Files without a digest, which older versions wrote, pass unless it is `required`.
        """
        for last in (False, True):
            content = self.read(name)
            sound = intact(memoryview(content))
            if sound or (sound is None and not required):
                break
            # S3 is asked for the size first: a file that was replaced between the two requests looks torn
            if last or self.local:
                raise Damaged(f"{self / name} is damaged: its checksum does not fit its content")
        return content

    def stage(self, name: str, content: bytes | pa.Buffer) -> Staged:
        """Prepare a file as far as possible without showing it, for `publish` or `withdraw`."""
        if not self.local:
            return Staged(name, None, content)
        temporary = f"{self.path}/.{name}.{uuid.uuid4().hex}.tmp"
        staged = Staged(name, temporary, None)

        def write() -> None:
            try:
                self.system.create_dir(self.path, recursive=True)
                with self.system.open_output_stream(temporary, compression=None) as stream:
                    stream.write(content)
            except BaseException:
                self.withdraw(staged)
                raise

        self._try("write", name, write)
        return staged

    def publish(self, staged: Staged) -> None:
        """Put a staged file in its place: readers see the old file or the new one, never a part."""
        target = f"{self.path}/{staged.name}"
        try:
            if staged.temporary is None:
                self._try("write", staged.name, lambda: self._put(target, staged.content))
            else:
                self._try("write", staged.name, lambda: self.system.move(staged.temporary, target))
        except FileNotFoundError as error:
            # a network disk may have renamed it and lost the answer
            if self.exists(staged.name) and not os.path.lexists(staged.temporary or target):
                return
            raise Refused(f"cannot write {self / staged.name}: {error.strerror or error}") from None
        except BaseException:
            self.withdraw(staged)
            raise

    def withdraw(self, staged: Staged) -> None:
        """Drop a staged file."""
        if staged.temporary is not None:
            with contextlib.suppress(OSError):
                self.system.delete_file(staged.temporary)

    def write(self, name: str, content: bytes | pa.Buffer) -> None:
        """Stage and publish one file."""
        self.publish(self.stage(name, content))

    def discard(self, name: str) -> None:
        """Delete a file if it is there and the store lets us, trying once."""
        # S3: pyarrow also restores the emptied folder's marker, and may fail at that
        with contextlib.suppress(OSError):
            self.system.delete_file(f"{self.path}/{name}")

    def clear(self) -> None:
        """Delete it with all its files as far as the store lets us; of a link, the link alone."""
        if self.local:
            if self.local.is_symlink():
                self.local.unlink(missing_ok=True)
            else:
                shutil.rmtree(self.local, ignore_errors=True)
            return
        with contextlib.suppress(OSError):
            self.system.delete_dir(self.path)

    def map(self, function: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """`function` of each, in their order; several at a time where each waits for an object store."""
        if self.local:
            return [function(item) for item in items]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return list(pool.map(function, items))

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other writers of this folder out, where the file system can; a killed holder lets go by itself."""
        if not self.local:
            yield
            return
        lock = self._try("write", None, lambda: open(f"{self.path}/.lock", "ab"))  # noqa: SIM115 (closed below)
        with lock:
            with contextlib.suppress(
                OSError
            ):  # network disks without locks: still whole files, the last one stays
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _put(self, target: str, content: bytes | pa.Buffer | None) -> None:
        def upload() -> None:
            with self.system.open_output_stream(target, compression=None) as stream:
                stream.write(content)

        # pyarrow closes a stream, and so publishes it, when an exception passes. The only one that could pass between open
        # and write is a signal's, and those are raised in the main thread alone.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(upload).result()

    def _try(self, verb: str, name: str | None, operation: Callable[[], T]) -> T:
        what = f"cannot {verb} {self if name is None else self / name}"
        return patiently(what, self.patience, operation)


def _reopened(shown: str, patience: float) -> Folder:
    return Folder.at(shown, patience)


def _name(info: fs.FileInfo) -> str:
    return str(info.base_name)
