"""Text of numbers in columns (CSV, TSV, blanks), as one array: `read_numbers(data, where)`.

Delimiter, header, decimal comma, quotes and encoding are recognised (`dialect.sniff`); what is wrong is told by file and line.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from seqsweep.seqmodels.data.errors import SHOWN, DataError, Problem
from seqsweep.seqmodels.data.formats.dialect import MISSING, Dialect, is_missing, is_number, sniff, text_lines
from seqsweep.seqmodels.data.numbers import quoted

if TYPE_CHECKING:
    import pyarrow as pa

TIME = re.compile(
    r"(t|time|timestamps?|date|datetime|epoch|elapsed|seconds_elapsed|t_?rel|rel_?t(ime)?|(time)?step|tick"
    r"|frame(_?(id|no|nr|number))?|(unix|utc|epoch|rel|relative|abs|absolute|elapsed)[_ ]?time"
    r"|time[_ ]?(stamp|step|s|ms|ns|us|sec|seconds|index|idx)?)"
    r"\s*([(\[][^)\]]*[)\]])?",
    re.IGNORECASE,
)
"""Names of columns that tell when a row was measured, a unit in brackets behind."""
ROW_NUMBER = re.compile(
    r"|unnamed: ?\d+|row_?names?|row(_?(id|num|number|index|nr))?|index|idx|level_0", re.IGNORECASE
)
SMALL = 1 << 20  # bytes that one thread reads


@dataclass(frozen=True, eq=False)
class Numbers:
    """What a text of columns holds.

    Args:
        names: of the D columns; empty where there is no header.
        values: [T, D]; NaN where a value is missing.
        times: columns (of the D) that look like a time or a row number, which are no features. Where there is no header it is
            the first, where it only grows: believe that only where it is so in all files.
        constants: columns of texts that are the same in every row, such as a label.
        notes: what was passed over or guessed, without the file's name.
    """

    names: tuple[str, ...]
    values: npt.NDArray[np.floating]
    times: tuple[int, ...] = ()
    constants: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def read_numbers(data: bytes, where: str, dialect: Dialect | None = None) -> Numbers:
    """Read all columns of numbers; texts are passed over, and said. Raises DataError with every line that is wrong.

    `dialect` is that of another file, for files that are written alike; without it, it is recognised.
    """
    found = sniff(data, where) if dialect is None else dialect
    kept = [place for place in range(found.width) if found.is_number[place]]
    texts = [place for place in range(found.width) if not found.is_number[place]]
    table = read_columns(data, found, where, kept, texts)
    if not table.num_rows:
        raise DataError([Problem(where, "has a header, but no rows")])
    values = np.empty((table.num_rows, len(kept)))
    for column, place in enumerate(kept):
        values[:, column] = as_floats(table.column(str(place)))
    notes = list(found.notes)
    blank = [place for column, place in enumerate(kept) if _blank(values[:, column], found, place)]
    if blank:  # delimiters at the ends of lines
        values = np.delete(values, [kept.index(place) for place in blank], axis=1)
        kept = [place for place in kept if place not in blank]
    if not kept:
        raise DataError([Problem(where, "has no column of numbers")])
    constants = {}
    for place in texts:
        different = table.column(str(place)).unique()
        if found.names and len(different) == 1:
            constants[found.names[place]] = different[0].as_py()
    if texts:
        named = ", ".join(found.column(place) for place in texts)
        notes.append(f"columns of texts are passed over: {named}")
    names = tuple(found.names[place] for place in kept) if found.names else ()
    return Numbers(names, values, times_of(names, values), constants, tuple(notes))


def may_count_rows(name: str, place: int) -> bool:
    """Tell by its name and place whether a column may count rows, as pandas and R write them."""
    return bool(ROW_NUMBER.fullmatch(name)) or (name == "X" and place == 0)


def times_of(names: Sequence[str], values: npt.NDArray[np.float64]) -> tuple[int, ...]:
    """Find columns that look like a time or a row number: by name, and they never fall; without names the first, if it grows."""
    if len(values) < 2 or values.shape[1] < 2:
        return ()
    rise = np.diff(values, axis=0)
    if not names:
        return (0,) if len(values) > 2 and (rise[:, 0] > 0).all() else ()
    found = [
        place
        for place, name in enumerate(names)
        if (TIME.fullmatch(name) and (rise[:, place] >= 0).all())
        or (may_count_rows(name, place) and (rise[:, place] == 1).all())
    ]
    return tuple(found) if len(found) < len(names) else ()


def read_columns(
    data: bytes, dialect: Dialect, where: str, numbers: Sequence[int], texts: Sequence[int] = ()
) -> pa.Table:
    """Read columns by their places, named `"0"`, `"1"`, ...: float64 and text. Raises DataError with every line that is wrong."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    kinds = {str(place): pa.float64() for place in numbers} | {str(place): pa.string() for place in texts}
    body: memoryview | bytes = memoryview(data)[dialect.start :]
    delimiter = dialect.delimiter
    if delimiter == " ":
        body = b"\n".join(b" ".join(line.split()) for line in bytes(body).splitlines())
    names = list(map(str, range(dialect.width)))
    if not len(body):
        return pa.table({name: pa.array([], kind) for name, kind in kinds.items()})
    try:
        return arrow_csv.read_csv(
            pa.BufferReader(pa.py_buffer(body)),
            read_options=arrow_csv.ReadOptions(
                column_names=names, encoding=dialect.encoding, use_threads=len(body) > SMALL
            ),
            parse_options=arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=b'"' in data),
            convert_options=arrow_csv.ConvertOptions(
                column_types=kinds,
                include_columns=list(kinds),
                decimal_point=dialect.decimal,
                null_values=MISSING,
                strings_can_be_null=False,
            ),
        )
    except (pa.ArrowException, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0]
        faults = find_faults(data, dialect, where, numbers)
        if not faults and "Row" not in reason:
            faults = [Problem(where, f"cannot be read as a table: {reason}")]
        if faults:
            raise DataError(faults) from None
    # nothing wrong but blanks around what is missing, or a sign that pyarrow does not know
    return _read_slowly(data, dialect, where, kinds)


