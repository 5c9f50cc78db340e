"""A store that only the driver's machine sees: workers on other nodes reach its files through an actor there.

The driver leaves a random token in the sweep's folder. A worker that finds it there writes to the folder itself: it is
on the driver's node, or the path is shared. Any other goes through the actor, piece by piece, by the same `Folder`.
"""

from __future__ import annotations

import os
import secrets
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import ray
from pyarrow import fs
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from seqsweep.results.errors import StoreError
from seqsweep.results.files import Folder

if TYPE_CHECKING:
    from seqsweep.results.store import Sweep

MARKER = ".driver"
PIECE = 8 << 20  # bytes of a file that travel at a time
_KINDS = {"file": fs.FileType.File, "folder": fs.FileType.Directory, None: fs.FileType.NotFound}


@dataclass(frozen=True)
class Host:
    """How workers reach the folder: the token that lies in it, and the actor for those that do not see it."""

    token: bytes
    files: Any

    def seen_from_here(self, sweep: Sweep) -> Sweep:
        """The sweep as this worker can write to it."""
        try:
            if sweep.folder.with_patience(0).read(MARKER).to_pybytes() == self.token:
                return sweep
        except StoreError:
            pass
        folder = sweep.folder
        system = fs.PyFileSystem(_Handler(self.files))
        shown = f"{folder.shown} on the driver's node"
        return replace(sweep, folder=Folder(system, folder.path, shown, folder.patience))


@contextmanager
def hosted(sweep: Sweep) -> Iterator[Host | None]:
    """Serve a folder on this machine's disk to all nodes; None for an object store, which they reach themselves."""
    root = sweep.folder.local
    if root is None:
        yield None
        return
    token = secrets.token_hex(16).encode()
    sweep.folder.write(MARKER, token)
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    actor = ray.remote(Files).options(
        num_cpus=0, max_concurrency=8, max_restarts=-1, max_task_retries=-1, scheduling_strategy=here
    )
    files = actor.remote(str(root))
    try:
        yield Host(token, files)
    finally:
        with suppress(Exception):  # Ray may be what failed
            ray.kill(files)
        sweep.folder.discard(MARKER)


@dataclass(frozen=True)
class Refusal:
    """An OSError on its way: Ray would wrap it and lose its number."""

    number: int | None
    text: str


class Files:
    """The actor. Keeps nothing in memory, so it may be restarted and asked twice; never leaves its folder."""

    def __init__(self, root: str) -> None:
        self.root = Path(root)

    def call(self, operation: str, path: str, *arguments: Any) -> Any:
        """Give what the operation returns, or why the system refused."""
        try:
            return getattr(self, f"_{operation}")(self._inside(path), *arguments)
        except OSError as error:
            return Refusal(error.errno, error.strerror or str(error))

    def _inside(self, path: str) -> Path:
        if ".." in Path(path).parts or not Path(path).is_relative_to(self.root):
            raise PermissionError(13, f"{path} is outside of the sweep's folder")
        return Path(path)

    def _kind(self, path: Path) -> tuple[str | None, int]:
        kind = "folder" if path.is_dir() else "file" if path.is_file() else None
        return kind, path.stat().st_size if kind == "file" else 0

    def _list(self, path: Path) -> list[tuple[str, str]]:
        return [(str(each), "folder" if each.is_dir() else "file") for each in path.iterdir()]

    def _read(self, path: Path, first: int) -> bytes:
        with path.open("rb") as file:
            file.seek(first)
            return file.read(PIECE)

    def _write(self, path: Path, first: int, piece: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o666)
        try:
            while piece:
                written = os.pwrite(descriptor, piece, first)
                first, piece = first + written, piece[written:]
        finally:
            os.close(descriptor)

    def _move(self, path: Path, target: str) -> None:
        if path.exists() or not self._inside(target).exists():  # else done already, and the answer was lost
            path.replace(self._inside(target))

    def _delete(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    def _delete_folder(self, path: Path) -> None:
        shutil.rmtree(path, ignore_errors=True)


class _Handler(fs.FileSystemHandler):  # type: ignore[misc]
    """The part of a file system that `Folder` uses, each operation a call of the actor."""

    def __init__(self, files: Any) -> None:
        self.files = files

    def call(self, operation: str, path: str, *arguments: Any) -> Any:
        try:
            answer = ray.get(self.files.call.remote(operation, path, *arguments))
        except ray.exceptions.RayError as error:
            raise ConnectionError(107, f"the driver's node does not answer: {type(error).__name__}") from None
        if isinstance(answer, Refusal):
            raise OSError(answer.number, answer.text)
        return answer

    def get_type_name(self) -> str:
        return "driver"

    def normalize_path(self, path: str) -> str:
        return path

    def get_file_info(self, paths: list[str]) -> list[fs.FileInfo]:
        found = [(path, *self.call("kind", path)) for path in paths]
        return [fs.FileInfo(path, _KINDS[kind], size=size) for path, kind, size in found]

    def get_file_info_selector(self, selector: fs.FileSelector) -> list[fs.FileInfo]:
        try:
            found = self.call("list", selector.base_dir)
        except FileNotFoundError:
            found = []
        return [fs.FileInfo(path, _KINDS[kind]) for path, kind in found]

    def open_input_file(self, path: str) -> pa.NativeFile:
        content = bytearray()
        while piece := self.call("read", path, len(content)):
            content += piece
            if len(piece) < PIECE:
                break
        return pa.BufferReader(bytes(content))

    open_input_stream = open_input_file

    def open_output_stream(self, path: str, metadata: object) -> pa.NativeFile:
        return pa.PythonFile(_Upload(self, path), mode="w")

    def delete_file(self, path: str) -> None:
        self.call("delete", path)

    def delete_dir(self, path: str) -> None:
        self.call("delete_folder", path)

    def create_dir(self, path: str, recursive: bool) -> None:
        """Folders are made for the files in them."""

    def _unused(self, *_: object) -> Any:
        raise NotImplementedError

    delete_dir_contents = delete_root_dir_contents = move = copy_file = open_append_stream = _unused


class _Upload:
    """A file that appears whole when it is closed, unless a piece was refused."""

    def __init__(self, handler: _Handler, path: str) -> None:
        folder, _, name = path.rpartition("/")
        self.handler = handler
        self.path = path
        self.temporary = f"{folder}/.{name}.{uuid.uuid4().hex}.tmp"
        self.size = 0
        self.closed = False
        self.refused = False

    def write(self, content: bytes) -> int:
        whole = memoryview(content)
        try:
            for first in range(0, len(whole), PIECE):
                piece = bytes(whole[first : first + PIECE])
                self.handler.call("write", self.temporary, self.size, piece)
                self.size += len(piece)
        except OSError:
            self.refused = True
            raise
        return len(whole)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        if self.closed:
            return
        self.closed = True
        try:
            if self.size == 0 and not self.refused:
                self.handler.call("write", self.temporary, 0, b"")
            if not self.refused:
                self.handler.call("move", self.temporary, self.path)
        except OSError:
            self.refused = True
            raise
        finally:
            if self.refused:
                with suppress(OSError):
                    self.handler.call("delete", self.temporary)
