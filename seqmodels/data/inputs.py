"""Sequences without labels, as a trained model is given them: data files, JSON lines, standard input."""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.files import PACKED, Files, decompress, open_bytes, read_bytes
from seqsweep.seqmodels.data.formats.base import LabelledSequence, Options, RawSequence
from seqsweep.seqmodels.data.numbers import LARGEST
from seqsweep.seqmodels.data.registry import FORMATS, format_named
from seqsweep.seqmodels.data.text import EncodingError, check_width

JSON_LINES = (".jsonl", ".ndjson")
STANDARD_INPUT = "standard input"


def read_file(
    path: Path, form: str, options: Options | None = None, *, missing_allowed: bool = False
) -> Iterator[RawSequence | Problem]:
    """What a file holds: one sequence (strokes, mfcc) or one a line (ts, JSON lines); problems stand in their places.

    `form` is the name of one of `registry.FORMATS`, and how the file is read unless its name ends in .jsonl or .ndjson.
    Where missing values are allowed, JSON's `null` is one.
    """
    endings = [suffix.lower() for suffix in path.suffixes if suffix.lower() not in PACKED]
    ending = endings[-1] if endings else ""
    # who reads few kinds of files is named first: a list of files may name any
    knowing = sorted(
        (each for each in FORMATS if ending and ending in each.endings), key=lambda each: len(each.endings)
    )
    known = [each.name for each in knowing]
    if path.is_dir():
        yield Problem(
            str(path), "is a folder: name its files (or `seqsweep evaluate` it, where it is labelled)"
        )
    elif ending in JSON_LINES and form not in known:
        try:
            if path.suffix.lower() in PACKED:
                whole = decompress(path.name, read_bytes(path), str(path))
                yield from read_json_lines(whole.split(b"\n"), str(path), missing_allowed=missing_allowed)
            else:
                with open_bytes(path) as lines:
                    yield from read_json_lines(lines, str(path), missing_allowed=missing_allowed)
        except DataError as error:
            yield from error.problems
        except OSError as error:
            yield Problem(str(path), f"cannot be read: {error.strerror or error}")
    elif known and form not in known and "" not in format_named(form).endings:
        yield Problem(str(path), f"is a {known[0]} file, but the model reads {form}")
    else:
        yield from _parsed(Files("", "", {str(path): path}, frozenset({""})), str(path), form, options)


def read_stream(
    lines: Iterable[bytes], form: str, options: Options | None = None, *, missing_allowed: bool = False
) -> Iterator[RawSequence | Problem]:
    """The same of standard input: JSON lines where it begins with `{`, else one file of the format."""
    rest = iter(lines)
    first = next(rest, b"")
    # of UTF-16, which JSON lines are refused in, a mark comes first
    own = set(JSON_LINES) & set(format_named(form).endings) and b'"values"' not in first
    if not own and first.removeprefix(codecs.BOM_UTF8).lstrip(b" \t\r\n\0\xff\xfe").startswith(b"{"):
        yield from read_json_lines(chain([first], rest), STANDARD_INPUT, missing_allowed=missing_allowed)
        return
    content = first + b"".join(rest)
    yield from _parsed(Files(STANDARD_INPUT, "", {"": content}, frozenset({""})), "", form, options)


def read_json_lines(
    lines: Iterable[bytes], where: str, *, missing_allowed: bool = False
) -> Iterator[RawSequence | Problem]:
    """`{"values": [[...], ...], "id": "..."}` a line; without an id it is named by its line."""
    for number, line in enumerate(lines, 1):
        if number == 1:
            try:
                check_width(line)
            except EncodingError as error:
                yield Problem(where, str(error))
                return
            line = line.removeprefix(codecs.BOM_UTF8)
        if line.strip():
            place = f"{where}:{number}"
            try:
                yield _from_json(line, place, missing_allowed=missing_allowed)
            except DataError as error:
                yield from error.problems


def read_labelled(
    path: Path,
    form: str,
    part: str = "test",
    options: Options | None = None,
    *,
    missing_allowed: bool = False,
) -> list[LabelledSequence]:
    """Read every labelled sequence of `path` in the format `form`, or those of one part: see `Format.read_labelled`.

    NaN is refused unless missing values are allowed. Raises DataError.
    """
    found = format_named(form).read_labelled(path, part, options)
    found.check_values(missing_allowed=missing_allowed)
    return [
        LabelledSequence(identity, place, np.asarray(values, np.float64), label)
        for identity, place, values, label in zip(
            found.ids, found.places, found.sequences, found.labels, strict=True
        )
    ]


def _parsed(files: Files, inner: str, form: str, options: Options | None) -> Iterator[RawSequence | Problem]:
    reader = format_named(form)
    try:
        yield from reader.parse(files, inner, options or reader.options_type())
    except DataError as error:
        yield from error.problems


def _from_json(line: bytes, where: str, *, missing_allowed: bool) -> RawSequence:
    try:
        entry = json.loads(line)
    except (
        ValueError,
        RecursionError,
    ) as error:  # ValueError: also text that is not UTF-8, numbers without end
        raise DataError([Problem(where, f"is not JSON: {error}")]) from None
    if not isinstance(entry, dict) or "values" not in entry:
        raise DataError(
            [Problem(where, 'must be an object like {"id": "one", "values": [[0.1, 0.2], [0.3, 0.4]]}')]
        )
    name = entry.get("id", where)
    if not isinstance(name, str | int) or isinstance(name, bool) or name == "":
        raise DataError([Problem(where, "`id` must be a text that is not empty, or a whole number")])
    rows = entry["values"]
    if not isinstance(rows, list) or not rows:
        raise DataError([Problem(where, "`values` must be a list of rows, at least 1")])
    for step, row in enumerate(rows, 1):
        if fault := _row_fault(row, rows[0], missing_allowed=missing_allowed):
            raise DataError([Problem(where, f"`values`, row {step} {fault}")])
    return RawSequence(str(name), where, np.array(rows, np.float64))


def _row_fault(row: Any, first: Any, *, missing_allowed: bool) -> str | None:
    if not isinstance(row, list) or not row:
        return "must be a list of numbers, at least 1"
    for place, value in enumerate(row, 1):
        if value is None and missing_allowed:
            continue
        if type(value) not in (int, float) or not abs(value) <= LARGEST:
            return f"has {json.dumps(value)[:30]} at place {place}, but must have finite numbers that fit float32"
    return f"has {len(row)} numbers, but row 1 has {len(first)}" if len(row) != len(first) else None
