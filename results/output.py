"""A file that a user asked for, whole or as it was."""

from __future__ import annotations

from pathlib import Path

from seqsweep.results.errors import Invalid, Refused
from seqsweep.results.files import Folder


def write(content: bytes, path: Path) -> None:
    """Write `content` to `path`, replacing the file that may be there.

    Raises `StoreError` that names the path when it cannot be written; an earlier file is then as it was.
    """
    target = check_place(path)
    Folder.at(target.parent, patience=0).write(target.name, content)


def check_place(path: Path) -> Path:
    """Find where `write` puts the file. Raises `StoreError` where it can have no place, before it is worked for."""
    try:
        target = path.resolve()  # of a link, the file that it leads to
        if not target.parent.is_dir():
            missing = target.parent if path.is_symlink() else path.parent
            raise Invalid(f"cannot write {path}: there is no folder {missing}")
        if target.exists() and not target.is_file():
            raise Invalid(f"cannot write {path}: it is there and is no file")
    except (OSError, RuntimeError) as error:  # too long a name; links in a circle
        raise Refused(f"cannot write {path}: {getattr(error, 'strerror', None) or error}") from None
    return target
