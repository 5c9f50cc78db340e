"""An archive's members by path, as its listing is made of them."""

import posixpath
from collections import Counter
from dataclasses import dataclass, field

from seqsweep.seqmodels.data.archives import limits
from seqsweep.seqmodels.data.archives.faults import problem, shown
from seqsweep.seqmodels.data.errors import DataError


@dataclass(frozen=True)
class Unread:
    """In place of a member's content: why there is none, as the predicate of a sentence."""

    reason: str


NOT_KEPT = Unread("is no file of this format, and was not read")


def hidden(path: str) -> bool:
    """Whether a part of the path is what file managers hide: `.x`, and macOS's `__MACOSX`."""
    return any(part.startswith(".") or part == "__MACOSX" for part in path.split("/"))


@dataclass(frozen=True)
class Link:
    """Stands for a link, symbolic or hard."""

    target: str  # as written
    hard: bool


@dataclass
class Tree:
    """The members by path, hidden ones too, as links may lead to them."""

    where: str
    entries: dict[str, bytes | Unread | Link] = field(default_factory=dict)
    folders: set[str] = field(default_factory=lambda: {""})
    notes: Counter[str] = field(default_factory=Counter)
    members: int = 0

    def path(self, name: str) -> str:
        """A member's name made tidy. Raises DataError where it breaks a limit or leads out."""
        self.members += 1
        if self.members > limits.MOST_MEMBERS:
            raise problem(
                self.where, f"has more than {limits.MOST_MEMBERS:,} members, but may have at most so many"
            )
        if "\0" in name:
            raise self.fault(name, "has a name with a NUL character")
        path = posixpath.normpath(name.lstrip("/") or ".")
        self.check(path)
        if path == ".." or path.startswith("../"):
            raise self.fault(name, "leads out of the archive, which is refused")
        return "" if path == "." else path

    def check(self, path: str) -> None:
        """Raise DataError where a path is longer or deeper than the limits."""
        if len(path) > limits.LONGEST_PATH:
            rule = f"has a path of {len(path):,} characters, but it may have at most {limits.LONGEST_PATH}"
            raise self.fault(path, rule)
        if path.count("/") > limits.MOST_DEPTH:
            rule = f"lies in {path.count('/')} folders, but may lie in at most {limits.MOST_DEPTH}"
            raise self.fault(path, rule)

    def fault(self, path: str, rule: str) -> DataError:
        """An error that names one member."""
        return problem(f"{self.where}!{shown(path)}", rule)

    def folder(self, path: str) -> None:
        """Add a folder and all above it."""
        while path not in self.folders:
            if path in self.entries:
                raise self.fault(path, "is both a file and a folder")
            self.folders.add(path)
            path = posixpath.dirname(path)

    def add(self, path: str, content: bytes | Unread | Link) -> None:
        """Add what is no folder; of several with one path the last counts, as where they are unpacked."""
        if path in self.folders:
            raise self.fault(path, "is both a file and a folder")
        self.folder(posixpath.dirname(path))
        if path in self.entries and self.entries[path] != content and not hidden(path):
            self.notes["file(s) that are packed twice with different contents, the last counts"] += 1
        self.entries[path] = content
