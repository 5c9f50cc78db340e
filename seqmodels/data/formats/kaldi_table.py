"""Kaldi's tables: `.scp` files that say where each value lies, and files of a word or more for each utterance."""

from __future__ import annotations

import mmap
import posixpath
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.files import PACKED, Files, decompress, open_bytes
from seqsweep.seqmodels.data.formats.kaldi_ark import ArkError, Data, Numbers, entries, read_value
from seqsweep.seqmodels.data.numbers import read_text_lines

ENTRY = re.compile(r"(?P<path>.*?)(?::(?P<offset>\d{1,18}))?(?P<range>\[[^\[\]]*\])?")
RANGE = re.compile(r"(?::|(\d{1,9}):(\d{1,9}))")
MOST_FOLDERS = 10  # above a table, in which the file that it names is looked for
TOLERANCE = 3  # rows that a range may end beyond a matrix, as Kaldi has it


@dataclass(frozen=True)
class Line:
    """A line of a `.scp` file: what it names, and how it is called in errors."""

    key: str
    where: str
    path: str
    offset: int
    range: str


@dataclass(frozen=True, eq=False)
class Value:
    """One value of a table, [T, D]."""

    key: str
    where: str
    values: Numbers


def read_words(files: Files, inner: str) -> dict[str, str]:
    """Read what follows the first word of each line. Raises DataError."""
    lines, _ = read_text_lines(files, inner)
    pairs = [line.split(maxsplit=1) for line in lines if line.strip()]
    return {pair[0]: pair[1].strip() if len(pair) > 1 else "" for pair in pairs}


def read_lines(files: Files, inner: str, problems: list[Problem]) -> Iterator[Line]:
    """Read the lines of a `.scp` file; what cannot be followed becomes a problem. Raises DataError where it is no text."""
    lines, _ = read_text_lines(files, inner)
    for number, line in enumerate(lines, 1):
        words = line.split(maxsplit=1)
        where = f"{files.where(inner)}:{number}"
        rest = words[1].strip() if len(words) > 1 else ""
        if not words:
            continue
        if not rest:
            problems.append(Problem(where, f"names no file for `{words[0]}`"))
        elif rest.endswith("|") or rest.startswith("|"):
            rule = "is a command, and commands of data are never run: write what it gives to a file, and name that"
            problems.append(Problem(where, rule))
        elif found := ENTRY.fullmatch(rest):
            yield Line(words[0], where, found["path"], int(found["offset"] or 0), found["range"] or "")


class Archives:
    """The archives that a table names, each opened once.

    A path is looked for as it is written, from the table's folder and from each above it; and, as data move, without its
    first folders.
    """

    def __init__(self, files: Files, table: str) -> None:
        self.files = files
        self.table = table
        self.notes: set[str] = set()
        self.opened: dict[str, tuple[str, Data]] = {}

    def value(self, line: Line, *, ends_included: bool) -> Numbers:
        """Read what a line names. Raises DataError."""
        if line.path not in self.opened:
            self.opened[line.path] = self._open(line)
        where, data = self.opened[line.path]
        try:
            values, _ = read_value(data, line.offset)
        except ArkError as error:
            raise DataError([Problem(where, f"at byte {line.offset:,} ({line.where}) {error}")]) from None
        return within(values, line, ends_included=ends_included) if line.range else values

    def _open(self, line: Line) -> tuple[str, Data]:
        parts = [part for part in line.path.split("/") if part not in ("", ".")]
        on_disk = self.files.path(self.table)
        if on_disk is not None and line.path.startswith("/") and Path(line.path).is_file():
            return line.path, _mapped(Path(line.path))
        if ".." in parts:
            raise DataError([Problem(line.where, f"names {line.path}, but a path must have no `..` in it")])
        for cut in range(len(parts)):
            tail = "/".join(parts[cut:])
            for folder in _above(self.table):
                if (inner := posixpath.join(folder, tail)) in self.files.contents:
                    self._moved(line, cut, self.files.where(inner))
                    return self.files.where(inner), contents(self.files, inner)
            if on_disk is None:
                continue
            for above in [on_disk.parent, *on_disk.absolute().parents][: 1 if cut else MOST_FOLDERS]:
                if (above / tail).is_file():
                    self._moved(line, cut, str(above / tail))
                    return str(above / tail), _mapped(above / tail)
        rule = f"names {line.path}, which is neither here nor in a folder above"
        raise DataError([Problem(line.where, rule)])

    def _moved(self, line: Line, cut: int, where: str) -> None:
        if cut:
            self.notes.add(
                f"{line.path} is not where {self.files.where(self.table)} says: {where} is read instead"
            )


def within(values: Numbers, line: Line, *, ends_included: bool) -> Numbers:
    """Cut rows and columns out of a matrix. Raises DataError."""
    bounds = [RANGE.fullmatch(part.strip()) for part in line.range[1:-1].split(",")]
    if not 1 <= len(bounds) <= 2 or None in bounds:
        rule = f"has the range {line.range}, but must have one such as [0:9] (rows) or [:,0:12] (columns too)"
        raise DataError([Problem(line.where, rule)])
    cuts = []
    for axis, bound in enumerate(bounds):
        size = values.shape[axis]
        if bound is None or bound[1] is None:
            cuts.append(slice(None))
            continue
        first, end = int(bound[1]), int(bound[2]) + ends_included
        if not first < end <= size + (TOLERANCE if ends_included and not axis else 0) or first >= size:
            what = f"{values.shape[0]:,} rows and {values.shape[1]:,} columns"
            how = (
                "its last number belongs to it" if ends_included else "its last number does not belong to it"
            )
            other = "python" if ends_included else "kaldi"
            rule = f'has the range {line.range} of {what}, where {how} (other way: `ranges = "{other}"`)'
            raise DataError([Problem(line.where, rule)])
        cuts.append(slice(first, end))
    return values[tuple(cuts)]


def contents(files: Files, inner: str) -> Data:
    """Give the bytes of a file, mapped into memory where it lies on disk as it is. Raises DataError."""
    path = files.path(inner)
    if path is None or inner.lower().endswith(PACKED):
        return decompress(inner, files.read(inner), files.where(inner))
    return _mapped(path)


def archive_values(files: Files, inner: str) -> Iterator[Value]:
    """Read an archive from its beginning. Raises DataError."""
    where = files.where(inner)
    found = False
    try:
        for key, _, values in entries(contents(files, inner)):
            found = True
            yield Value(key, where, values)
    except ArkError as error:
        raise DataError([Problem(where, str(error))]) from None
    if not found:
        raise DataError([Problem(where, "is empty: an archive must hold at least one matrix")])


def beside(files: Files, table: str, names: Sequence[str]) -> str | None:
    """Find the first of `names` that lies beside a table."""
    folder = posixpath.dirname(table)
    return next((inner for name in names if (inner := posixpath.join(folder, name)) in files.contents), None)


def _mapped(path: Path) -> Data:
    with open_bytes(path) as file:
        try:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except ValueError:  # it is empty
            return b""
        except OSError as error:
            raise DataError([Problem(str(path), f"cannot be read: {error.strerror or error}")]) from error


def _above(inner: str) -> list[str]:
    folders = [posixpath.dirname(inner)]
    while folders[-1]:
        folders.append(posixpath.dirname(folders[-1]))
        if folders[-1] == folders[-2]:  # a path of a listing of one file may be absolute
            break
    return folders
