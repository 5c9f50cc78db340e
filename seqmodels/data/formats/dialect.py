"""How a text of columns is written: its delimiter, header, decimal sign and encoding, told by its first lines."""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO

from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.numbers import NOT_FINITE, NUMBER

MISSING = ("", "NA", "N/A", "#N/A", "NaN", "nan", "NAN", "null", "NULL", "None", "none", "?", "-")
"""How people write that a value is missing."""
DELIMITERS = ("\t", ";", ",", "|", " ")
SAMPLE = 1 << 16  # bytes that are looked at
LINE_END = re.compile(rb"\r\n|\r|\n")
LONGEST_LINE = 1 << 24  # bytes; of a sequence a line
ROWS = 20
DECIMAL_COMMA = re.compile(r"\s*[+-]?\d+,\d+([eE][+-]?\d+)?\s*", re.ASCII)
WHOLE = re.compile(r"\s*-?\d+\s*", re.ASCII)
WORD = re.compile(r"[^\W\d]")


@dataclass(frozen=True)
class Dialect:
    """How lines are cut into fields. `names` are empty where there is no header; `" "` as delimiter is any white space."""

    delimiter: str
    decimal: str
    encoding: str
    names: tuple[str, ...]
    width: int
    is_number: tuple[bool, ...]
    """Whether the first rows of each column are numbers (or all missing)."""
    start: int
    """Bytes before the first row."""
    first_line: int
    """The number of that row's line, from 1."""
    notes: tuple[str, ...] = ()

    def column(self, place: int) -> str:
        """Name a column as a message does."""
        return f"`{self.names[place]}`" if self.names else f"{place + 1}"


def is_number(word: str, decimal: str = ".") -> bool:
    """Tell whether a word is a number; infinite ones are."""
    pattern = DECIMAL_COMMA if decimal == "," and "," in word else NUMBER
    return bool(pattern.fullmatch(word) or NOT_FINITE.fullmatch(word))


def is_missing(word: str) -> bool:
    """Tell whether a word stands for a value that is not there."""
    return word.strip() in MISSING


def sniff(data: bytes, where: str) -> Dialect:
    """Tell from the beginning of a text how it is written. Raises DataError where it is no text of columns."""
    encoding, start, notes = _encoding(data, where)
    text = _sample(data[start:], where).decode(encoding, "replace")
    lines = text_lines(text)
    skipped, given, comment = _preamble(lines)
    body = lines[skipped:]
    if not any(line.strip() for line in body):
        raise DataError([Problem(where, "has a heading, but no rows" if comment or given else "is empty")])
    delimiter = given or _delimiter(body)
    rows = _rows(body, delimiter)
    if not rows:
        raise DataError([Problem(where, "cannot be cut into columns")])
    decimal = _decimal(rows, delimiter)
    width = max(len(row) for row in rows)
    has_header = _has_header(rows, decimal)
    names: tuple[str, ...] = ()
    if has_header:
        names = tuple(seen_name(word) for word in rows[0])
        width = len(names)
        skipped += _lines_of_first(body, delimiter)
    elif comment and len(words := _rows([comment], delimiter)[0]) == width:
        names = tuple(seen_name(word) for word in words)
    rows = rows[1:] if has_header else rows
    kinds = tuple(
        _is_number_column([row[place] for row in rows if place < len(row)], decimal) for place in range(width)
    )
    return Dialect(
        delimiter,
        decimal,
        encoding,
        names,
        width,
        kinds,
        start + _end_of(data[start:], skipped),
        skipped + 1,
        notes,
    )


def seen_name(word: str) -> str:
    """Give a column's name as a person sees it."""
    return " ".join(word.split())


def text_lines(text: str) -> list[str]:
    """Cut a text where people see lines end, `\\n` behind each."""
    return list(StringIO(text, newline=None))


def _end_of(data: bytes, lines: int) -> int:
    """Bytes of so many lines."""
    end = 0
    for _ in range(lines):
        found = LINE_END.search(data, end)
        end = len(data) if found is None else found.end()
    return end


def _encoding(data: bytes, where: str) -> tuple[str, int, tuple[str, ...]]:
    for width, marks in (
        (32, (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)),  # first: one begins like UTF-16's
        (16, (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)),
    ):
        if data.startswith(marks):
            raise DataError([Problem(where, f"is UTF-{width} text, but must be UTF-8: save it as UTF-8")])
    if b"\0" in data[:SAMPLE]:
        raise DataError([Problem(where, "is no text: it has zero bytes")])
    start = len(codecs.BOM_UTF8) if data.startswith(codecs.BOM_UTF8) else 0
    if data.isascii():
        return "utf-8", start, ()
    try:
        codecs.getincrementaldecoder("utf-8")().decode(data)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        return "latin-1", start, (f"line {line} is not UTF-8 text, so the file is read as Latin-1",)
    return "utf-8", start, ()


