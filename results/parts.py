"""Which files of a sweep's folder are its results: what is copied when a sweep is brought elsewhere, and in what order."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

from pyarrow import fs

from seqsweep.results.files import Folder
from seqsweep.results.retry import patiently
from seqsweep.results.schema import SCHEMAS
from seqsweep.results.store import ID

MODELS = "models"
FOLDERS = (*(name for name in SCHEMAS if name != "lanes"), MODELS, "lanes")
_MODEL = re.compile(rf"({ID.pattern})-c\d+-s-?\d+\.safetensors")


def trial_of(name: str) -> str | None:
    """The trial that a file such as `lanes/gru-1f.parquet` is a result of; None where it is no trial's result."""
    folder, _, file = name.partition("/")
    if folder == MODELS:
        found = _MODEL.fullmatch(file)
        return found[1] if found else None
    trial = file.removesuffix(".parquet")
    return trial if folder in SCHEMAS and trial != file and ID.fullmatch(trial) else None


def marker(trial: str) -> str:
    """The file that marks the trial as finished: written last, so copied last."""
    return f"lanes/{trial}.parquet"


def sizes(sweep: Folder) -> dict[str, int]:
    """Bytes of every file that is a trial's result, finished or not, by its name below the sweep's folder."""
    found = {}
    for name in FOLDERS:
        for info in _listed(sweep / name):
            file = f"{name}/{PurePosixPath(info.path).name}"
            if info.type == fs.FileType.File and trial_of(file):
                found[file] = info.size
    return found


def _listed(folder: Folder) -> list[fs.FileInfo]:
    selector = fs.FileSelector(folder.path, allow_not_found=True)
    try:
        return list(
            patiently(f"cannot list {folder}", folder.patience, lambda: folder.system.get_file_info(selector))
        )
    except FileNotFoundError:
        return []  # made after the listing failed, before pyarrow looked whether it is there


def by_trial(names: Iterable[str]) -> dict[str, list[str]]:
    """The files of each finished trial, its marker last; trials in the order of their ids."""
    groups: dict[str, list[str]] = {}
    for name in names:
        if trial := trial_of(name):
            groups.setdefault(trial, []).append(name)
    return {
        trial: sorted(files, key=lambda name: (name == marker(trial), name))
        for trial, files in sorted(groups.items())
        if marker(trial) in files
    }
