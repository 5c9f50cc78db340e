"""Sequences as blocks of rows, one below the other with a blank line between, as the UCI's spoken Arabic digits have them.

The rows of a block are numbers; which class a block has is told by its place: so many of the first class, then of the next.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import accumulate
from typing import Annotated, ClassVar

import numpy as np
from pydantic import BeforeValidator, Field, field_validator

from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.files import Files, decompress
from seqsweep.seqmodels.data.formats.base import Options
from seqsweep.seqmodels.data.formats.several import Entry, FileEntries, SeveralPerFile
from seqsweep.seqmodels.data.numbers import NumberError, parse_numbers, read_lines
from seqsweep.seqmodels.data.transforms.standardize import STANDARDIZE

SIZES = "size_"
"""Begins the name of a file beside, with how many blocks each class has, as the UCI's Japanese vowels have it."""
TODO = "say by `blocks` how many classes share the file equally, or how many blocks each has"
MOST_CLASSES = 100_000


class BlocksOptions(Options):
    """How many blocks each class has."""

    blocks: Annotated[
        int | tuple[int, ...] | None,
        BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value),
    ] = Field(
        None,
        description="how many classes share a file's blocks equally, or how many blocks each class has, in their order; left "
        "out: a file `size_NAME` beside says it",
        examples=["blocks = 10", "blocks = [30, 30, 25]"],
    )

    @field_validator("blocks")
    @classmethod
    def _positive(cls, value: int | tuple[int, ...] | None) -> int | tuple[int, ...] | None:
        counts = (value,) if isinstance(value, int) else value or (2, 2)
        if len(counts) > MOST_CLASSES or min(counts) < 1 or (isinstance(value, int) and value < 2):
            raise ValueError("must be at least 2 classes, or a list of numbers of 1 or more")
        return value


class Blocks(SeveralPerFile):
    """A file is blocks of rows; the files of a folder are its parts, by their names."""

    name = "blocks"
    endings = (".txt", ".dat", ".csv", ".train", ".test")
    row = "the numbers of a time step, as a line of a file"
    transforms = (STANDARDIZE,)
    options_type: ClassVar[type[Options]] = BlocksOptions

    def chosen(self, files: Files) -> list[str]:
        """Name the files to read: those of sizes are none."""
        return [inner for inner in super().chosen(files) if not inner.rpartition("/")[2].startswith(SIZES)]

    def looks_right(self, files: Files, inner: str) -> bool:
        """Look for a blank line between two lines of numbers."""
        if inner.rpartition("/")[2].startswith(SIZES):
            return True
        begun = files.peek(inner, 1 << 16)
        if begun.count(0):
            return False
        text = re.sub(rb"\r\n?", b"\n", begun.removeprefix(b"\xef\xbb\xbf")).lstrip().decode("latin-1")
        blocks = re.split(r"\n[ \t]*\n\s*", text)
        return len(blocks) > 1 and all(_is_numbers(block.split("\n")[0]) for block in blocks[:2])

    def complete(self, files: Files, options: Options) -> tuple[Options, tuple[str, ...]]:
        """Ask for the classes where neither the options nor a file beside says them: nobody could guess them."""
        assert isinstance(options, BlocksOptions)
        if options.blocks is None:
            problems = [
                Problem(files.where(inner), f"does not say which class each block has: {TODO}")
                for inner in self.chosen(files)
                if _sizes(inner) not in files.contents
            ]
            if problems:
                raise DataError(problems)
        return options, ()

    def read_file(self, files: Files, inner: str, options: Options, *, labelled: bool) -> FileEntries:
        """Read every block of a file."""
        assert isinstance(options, BlocksOptions)
        where = files.where(inner)
        blocks = _blocks(read_lines(files, inner))
        entries, problems = [], []
        labels = self._labels(files, inner, options, len(blocks)) if labelled else None
        for number, (line, rows) in enumerate(blocks, 1):
            try:
                values = _values(rows)
            except NumberError as error:
                at = next(step for step in range(len(rows)) if _fault(rows[step], rows[0]))
                problems.append(Problem(f"{where}:{line + at}", str(error)))
                continue
            label = None if labels is None else labels[number - 1]
            entries.append(Entry(values, str(number), f":{line}", label))
        if problems:
            raise DataError(problems)
        return FileEntries(entries)

    def _labels(self, files: Files, inner: str, options: BlocksOptions, count: int) -> list[str] | None:
        """Tell the class of each block by its place, numbered from 1; None where nobody says."""
        where = files.where(inner)
        counts: Sequence[int]
        if options.blocks is None:
            beside = _sizes(inner)
            if beside not in files.contents:
                return None
            text = decompress(beside, files.read(beside), files.where(beside)).decode("latin-1").split()
            if not text or not all(re.fullmatch(r"\d{1,9}", word, re.ASCII) for word in text):
                raise DataError(
                    [Problem(files.where(beside), "must be how many blocks each class has, whole numbers")]
                )
            counts = [int(word) for word in text]
        elif isinstance(options.blocks, int):
            if count % options.blocks:
                rule = f"has {count:,} blocks, which {options.blocks} classes cannot share equally (`blocks`)"
                raise DataError([Problem(where, rule)])
            counts = [count // options.blocks] * options.blocks
        else:
            counts = options.blocks
        if sum(counts) != count:
            rule = f"has {count:,} blocks, but the classes are said to have {sum(counts):,} together"
            raise DataError([Problem(where, rule)])
        ends = list(accumulate(counts))
        width = len(str(len(counts)))  # so that names sort as they count
        return [str(np.searchsorted(ends, place, "right") + 1).zfill(width) for place in range(count)]


BLOCKS = Blocks()


def _sizes(inner: str) -> str:
    """Name the file beside that has the sizes of classes."""
    folder, slash, name = inner.rpartition("/")
    return f"{folder}{slash}{SIZES}{name}"


def _blocks(lines: Sequence[str]) -> list[tuple[int, list[list[str]]]]:
    """Part lines at blank ones: the first line's number, and the words of each row."""
    found: list[tuple[int, list[list[str]]]] = []
    within = False
    for number, line in enumerate(lines, 1):
        words = line.replace(",", " ").split()
        if not words:
            within = False
            continue
        if not within:
            found.append((number, []))
            within = True
        found[-1][1].append(words)
    return found


def _values(rows: Sequence[Sequence[str]]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    for row in rows:
        if fault := _fault(row, rows[0]):
            raise NumberError(fault)
    return np.array(parse_numbers([word for row in rows for word in row])).reshape(len(rows), -1)


def _fault(row: Sequence[str], first: Sequence[str]) -> str:
    if len(row) != len(first):
        return f"has {len(row)} columns, but the first row of its block has {len(first)}"
    try:
        parse_numbers(row)
    except NumberError as error:
        return str(error)
    return ""


def _is_numbers(line: str) -> bool:
    try:
        parse_numbers(line.replace(",", " ").split())
    except (NumberError, ValueError):
        return False
    return bool(line.strip())
