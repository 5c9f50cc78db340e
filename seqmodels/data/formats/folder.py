"""A text or `.npy` file a sequence, a row a time step: `<class>/[train|val|test]/FILE`, or any layout that names show."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.files import Files, decompress
from seqsweep.seqmodels.data.formats import npy_reading
from seqsweep.seqmodels.data.formats.base import Options
from seqsweep.seqmodels.data.formats.delimited import Numbers, read_numbers
from seqsweep.seqmodels.data.formats.per_file import FileContent, PerFile, PerFileOptions
from seqsweep.seqmodels.data.transforms.standardize import STANDARDIZE

ARRAY = ".npy"
MAGIC = b"\x93NUMPY"
MARK = b"\xef\xbb\xbf"
LOOKED_AT = 5  # files by which columns are chosen


class FolderOptions(PerFileOptions):
    """Which columns are features."""

    columns: tuple[int | str, ...] | None = Field(
        None,
        description="the columns that are features, by name or by number from 1; left out: all but a time or a row number",
        examples=['columns = ["x", "y"]'],
        strict=False,
    )


class Folder(PerFile):
    """Numbers in rows: delimiter, header and decimal comma are recognised; what looks like a time is no feature."""

    name = "folder"
    endings = (".csv", ".tsv", ".txt", ".dat", ".asc", ARRAY)
    row = "the numbers of a time step, as a line of a file"
    transforms = (STANDARDIZE,)
    options_type: ClassVar[type[Options]] = FolderOptions

    def looks_right(self, files: Files, inner: str) -> bool:
        """Look for numpy's mark, or for a line of numbers near the beginning."""
        begun = files.peek(inner)
        if inner.lower().removesuffix(".gz").endswith(ARRAY):
            return begun.startswith(MAGIC)
        return _has_numbers(begun)

    def recognise(self, files: Files) -> str | None:
        """Take files that lie in folders, or several whose names begin alike; one file alone is a table."""
        return super().recognise(files) if len(files.having(self.endings)) > 1 else None

    def complete(self, files: Files, options: Options) -> tuple[Options, tuple[str, ...]]:
        """Find out where labels are, and which columns are features."""
        options, notes = super().complete(files, options)
        assert isinstance(options, FolderOptions)
        if options.columns is not None:
            return options, notes
        chosen = self.chosen(files)
        step = max(1, len(chosen) // LOOKED_AT)
        read = [_numbers(files, inner) for inner in chosen[::step][:LOOKED_AT]]
        times = [set(each.times) for each in read]
        left_out = set.intersection(*times)
        [(names, _), *_] = Counter(each.names for each in read).most_common(1)
        width = min(each.values.shape[1] for each in read)
        kept = [place for place in range(len(names) or width) if place not in left_out]
        if not left_out or not kept:
            return options, notes
        columns = tuple(names[place] if names else place + 1 for place in kept)
        named = ", ".join(names[place] if names else str(place + 1) for place in sorted(left_out))
        note = f"no `columns` are given: what looks like a time or a row number, {named}, is no feature"
        return options.model_copy(update={"columns": columns}), (*notes, note)

    def read_one(self, files: Files, inner: str, options: Options) -> FileContent:
        """Read the columns that are features."""
        assert isinstance(options, FolderOptions)
        found = _numbers(files, inner)
        if options.columns is None:
            return FileContent(found.values, features=found.names, notes=found.notes)
        places = _places(found, options.columns, files.where(inner))
        names = tuple(found.names[place] for place in places) if found.names else ()
        return FileContent(found.values[:, places], features=names, notes=found.notes)


FOLDER = Folder()


def _numbers(files: Files, inner: str) -> Numbers:
    where = files.where(inner)
    data = decompress(inner, files.read(inner), where)
    if data.startswith(MAGIC):
        return Numbers((), read_array(data, where))
    return read_numbers(data, where)


def read_array(data: bytes, where: str) -> npt.NDArray[np.floating]:
    """Read one array [T, D] or [T] of real numbers as numpy writes it. Raises DataError; nothing is ever unpickled.

    It is float32 where that holds all values of the file's type exactly.
    """
    array = npy_reading.read_array(np.frombuffer(data, np.uint8), where)
    if array.dtype.kind not in "fiub" or array.ndim not in (1, 2):
        rule = f"is an array of {array.dtype} with {array.ndim} axes, but must be real numbers, [tokens, features]"
        raise DataError([Problem(where, rule)])
    exact = np.float32 if np.can_cast(array.dtype, np.float32) else np.float64
    return np.asarray(array.reshape(len(array), -1), exact)


def _places(found: Numbers, columns: Sequence[int | str], where: str) -> list[int]:
    places, problems = [], []
    width = found.values.shape[1]
    for column in columns:
        if isinstance(column, str) and column in found.names:
            places.append(found.names.index(column))
        elif isinstance(column, int) and 1 <= column <= width:
            places.append(column - 1)
        else:
            having = ", ".join(found.names) if found.names else f"{width} columns without names"
            problems.append(
                Problem(where, f"has no column `{column}`, which `columns` names; it has {having}")
            )
    if problems:
        raise DataError(problems)
    return places


def _has_numbers(begun: bytes) -> bool:
    """Tell whether the second line, or the only one, has a number: the first may be a header."""
    lines = [line for line in begun.removeprefix(MARK).replace(b"\r", b"\n").split(b"\n") if line.strip()][:3]
    if not lines or begun.count(0):
        return False
    words = lines[min(1, len(lines) - 1)].replace(b";", b" ").replace(b"\t", b" ").replace(b",", b" ").split()
    return any(_is_number(word) for word in words)


def _is_number(word: bytes) -> bool:
    try:
        float(word.strip(b"\"'"))
    except ValueError:
        return False
    return True