def _sample(data: bytes, where: str) -> bytes:
    """The first whole lines."""
    if len(data) <= SAMPLE:
        return data
    end = max(data.rfind(b"\n", 0, SAMPLE), data.rfind(b"\r", 0, SAMPLE))
    if end < 0 or data.count(b"\n", 0, SAMPLE) + data.count(b"\r", 0, SAMPLE) < 2:
        for _ in range(3):  # a header and two rows
            end = data.find(b"\n", end + 1, LONGEST_LINE)
            if end < 0:
                break
        if end < 0 and len(data) > LONGEST_LINE:
            raise DataError([Problem(where, f"has a line of more than {LONGEST_LINE:,} bytes")])
    return data if end < 0 else data[: end + 1]


def _preamble(lines: Sequence[str]) -> tuple[int, str, str]:
    """How many lines come before the table, the delimiter that Excel's `sep=` gives, and the last comment."""
    given = comment = ""
    count = 0
    for line in lines:
        text = line.strip()
        if count == 0 and re.fullmatch(r"sep=(.)", text, re.IGNORECASE):
            given = text[4]
        elif text.startswith(("#", "%")):
            comment = text.lstrip("#% ")
        elif text:
            break
        count += 1
    return count, given, comment


def _rows(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    if delimiter == " ":
        return [line.split() for line in lines[: 2 * ROWS] if line.strip()][:ROWS]
    rows: list[list[str]] = []
    try:
        for row in csv.reader(lines, delimiter=delimiter):
            if row:
                rows.append(row)
            if len(rows) == ROWS:
                break
    except csv.Error:  # a field beyond all bounds
        return rows
    return rows


def _lines_of_first(lines: Sequence[str], delimiter: str) -> int:
    """How many lines the first row takes: blank ones before it, and what is between quotes."""
    if delimiter == " ":
        return next(count for count, line in enumerate(lines, 1) if line.strip())
    reader = csv.reader(lines, delimiter=delimiter)
    next(row for row in reader if row)
    return reader.line_num


def _delimiter(lines: Sequence[str]) -> str:
    """The one that cuts most lines into equally many fields, of which most are numbers."""
    best, best_score = ",", (0.0, 0.0)
    for delimiter in DELIMITERS:
        rows = _rows(lines, delimiter)
        counts = [len(row) for row in rows]
        usual = max(set(counts), key=counts.count) if counts else 0
        if usual < 2:
            continue
        even = counts.count(usual) / len(counts)
        cells = [word for row in rows[1:] or rows for word in row if word.strip()]
        good = sum(
            is_number(word) or bool(DECIMAL_COMMA.fullmatch(word)) or is_missing(word) for word in cells
        )
        score = (even * good / max(1, len(cells)), even)
        if score > best_score:
            best, best_score = delimiter, score
    return best


def _decimal(rows: Sequence[Sequence[str]], delimiter: str) -> str:
    cells = [word for row in rows[1:] or rows for word in row]
    commas = sum(bool(DECIMAL_COMMA.fullmatch(word)) for word in cells)
    points = sum("." in word and is_number(word) for word in cells)
    return "," if commas > points else "."


def _has_header(rows: Sequence[Sequence[str]], decimal: str) -> bool:
    first, rest = rows[0], rows[1:]
    if not rest:
        return any(word.strip() and not is_number(word, decimal) for word in first) and not any(
            is_number(word, decimal) for word in first
        )
    filled = [word.strip() for word in first if not is_missing(word)]
    numbers = [word for word in filled if is_number(word, decimal)]
    for place, word in enumerate(first):
        if not is_missing(word) and not is_number(word, decimal):
            below = [row[place] for row in rest if place < len(row) and not is_missing(row[place])]
            if below and all(is_number(each, decimal) for each in below):
                return True
    if numbers:  # pandas numbers columns without names
        counted = numbers in ([str(k + start) for k in range(len(numbers))] for start in (0, 1))
        below = [
            row[place]
            for row in rest
            for place, word in enumerate(first)
            if place < len(row) and is_number(word, decimal) and not is_missing(row[place])
        ]
        broken = any(is_number(word, decimal) and not WHOLE.fullmatch(word) for word in below)
        return counted and len(numbers) > 1 and broken
    # texts alone: names are words that do not come again
    below_first = {word for row in rest for word in row}
    return (
        len(set(filled)) == len(filled) > 0
        and not any(word in below_first for word in filled)
        and all(WORD.match(word) for word in filled)
    )


def _is_number_column(words: Sequence[str], decimal: str) -> bool:
    filled = [word for word in words if not is_missing(word)]
    return not filled or sum(is_number(word, decimal) for word in filled) * 2 >= len(filled)
