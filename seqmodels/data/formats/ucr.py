"""Text with a row a sequence of one feature, the class first: `<name>_TRAIN.tsv` and `<name>_TEST.tsv` of the UCR archive."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from seqsweep.seqmodels.data.collection import Collection, merged
from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.files import ARCHIVES, PACKED, Files, decompress, list_files
from seqsweep.seqmodels.data.formats.base import Format, Options, RawSequence
from seqsweep.seqmodels.data.formats.columns import texts_of
from seqsweep.seqmodels.data.formats.delimited import as_floats, read_columns
from seqsweep.seqmodels.data.formats.dialect import Dialect, sniff
from seqsweep.seqmodels.data.transforms.standardize import STANDARDIZE

ENDINGS = (".tsv", ".txt", ".csv", "")
PART = re.compile(r"(?P<stem>.*)_(?P<part>train|test)(\.tsv|\.txt|\.csv)?(\.gz|\.xz|\.bz2)?", re.IGNORECASE)
LABELS = ("label", "class", "target", "y", "category", "labels", "classes")
NUMBERED = re.compile(r"([^\d]*)(\d{1,9})", re.ASCII)
WHOLE = re.compile(r"[+-]?\d{1,9}([.]0+)?([eE][+]?0+)?", re.ASCII)
MANY = 16  # columns without names by which a row is taken for a sequence
FEWEST = 4  # columns by which a row is taken for a sequence


class UcrOptions(Options):
    """Where the class of a row stands."""

    label: int | str | None = Field(
        None,
        description="the column with the class, by name or number: 1 is the first (the default), -1 the last",
        examples=["label = -1"],
    )


@dataclass(frozen=True, eq=False)
class Rows:
    """What one file holds."""

    values: list[npt.NDArray[np.float64]]
    labels: list[str | None]
    places: list[str]
    notes: tuple[str, ...]


class Ucr(Format):
    """A pair of files; all values are standardised by those of training."""

    name = "ucr"
    endings: ClassVar[tuple[str, ...]] = ENDINGS
    row = "the value at one time, of a row of a `.tsv` file whose first column is the class"
    transforms = (STANDARDIZE,)
    options_type = UcrOptions

    def recognise(self, files: Files) -> str | None:
        """Look for a file `..._TRAIN` or `..._TEST` without a header, with many numbers a row; or for one wide file."""
        for inner in sorted(files.contents):
            if PART.fullmatch(inner) and _looks_right(files, inner):
                return f"a row a sequence, the class first, in {inner}"
        if len(files.contents) == 1 and (found := _wide(files)) is not None:
            return f"a row a sequence in {next(iter(files.contents))}, the class {found[1]}"
        return None

    def complete(self, files: Files, options: Options) -> tuple[Options, tuple[str, ...]]:
        """Take the column for the class that a wide file shows, else the first."""
        assert isinstance(options, UcrOptions)
        if options.label is not None:
            return options, ()
        found = _wide(files) if len(files.contents) == 1 else None
        label, where = found or (1, "")
        notes = (f"no `label` is given: the class of a row is {where}",) * bool(where)
        return options.model_copy(update={"label": label}), notes

    def list(self, path: Path | Sequence[Path]) -> Files:
        """List what there is; beside one file of a pair lies the other, and their common beginning names both."""
        if not isinstance(path, Path) or path.is_dir() or path.name.lower().endswith(ARCHIVES):
            return list_files(path, self.endings)
        given = PART.fullmatch(path.name)
        stem = given["stem"] if given else path.name
        beside = sorted(path.parent.iterdir()) if path.parent.is_dir() else []
        pair = [
            each
            for each in beside
            if (match := PART.fullmatch(each.name)) and match["stem"] == stem and each.is_file()
        ]
        if (given or not path.exists()) and pair:
            return Files(str(path.parent), "/", {each.name: each for each in pair}, frozenset({""}))
        return list_files(path, self.endings)

    def gather(self, files: Files, options: Options, classes: Sequence[str] | None = None) -> Collection:
        """Read the pair of files, or the one that there is."""
        assert isinstance(options, UcrOptions)
        found: list[Collection] = []
        problems: list[Problem] = []
        for inner, part in self._chosen(files).items():
            try:
                rows = _read(files, inner, options)
            except DataError as error:
                problems += error.problems
                continue
            problems += [
                Problem(place, "has no class")
                for place, label in zip(rows.places, rows.labels, strict=True)
                if label is None
            ]
            count = len(rows.values)
            ids = [f"{part}/{number}" if part else str(number) for number in range(1, count + 1)]
            labels = [label or "" for label in rows.labels]
            found.append(Collection(rows.values, labels, ids, rows.places, [part] * count, notes=rows.notes))
        if problems:
            raise DataError(problems)
        return merged(found)

    def parse(self, files: Files, inner: str, options: Options) -> Iterator[RawSequence]:
        """Read a sequence a row; the column of the class must be there, but may be empty, or `?`."""
        assert isinstance(options, UcrOptions)
        rows = _read(files, inner, options)
        for place, values in zip(rows.places, rows.values, strict=True):
            yield RawSequence(place, place, values)

    def _chosen(self, files: Files) -> dict[str, str | None]:
        """Name the files of the one data set with their parts. Raises DataError where there are several."""
        matches = {inner: match for inner in sorted(files.contents) if (match := PART.fullmatch(inner))}
        stems = dict.fromkeys(match["stem"] for match in matches.values())
        if len(stems) > 1:
            named = ", ".join(files.where(stem) for stem in stems)
            raise DataError([Problem(files.root, f"holds several data sets, name one of them: {named}")])
        parts = {inner: match["part"].lower() for inner, match in matches.items()}
        if twice := [part for part, count in Counter(parts.values()).items() if count > 1]:
            raise DataError(
                [Problem(files.root, f"has several files of the part {twice[0]}: {', '.join(parts)}")]
            )
        if len(parts) > 1:
            return dict(sorted(parts.items(), key=lambda each: each[1] != "train"))
        if parts or len(files.contents) == 1:  # without its other half it says nothing of parts
            return dict.fromkeys(parts or files.contents)
        raise DataError([Problem(files.root, "holds no files ..._TRAIN.tsv and ..._TEST.tsv")])


UCR = Ucr()


def _looks_right(files: Files, inner: str) -> bool:
    try:
        dialect = sniff(files.peek(inner, 1 << 18), files.where(inner))
    except DataError:
        return False
    return not dialect.names and dialect.width >= FEWEST and all(dialect.is_number[1:])


def _wide(files: Files) -> tuple[int, str] | None:
    """Tell which column of the only file is the class, and how that is said; None where a row is not a sequence.

    With a header, the others are numbered (`t0, t1, ...`); without, there are many, and the class is of few whole numbers, or no
    number at all.
    """
    [inner] = files.contents
    begun = files.peek(inner, 1 << 18)
    try:
        dialect = sniff(begun, files.where(inner))
    except DataError:
        return None
    if dialect.width <= FEWEST or not all(dialect.is_number[1:-1]):
        return None
    for label, place, others in ((1, 0, slice(1, None)), (-1, dialect.width - 1, slice(0, -1))):
        if not all(dialect.is_number[others]):
            continue
        if dialect.names:
            if dialect.names[place].strip().lower() in LABELS and _numbered(dialect.names[others]):
                return label, f"in the column `{dialect.names[place]}`"
        elif dialect.width >= MANY:
            rows = begun.decode("latin-1").splitlines()[dialect.first_line - 1 : -1] or [
                begun.decode("latin-1")
            ]
            taken_apart = [row.split(dialect.delimiter) for row in rows if row.strip()]
            if any(len(row) <= place for row in taken_apart):
                return None
            cells = [row[place].strip() for row in taken_apart]
            few = len(set(cells)) <= max(2, len(cells) // 2)
            if len(cells) > 3 and few and (not dialect.is_number[place] or all(map(WHOLE.fullmatch, cells))):
                return label, "in the first column" if label == 1 else "in the last column"
    return None


def _numbered(names: Sequence[str]) -> bool:
    """Tell whether names are one word with numbers that count, or numbers alone."""
    found = [NUMBERED.fullmatch(name.strip()) for name in names]
    words = {match[1] for match in found if match}
    counts = [int(match[2]) for match in found if match]
    return None not in found and len(words) == 1 and counts == list(range(counts[0], counts[0] + len(counts)))


def _read(files: Files, inner: str, options: UcrOptions) -> Rows:
    where = files.where(inner)
    data = (
        decompress(inner, files.read(inner), where) if inner.lower().endswith(PACKED) else files.read(inner)
    )
    dialect = sniff(data, where)
    place = _label_column(dialect, 1 if options.label is None else options.label, where)
    numbers = [column for column in range(dialect.width) if column != place]
    table = read_columns(data, dialect, where, numbers, [place])
    if not table.num_rows:
        raise DataError([Problem(where, "has a header, but no rows")])
    values = np.empty((table.num_rows, len(numbers)))
    for target, column in enumerate(numbers):
        values[:, target] = as_floats(table.column(str(column)))
    there = ~np.isnan(values)
    lengths = np.where(there.any(axis=1), values.shape[1] - np.argmax(there[:, ::-1], axis=1), 0)
    return Rows(
        [row[:length, None] for row, length in zip(values, lengths.tolist(), strict=True)],
        _labels(table.column(str(place))),
        _places(dialect, where, table.num_rows),
        dialect.notes,
    )


def _label_column(dialect: Dialect, label: int | str, where: str) -> int:
    if isinstance(label, str):
        if label not in dialect.names:
            known = ", ".join(dialect.names[:10]) or "no names"
            raise DataError([Problem(where, f"has no column `{label}`, which `label` names: it has {known}")])
        return dialect.names.index(label)
    place = label - 1 if label > 0 else dialect.width + label
    if label == 0 or not 0 <= place < dialect.width or dialect.width < 2:
        rule = f"has {dialect.width} column(s), so `label = {label}` leaves no class, or no values"
        raise DataError([Problem(where, rule)])
    return place


def _labels(column: Any) -> list[str | None]:
    """Give classes as texts; 1.0000000e+00 of older files is 1."""
    texts = texts_of(column)
    names = [_plain(name) for name in texts.names]
    return [*(names[code] if code >= 0 else None for code in texts.code.tolist())]


def _plain(name: str) -> str | None:
    if name in ("?", "NaN", "nan"):
        return None
    try:
        value = float(name)
    except ValueError:
        return name
    return str(int(value)) if value.is_integer() and abs(value) < 2**53 else name


def _places(dialect: Dialect, where: str, count: int) -> list[str]:
    return [f"{where}:{dialect.first_line + row}" for row in range(count)]
