"""Quick, Draw!: JSON lines, a drawing each, as strokes of x, y and in the raw files the time."""

from __future__ import annotations

import codecs
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
from pydantic import Field

from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.files import PACKED, Files, decompress, open_bytes
from seqsweep.seqmodels.data.formats.base import Options
from seqsweep.seqmodels.data.formats.ink import Points, feature_names, join
from seqsweep.seqmodels.data.formats.several import Entry, FileEntries, SeveralPerFile
from seqsweep.seqmodels.data.numbers import quoted
from seqsweep.seqmodels.data.text import EncodingError, check_width
from seqsweep.seqmodels.data.transforms.minmax import MINMAX

LONGEST_LINE = 64_000_000  # bytes; the longest raw drawing has some 100,000
UNRECOGNISED = "{} drawing(s) that were not recognised when they were drawn are left out"
POINTLESS = "{} stroke(s) without points are passed over"


class QuickDrawOptions(Options):
    """Which drawings, and what of them."""

    time: bool = Field(
        False,
        description="take the time of each point, in milliseconds, as a feature (raw drawings have it)",
        examples=["time = true"],
    )
    recognised: bool = Field(
        False,
        description="leave out the drawings that were not recognised when they were drawn",
        examples=["recognised = true"],
    )
    group: Literal["countrycode"] | None = Field(
        None,
        description="`countrycode`: the country of who drew is a group",
        examples=['group = "countrycode"'],
    )


class Fault(ValueError):
    """A line is no drawing; the message says why."""


class QuickDraw(SeveralPerFile):
    """A line is a drawing `{"word": ..., "drawing": [[xs, ys, times], ...]}`; classes are the words."""

    name = "quickdraw"
    endings = (".ndjson",)
    row = "x and y of a pen's point, and 1 where the pen is lifted after it (else 0)"
    drawing = "ink"
    transforms = (MINMAX,)
    options_type = QuickDrawOptions
    unlabelled = "has no `word`, which is its class"

    def looks_right(self, files: Files, inner: str) -> bool:
        """Look for the key `drawing` at the beginning."""
        begin = files.peek(inner).lstrip(codecs.BOM_UTF8).lstrip()
        return begin.startswith(b"{") and b'"drawing"' in begin

    def described(self, files: Files, chosen: Sequence[str]) -> str:
        """End the sentence `it is ...`."""
        return f"{len(chosen):,} file(s) of drawings, such as {chosen[0]}"

    def read_file(self, files: Files, inner: str, options: Options, *, labelled: bool) -> FileEntries:
        """Read a drawing a line."""
        assert isinstance(options, QuickDrawOptions)
        where = files.where(inner)
        entries: list[Entry] = []
        problems: list[Problem] = []
        counts: Counter[str] = Counter()
        for number, line in lines_of(files, inner):
            try:
                entry = _entry(line, number, options, labelled, counts)
            except Fault as fault:
                problems.append(Problem(f"{where}:{number}", str(fault)))
                continue
            entries += [entry] if entry else []
        if problems:
            raise DataError(problems)
        if not entries and not counts:
            raise DataError([Problem(where, "is empty")])
        return FileEntries(entries, feature_names("xyt" if options.time else "xy"), counts)


QUICKDRAW = QuickDraw()


def lines_of(files: Files, inner: str) -> Iterator[tuple[int, bytes]]:
    """Read the lines that are not blank, with their numbers; one file that is large is not held as a whole."""
    path = files.path(inner)
    if path is None or inner.lower().endswith(PACKED):
        lines = iter(decompress(inner, files.read(inner), files.where(inner)).split(b"\n"))
        yield from _numbered(lines, files.where(inner))
        return
    with open_bytes(path) as file:
        try:
            yield from _numbered(iter(lambda: file.readline(LONGEST_LINE + 1), b""), files.where(inner))
        except OSError as error:
            rule = f"cannot be read: {error.strerror or error}"
            raise DataError([Problem(files.where(inner), rule)]) from error


def _numbered(lines: Iterator[bytes], where: str) -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(lines, 1):
        if number == 1:
            try:
                check_width(line)
            except EncodingError as error:
                raise DataError([Problem(where, str(error))]) from None
            line = line.removeprefix(codecs.BOM_UTF8)
        if len(line) > LONGEST_LINE:
            rule = f"is longer than {LONGEST_LINE:,} bytes, the most that is read"
            raise DataError([Problem(f"{where}:{number}", rule)])
        if line.strip():
            yield number, line


def _entry(
    line: bytes, number: int, options: QuickDrawOptions, labelled: bool, counts: Counter[str]
) -> Entry | None:
    """Read one drawing; None where it is to be left out."""
    try:
        drawing = json.loads(line)
    except (
        ValueError,
        RecursionError,
    ) as error:  # ValueError: also text that is not UTF-8, numbers without end
        raise Fault(f"is not JSON: {error}") from None
    if not isinstance(drawing, dict) or "drawing" not in drawing:
        raise Fault('must be an object like {"word": "bus", "drawing": [[[1, 2], [3, 4]]]}')
    if options.recognised and labelled:
        if not isinstance(drawing.get("recognized"), bool):
            raise Fault("`recognized` must be true or false, as `recognised = true` is asked for")
        if not drawing["recognized"]:
            counts[UNRECOGNISED] += 1
            return None
    word, identity = drawing.get("word"), drawing.get("key_id", str(number))
    for key, value in (("word", word), ("key_id", identity)):
        if not (isinstance(value, str) and value.strip()) and (key != "word" or value is not None):
            raise Fault(f"`{key}` must be a text that is not empty")
    strokes = drawing["drawing"]
    if not isinstance(strokes, list) or not strokes:
        raise Fault("`drawing` must be a list of strokes, at least 1")
    found = [_stroke(stroke, place, options.time) for place, stroke in enumerate(strokes, 1)]
    counts[POINTLESS] += sum(not len(stroke) for stroke in found)
    country = drawing.get("countrycode")
    if options.group and labelled and not isinstance(country, str):
        raise Fault("`countrycode` must be a text, as `group` asks for it")
    return Entry(join(found), identity, f":{number}", word, country if isinstance(country, str) else None)


def _stroke(stroke: Any, place: int, time: bool) -> Points:
    wanted = "[xs, ys, times]" if time else "[xs, ys] or [xs, ys, times]"
    if not isinstance(stroke, list) or len(stroke) not in ((3,) if time else (2, 3)):
        hint = " (simplified drawings have no times: leave out `time`)" * (time and isinstance(stroke, list))
        raise Fault(f"stroke {place} must be {wanted}{hint}")
    columns = stroke[: 3 if time else 2]
    for column in columns:
        if not isinstance(column, list) or len(column) != len(columns[0]):
            raise Fault(f"stroke {place} must be {wanted}, lists of equally many numbers")
        if not set(map(type, column)) <= {int, float}:
            wrong = next(each for each in column if type(each) not in (int, float))
            raise Fault(f"stroke {place} has {quoted(json.dumps(wrong))}, but must have numbers")
    try:
        return np.array(columns, np.float64).T
    except OverflowError:
        raise Fault(f"stroke {place} has a number that does not fit float32") from None
