"""Where the data of a sweep lie now: a project's folder may have been moved since the sweep began.

Which data they are is not asked here: their fingerprint guards against others.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.source import is_uri, paths_of, source_name
from seqsweep.sweeps.errors import SpecError
from seqsweep.sweeps.spec.model import Spec


def relocated(spec: Spec, changes: Mapping[str, str], stores: tuple[str, str] | None, sweep: str) -> Spec:
    """The spec with the paths of its data as they are now.

    Args:
        spec: as the sweep began, its paths absolute.
        changes: by a path, or a folder above it, what is to stand in its place.
        stores: the store's folder when the sweep began, and now: what is no longer at its path is looked for at the same
            place as seen from the store. None: not known, or not on a disk.
        sweep: its id.

    Raises:
        SpecError: a change is for no path of the spec.
        DataError: a path leads to nothing; what can be done is said.
    """
    places = {_whole(old): _whole(new) for old, new in changes.items()}
    used: set[str] = set()
    problems: list[Problem] = []

    def moved(path: str) -> str:
        for old, new in places.items():
            if path == old or path.startswith(old.rstrip("/") + "/"):
                used.add(old)
                path = new + path[len(old) :] if path != old else new
                break
        if is_uri(path):  # fetching it says whether it is there
            return path
        if not _is_there(path) and stores:
            beside = os.path.normpath(os.path.join(stores[1], os.path.relpath(path, stores[0])))
            path = beside if _is_there(beside) else path
        if not _is_there(path):
            rule = (
                f"no such file or folder: where the data of {sweep} lie now is told by "
                f"`seqsweep resume {sweep} --data OLD=NEW`, OLD being this path or the beginning of it"
            )
            problems.append(Problem(path, rule))
        return path

    sources = tuple(
        # the name is a part of what the trials are known by, and may have come from the path
        source
        if isinstance(source, str)
        else {**source, "path": each_path(source["path"], moved), "name": source_name(source)}
        for source in spec.datasets
    )
    if unused := places.keys() - used:
        there = ", ".join(sorted(set(_paths(spec)))) or "none: its data sets are embedded"
        raise SpecError(
            f"--data {old}={places[old]}: {sweep} has no data at {old}; its paths: {there}"
            for old in sorted(unused)
        )
    if problems:
        raise DataError(problems)
    unchanged = all(
        isinstance(before, str) or isinstance(after, str) or before["path"] == after["path"]
        for before, after in zip(spec.datasets, sources, strict=True)
    )
    return spec if unchanged else spec.model_copy(update={"datasets": sources})


def read_changes(texts: Sequence[str]) -> dict[str, str]:
    """Read what `--data OLD=NEW` says. Raises SpecError."""
    changes = {}
    for text in texts:
        old, equals, new = text.partition("=")
        if not (old and equals and new):
            raise SpecError([f"--data {text}: must be OLD=NEW, two paths"])
        changes[os.path.expanduser(old)] = os.path.expanduser(new)
    return changes


def _whole(path: str) -> str:
    return path.rstrip("/") if is_uri(path) else os.path.abspath(path)


def _is_there(path: str) -> bool:
    """Whether a path leads to something, or is the beginning that a pair of .ts files has in common."""
    place = Path(path)
    try:
        if place.exists():
            return True
        return place.parent.is_dir() and any(
            each.startswith(f"{place.name}_") for each in os.listdir(place.parent)
        )
    except (OSError, ValueError):
        return False


def each_path(path: Any, change: Callable[[str], str]) -> Any:
    """Change a path, or each of a list or a table of them."""
    if isinstance(path, str):
        return change(path)
    if isinstance(path, Mapping):
        return {part: change(each) for part, each in path.items()}
    return [change(each) for each in path]


def _paths(spec: Spec) -> Iterator[str]:
    for source in spec.datasets:
        yield from paths_of(source)