def as_floats(column: pa.ChunkedArray) -> npt.NDArray[np.float64]:
    """Give a column of numbers as float64, NaN where a value is missing."""
    chunks = [chunk.to_numpy(zero_copy_only=False) for chunk in column.chunks]
    if not chunks:
        return np.zeros(0)
    return np.asarray(chunks[0] if len(chunks) == 1 else np.concatenate(chunks), np.float64)


def find_faults(data: bytes, dialect: Dialect, where: str, numbers: Sequence[int]) -> list[Problem]:
    """Name each line that has too few or too many fields, or a word in a column of numbers."""
    faults: list[Problem] = []
    wanted = f"the header has {dialect.width}" if dialect.names else f"the first row has {dialect.width}"
    for line, row in _lines(data, dialect, where):
        if len(row) != dialect.width:
            faults.append(Problem(f"{where}:{line}", f"has {len(row)} fields, but {wanted}"))
        else:
            faults += [
                Problem(
                    f"{where}:{line}",
                    f"column {dialect.column(place)} is {quoted(row[place])}, but must be a number",
                )
                for place in numbers
                if not is_missing(row[place]) and not is_number(row[place], dialect.decimal)
            ]
        if len(faults) > SHOWN:
            break
    return faults


def _read_slowly(data: bytes, dialect: Dialect, where: str, kinds: dict[str, pa.DataType]) -> pa.Table:
    import pyarrow as pa

    rows = [row for _, row in _lines(data, dialect, where)]
    columns = {}
    for name, kind in kinds.items():
        words = [row[int(name)] for row in rows]
        if pa.types.is_floating(kind):
            point = dialect.decimal
            columns[name] = pa.array(
                [None if is_missing(word) else float(word.replace(point, ".")) for word in words], kind
            )
        else:
            columns[name] = pa.array(words, kind)
    return pa.table(columns)


def _lines(data: bytes, dialect: Dialect, where: str) -> Iterator[tuple[int, list[str]]]:
    """Give each row's fields, by the number of the line it ends on."""
    lines = text_lines(data[dialect.start :].decode(dialect.encoding, "replace"))
    before = dialect.first_line - 1
    if dialect.delimiter == " ":
        yield from ((before + number, line.split()) for number, line in enumerate(lines, 1) if line.strip())
        return
    reader = csv.reader(lines, delimiter=dialect.delimiter)
    try:
        for row in reader:
            if row:
                yield before + reader.line_num, row
    except csv.Error as error:
        raise DataError(
            [Problem(f"{where}:{before + reader.line_num}", f"cannot be read: {error}")]
        ) from None


def _blank(column: npt.NDArray[np.float64], dialect: Dialect, place: int) -> bool:
    unnamed = not dialect.names or not dialect.names[place]
    return unnamed and place == dialect.width - 1 and bool(np.isnan(column).all())
