"""The user's cache folder: what is there only saves time, and anybody may delete it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def cache_folder(what: str) -> Path:
    """Say where `what` is kept: `seqsweep/WHAT` in the user's cache folder. Raises RuntimeError where he has no home."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "seqsweep" / what


def write_whole(file: Path, content: bytes) -> None:
    """Write the file whole, or not at all, with the folders that it lies in. Raises OSError."""
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, path = tempfile.mkstemp(dir=file.parent)
    try:
        with os.fdopen(descriptor, "wb") as fresh:
            fresh.write(content)
        os.replace(path, file)
    except OSError:
        os.unlink(path)
        raise
