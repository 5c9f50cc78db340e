"""What lies at a URI of data: objects by their names, with size and time of the last change; nothing of them is read here."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import accumulate
from typing import TypeVar

from pyarrow import fs

from seqsweep.results.errors import StoreError
from seqsweep.results.location import open_location
from seqsweep.results.retry import LOOKING, patiently
from seqsweep.seqmodels.data.archives.limits import MOST_MEMBERS
from seqsweep.seqmodels.data.errors import DataError, Problem

DATA = "the data"
PART = re.compile(r"(?P<stem>.+)_(train|test)(\.[^/]*)?", re.IGNORECASE)
"""A file that is read with the other one of its pair, which lies beside it."""
T = TypeVar("T")


@dataclass(frozen=True)
class Objects:
    """The objects of a data set.

    Args:
        uri: what messages call it.
        system: where it is.
        above: path of what `name` lies in, there.
        name: the last part of the URI.
        files: size in bytes, and time of the last change (ns since 1970, by the store's clock), by path below `above`.
        folders: paths of folders below `above`, those without files too.
    """

    uri: str
    system: fs.FileSystem
    above: str
    name: str
    files: dict[str, tuple[int, int]]
    folders: tuple[str, ...]

    @property
    def bytes(self) -> int:
        """How large they are together."""
        return sum(size for size, _ in self.files.values())


def find_objects(uri: str) -> Objects:
    """List what lies at a URI: one object, or all below it; or those whose names it begins, as NAME_TRAIN.ts and NAME_TEST.ts.

    Raises DataError where nothing does, where it cannot be looked at, or where names can be none of files.
    """
    try:
        system, path, shown = open_location(uri, DATA)
    except StoreError as error:
        raise DataError([Problem("data set", str(error))]) from None
    above, _, name = path.rpartition("/")
    found = asked(shown, "look at", LOOKING, lambda: _listed(system, path))
    if not found:
        raise DataError([Problem(shown, _absence(system, path, shown))])
    if len(found) > MOST_MEMBERS:
        rule = f"holds more than {MOST_MEMBERS:,} objects, the most that is read"
        raise DataError([Problem(shown, rule)])
    first = len(above) + 1 if above else 0
    files = {
        each.path[first:]: (each.size, each.mtime_ns or 0)
        for each in found
        if each.type == fs.FileType.File and not each.path.endswith("/")
    }
    folders = {each.path[first:].rstrip("/") for each in found if each.type == fs.FileType.Directory}
    folders |= {parent for inner in files for parent in accumulate(inner.split("/")[:-1], "{}/{}".format)}
    if problems := unfit(files, folders, shown[: len(shown) - len(name)]):
        raise DataError(problems)
    return Objects(shown, system, above, name, files, tuple(sorted(folders)))


def asked(uri: str, verb: str, seconds: float, operation: Callable[[], T]) -> T:
    """Do something with an object store, again for some seconds where it does not answer. Raises DataError."""
    what = f"cannot {verb} {uri}"
    try:
        return patiently(what, seconds, operation)
    except FileNotFoundError:
        raise DataError([Problem(uri, "is no longer there")]) from None
    except StoreError as error:
        words = str(error).removeprefix(f"{what}: ")
        raise DataError([Problem(uri, f"cannot be reached: {words}")]) from None


def unfit(files: Iterable[str], folders: Iterable[str], root: str) -> list[Problem]:
    """Find names that a store may have, but no disk: empty parts, `..`, and one for both an object and a folder."""
    problems = []
    for inner in (*files, *folders):
        if any(part in ("", ".", "..") or "\0" in part for part in inner.split("/")):
            rule = (
                f"the object's name {inner!r} has a part that no file can be called: copy it to another name"
            )
            problems.append(Problem(root.rstrip("/"), rule))
    known = set(folders)
    problems += [
        Problem(root + inner, "is an object, and the beginning of other objects' names: only one can be read")
        for inner in files
        if inner in known
    ]
    return problems


def _listed(system: fs.FileSystem, path: str) -> list[fs.FileInfo]:
    info = system.get_file_info(path)
    if info.type == fs.FileType.File:
        pair = PART.fullmatch(info.base_name)
        return _beginning(system, path, pair["stem"]) if pair else [info]
    below = _below(system, path, recursive=True)
    return below or _beginning(system, path, path.rpartition("/")[2])


def _beginning(system: fs.FileSystem, path: str, stem: str) -> list[fs.FileInfo]:
    """List the objects beside `path` whose names begin with `stem` and `_`."""
    above = path.rpartition("/")[0]
    beside = _below(system, above, recursive=False) if above else []
    return [
        each for each in beside if each.type == fs.FileType.File and each.base_name.startswith(f"{stem}_")
    ]


def _below(system: fs.FileSystem, path: str, *, recursive: bool) -> list[fs.FileInfo]:
    return list(system.get_file_info(fs.FileSelector(path, allow_not_found=True, recursive=recursive)))


def _absence(system: fs.FileSystem, path: str, uri: str) -> str:
    """Say what is not there: the bucket, or an object of this name."""
    bucket = path.partition("/")[0]
    there = asked(uri, "look at", LOOKING, lambda: system.get_file_info(bucket))
    if there.type == fs.FileType.NotFound:
        return f"there is no bucket {bucket}"
    return "there is no object of this name, and none below it"
