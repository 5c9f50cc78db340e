"""Files of a store: whole or absent, on a local disk or behind a URI, through `pyarrow.fs`."""

import contextlib
import fcntl
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import pyarrow as pa
from pyarrow import fs

from results.errors import StoreError


@dataclass(frozen=True)
class Folder:
    """A folder of a file system; `shown` is what messages call it.

    Pickles, so that workers on other machines may write through it.
    """

    system: fs.FileSystem
    path: str
    shown: str

    @classmethod
    def at(cls, root: str | Path) -> "Folder":
        """Open a path (relative ones are made absolute) or a URI such as ``s3://bucket/store``; creates nothing."""
        text = str(root)
        if "://" not in text:
            path = Path(text).expanduser().absolute().as_posix()
            return cls(fs.LocalFileSystem(), path, path)
        try:
            system, path = fs.FileSystem.from_uri(text)
        except (pa.ArrowException, OSError) as error:
            raise StoreError(f"cannot open the store {text}: {_reason(error)}") from error
        return cls(system, path.rstrip("/"), text.rstrip("/"))

    def __truediv__(self, name: str) -> "Folder":
        return Folder(self.system, f"{self.path}/{name}", f"{self.shown}/{name}")

    def __str__(self) -> str:
        return self.shown

    def names(self, kind: fs.FileType) -> list[str]:
        """Sorted names of the files or folders in it, hidden and temporary ones left out; [] when it is absent."""
        try:
            found = self.system.get_file_info(fs.FileSelector(self.path, allow_not_found=True))
        except FileNotFoundError:
            return []  # made by a writer after the listing failed, before pyarrow looked whether it is there
        except (pa.ArrowException, OSError) as error:
            raise StoreError(f"cannot list {self}: {_reason(error)}") from error
        names = (PurePosixPath(info.path).name for info in found if info.type == kind)
        return sorted(name for name in names if not name.startswith((".", "_")))

    def exists(self, name: str) -> bool:
        """Whether the file is there."""
        try:
            info = self.system.get_file_info(f"{self.path}/{name}")
        except (pa.ArrowException, OSError) as error:
            raise StoreError(f"cannot read {self / name}: {_reason(error)}") from error
        return bool(info.type == fs.FileType.File)

    def read(self, name: str) -> pa.Buffer:
        """Content of a file. Raises `StoreError` naming the file when it is missing or cannot be read."""
        try:
            with self.system.open_input_file(f"{self.path}/{name}") as stream:
                return stream.read_buffer()
        except FileNotFoundError:
            raise StoreError(f"{self / name} is missing") from None
        except (pa.ArrowException, OSError) as error:
            raise StoreError(f"cannot read {self / name}: {_reason(error)}") from error

    def stage(self, name: str, content: bytes | pa.Buffer) -> str:
        """Write a hidden temporary file beside `name` and return its path, for `publish`."""
        temporary = f"{self.path}/.{name}.{uuid.uuid4().hex}.tmp"
        try:
            self.system.create_dir(self.path, recursive=True)
            with self.system.open_output_stream(temporary) as stream:
                stream.write(content)
        except (pa.ArrowException, OSError) as error:
            self.discard(temporary)
            raise StoreError(f"cannot write {self / name}: {_reason(error)}") from error
        return temporary

    def publish(self, temporary: str, name: str) -> None:
        """Rename a staged file over `name`: readers see the old file or the new one, never a part."""
        try:
            self.system.move(temporary, f"{self.path}/{name}")
        except (pa.ArrowException, OSError) as error:
            self.discard(temporary)
            raise StoreError(f"cannot write {self / name}: {_reason(error)}") from error

    def write(self, name: str, content: bytes | pa.Buffer) -> None:
        """Stage and publish one file."""
        self.publish(self.stage(name, content), name)

    def discard(self, path: str) -> None:
        """Delete a file if it is there."""
        with contextlib.suppress(OSError):
            self.system.delete_file(path)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other writers of this folder out, where the file system can; a killed holder lets go by itself."""
        if self.system.type_name != "local":
            yield
            return
        try:
            lock = open(f"{self.path}/.lock", "ab")  # noqa: SIM115 (closed below, by the with)
        except OSError as error:
            raise StoreError(f"cannot write {self}: {_reason(error)}") from error
        with lock:
            with contextlib.suppress(
                OSError
            ):  # network disks without locks: still whole files, the last one stays
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _reason(error: Exception) -> str:
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    # pyarrow repeats the path before what the system said
    return text.rpartition("Detail: [errno ")[2].partition("] ")[2] or text
