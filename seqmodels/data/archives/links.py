"""Links in an archive: what they lead to, and the files that are there once each of them is followed."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator

from seqsweep.seqmodels.data.archives import limits
from seqsweep.seqmodels.data.archives.faults import problem, shown
from seqsweep.seqmodels.data.archives.tree import NOT_KEPT, Link, Tree, Unread, hidden
from seqsweep.seqmodels.data.errors import DataError, Problem


def needed(tree: Tree, wanted: Callable[[str], bool]) -> set[str]:
    """List the contents that were not kept, but that links of wanted names, or to hidden folders, lead to."""
    found, below = set(), set()
    for path, entry in tree.entries.items():
        if isinstance(entry, Link) and not hidden(path):
            real = resolve(tree, path)
            if isinstance(real, Unread):
                continue
            if real in tree.folders:
                below.add(real)
            elif wanted(path) and tree.entries[real] == NOT_KEPT:
                found.add(real)
    if below:
        found |= {
            path
            for path, entry in tree.entries.items()
            if entry == NOT_KEPT and wanted(path) and below & set(_above(path))
        }
    return found


class Followed:
    """Holds the files and folders that a user sees: links are followed, what is hidden is left out.

    Args:
        tree: what the archive has.

    Raises:
        DataError: links that lead to nothing, or make too much of it.
    """

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.contents: dict[str, bytes | Unread] = {}
        self.folders = {folder for folder in tree.folders if not hidden(folder)}
        self._problems: list[Problem] = []
        links = []
        for path, entry in tree.entries.items():
            if hidden(path):
                tree.notes["hidden file(s) (`.…`, `__MACOSX`)"] += 1
            elif isinstance(entry, Link):
                links.append(path)
            else:
                self.contents[path] = entry
        if links:
            self._inside = _inside(tree.entries, tree.folders)
            for path in links:
                self._follow(path, path, frozenset())
        if self._problems:
            raise DataError(self._problems)

    def _follow(self, name: str, link: str, within: frozenset[str]) -> None:
        """Add what the link at the path `link` stands for, under the path `name`."""
        real = resolve(self.tree, link)
        if isinstance(real, Unread):
            self._problems.append(self.tree.fault(link, real.reason).problems[0])
            return
        entry = self.tree.entries.get(real)
        if entry is not None:
            assert not isinstance(entry, Link)
            self.contents[name] = entry
            return
        if not real or f"{link}/".startswith(f"{real}/") or real in within:
            self.tree.notes["link(s) that lead to a folder they lie in"] += 1
            return
        self._copy(name, real, within | {real})

    def _copy(self, name: str, real: str, within: frozenset[str]) -> None:
        """Add the folder at the path `real`, and all in it, under the path `name`; `within`: folders that are being added."""
        self.folders.add(name)
        for path in self._inside.get(real, []):
            copy = f"{name}/{posixpath.basename(path)}"
            if hidden(posixpath.basename(path)):
                continue
            self.tree.check(copy)
            if len(self.contents) + len(self.folders) > limits.MOST_MEMBERS:
                rule = f"has links that make more than {limits.MOST_MEMBERS:,} files of it, but may have at most so many"
                raise problem(self.tree.where, rule)
            entry = self.tree.entries.get(path)
            if isinstance(entry, Link):
                self._follow(copy, path, within)
            elif entry is None:
                self._copy(copy, path, within | {path})
            else:
                self.contents[copy] = entry


def resolve(tree: Tree, path: str) -> str | Unread:
    """Find the path of the file or folder at the end of all links, or why there is none."""
    first = tree.entries.get(path)
    hops = 0
    waiting = path.split("/")[::-1]
    real = ""
    while waiting:
        part = waiting.pop()
        if part in ("", "."):
            continue
        if part == "..":
            if not real:
                return _broken(first, "which leads out of the archive: pack the file itself")
            real = posixpath.dirname(real)
            continue
        step = f"{real}/{part}" if real else part
        entry = tree.entries.get(step)
        if not isinstance(entry, Link):
            real = step
            continue
        hops += 1
        if hops > limits.MOST_HOPS or len(waiting) > limits.MOST_HOPS * limits.LONGEST_PATH:
            return _broken(first, "and so on in a circle, or by too many links")
        if entry.target.startswith("/") and not entry.hard:
            return _broken(first, "which leads out of the archive: pack the file itself")
        waiting += entry.target.split("/")[::-1]
        real = "" if entry.hard else real
    if real in tree.entries or real in tree.folders:
        return real
    return _broken(first, "which is not in the archive: pack it too")


def _broken(link: object, why: str) -> Unread:
    target = link.target if isinstance(link, Link) else "a link"
    return Unread(f"is a link to `{shown(target)}`, {why}")


def _above(path: str) -> Iterator[str]:
    """The folders that a path lies in."""
    while path:
        path = posixpath.dirname(path)
        yield path


def _inside(entries: Iterable[str], folders: Iterable[str]) -> dict[str, list[str]]:
    """The paths directly in each folder."""
    found: dict[str, list[str]] = {}
    for path in (*entries, *folders):
        if path:
            found.setdefault(posixpath.dirname(path), []).append(path)
    return found
