"""The control groups that this process is in, from its own up to the root: each may bound it (Slurm's steps, systemd's
slices, containers within containers)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

USUAL = PurePosixPath("/sys/fs/cgroup")
"""Where every system mounts them; what lies mounted elsewhere may be another container's."""


@dataclass(frozen=True)
class Group:
    """A folder of limits; `version` is 1 or 2, whose files have different names."""

    version: int
    folder: Path

    def words(self, name: str) -> list[str]:
        """The words of one of its files; none where there is no such file."""
        try:
            return (self.folder / name).read_text().split()
        except (OSError, ValueError):
            return []

    def number(self, name: str) -> int | None:
        """The number in one of its files; None for `max`, for no limit, and where there is no such file."""
        words = self.words(name)
        # version 1 says "no limit" as -1, or as a number beyond any machine
        return int(words[0]) if len(words) == 1 and words[0].isdecimal() else None

    def statistic(self, file: str, name: str) -> int | None:
        """The number behind `name` in a file that has a pair a line."""
        words = self.words(file)
        pairs = dict(zip(words[::2], words[1::2], strict=False))
        return int(pairs[name]) if pairs.get(name, "").isdecimal() else None


@dataclass(frozen=True)
class _Mount:
    controllers: frozenset[str]  # none of version 2
    version: int
    root: PurePosixPath
    point: PurePosixPath


def groups(controller: str, root: Path = Path("/")) -> Iterator[Group]:
    """Every group of this process that may limit `controller` (cpu, memory, pids), in either version, its own first.

    A group that cannot be seen (a container sees none above its own) is left out. `root`: where /proc and /sys lie.
    """
    there = _paths(root)
    seen: set[Path] = set()
    for mount in _mounts(root, controller):
        if mount.version == 1 and controller not in mount.controllers:
            continue
        path = there.get("" if mount.version == 2 else controller, PurePosixPath("/"))
        below = _below(path, mount.root)
        if below is None:
            # a namespace made after the mount, or a process that was moved out of it: the names between are not known
            if not mount.point.is_relative_to(USUAL):
                continue
            below = PurePosixPath()
        top = root / mount.point.relative_to("/")
        for folder in (top / below, *(top / parent for parent in below.parents)):
            if folder not in seen:
                seen.add(folder)
                yield Group(mount.version, folder)


def _paths(root: Path) -> dict[str, PurePosixPath]:
    """This process's group by controller; that of version 2 under the empty name."""
    found = {}
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except (OSError, ValueError):
        return {}
    for line in lines:
        _, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        if path.startswith("/"):
            found.update({name: PurePosixPath(path) for name in names.split(",")})
    return found


def _mounts(root: Path, controller: str) -> list[_Mount]:
    try:
        lines = (root / "proc/self/mountinfo").read_text().splitlines()
    except (OSError, ValueError):
        lines = []
    found = []
    for line in lines:
        left, _, right = line.partition(" - ")
        columns, kind = left.split(" "), right.split(" ")
        if len(columns) >= 5 and len(kind) == 3 and kind[0] in ("cgroup", "cgroup2"):
            version = 2 if kind[0] == "cgroup2" else 1
            names = frozenset(kind[2].split(","))
            found.append(_Mount(names, version, *(PurePosixPath(_plain(each)) for each in columns[3:5])))
    # where the system does not tell: the places where they always are
    return found or [
        _Mount(frozenset(), 2, PurePosixPath("/"), USUAL),
        _Mount(frozenset([controller]), 1, PurePosixPath("/"), USUAL / controller),
        _Mount(frozenset(), 2, PurePosixPath("/"), USUAL / "unified"),
    ]


def _below(path: PurePosixPath, root: PurePosixPath) -> PurePosixPath | None:
    """The way from a mount's root to the group; None where it does not lead there."""
    if ".." in path.parts or not path.is_relative_to(root):
        return None
    return path.relative_to(root)


def _plain(escaped: str) -> str:
    """A path of mountinfo, where blanks are `\\040`."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), escaped)
