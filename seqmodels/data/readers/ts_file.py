"""One file of the UEA/UCR `.ts` format: a header of `@key value` lines up to `@data`, then a sequence a line.

A sequence is its channels separated by `:`, their values by `,`, and the class label last (as aeon's and
sktime's loaders read it). Lengths may differ from line to line, not within one. Missing values, timestamps and
regression targets are refused.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from difflib import get_close_matches

import numpy as np
import numpy.typing as npt

from seqmodels.data.errors import DataError, Problem
from seqmodels.data.files import Files
from seqmodels.data.readers.numbers import NumberError, parse_numbers, quoted, read_lines, whole_number

SWITCHES = ("timestamps", "missing", "univariate", "equallength", "targetlabel")
NUMBERS = ("dimensions", "dimension", "serieslength")
KEYS = (*SWITCHES, *NUMBERS, "problemname", "classlabel", "data")


@dataclass(frozen=True)
class Row:
    """One sequence."""

    line: int
    label: str
    values: npt.NDArray[np.float64]  # [T, D]


@dataclass(frozen=True)
class TsFile:
    """A file that passed every check."""

    where: str  # how it is named to the user
    classes: tuple[str, ...]  # of the header
    channels: int  # D
    rows: list[Row]


def parse(files: Files, inner: str, *, labelled: bool = True) -> TsFile:
    """Read and check one file. Raises DataError with every problem in it.

    Where it need not be `labelled`, `@classLabel` may be false or missing: then labels are "", and there is no label column.
    """
    where, lines = files.where(inner), read_lines(files, inner)
    problems: list[Problem] = []
    header, body = _header(lines, where, problems, labelled)
    if problems:
        raise DataError(problems)
    classes = tuple(header.get("classlabel", "").split()[1:])
    rows: list[Row] = []
    faults: list[tuple[int, str]] = []
    for number, line in enumerate(lines[body:], body + 1):
        if line.strip() and not line.startswith("#"):
            try:
                rows.append(_row(line, number, classes))
            except NumberError as fault:
                faults.append((number, str(fault)))
    if not rows and not faults:
        raise DataError([Problem(where, "has no sequences after `@data`")])
    channels, steps = _expected(header, rows)
    for row in rows:
        have = row.values.shape
        if have[1] != channels:
            rule = f"has {have[1]} channels, but the header or the other lines have {channels}"
            faults.append((row.line, rule))
        elif steps is not None and have[0] != steps:
            rule = f"has {have[0]} steps, but all must have {steps}, since `@equalLength` is true"
            faults.append((row.line, rule))
    if faults:
        raise DataError(Problem(f"{where}:{number}", fault) for number, fault in sorted(faults))
    return TsFile(where, classes, channels, rows)


def _header(
    lines: list[str], where: str, problems: list[Problem], labelled: bool
) -> tuple[dict[str, str], int]:
    """Values by lower-case key, and how many lines lie before the data. Faults go to `problems`."""
    header: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if not text.startswith("@"):
            problems.append(
                Problem(f"{where}:{number}", "is neither `@key value` nor `#`, but `@data` is still to come")
            )
            return header, number
        key, _, value = text[1:].partition(" ")
        key, value = key.lower(), value.strip()
        header[key] = value
        without = key == "classlabel" and value.lower() == "false" and not labelled
        rule = None if without else _header_rule(key, value)
        if rule:
            problems.append(Problem(f"{where}:{number}", rule))
        if key == "data":
            if "classlabel" not in header and labelled:
                problems.append(Problem(where, "the header has no `@classLabel true <class> <class> ...`"))
            return header, number
    problems.append(Problem(where, "has no line `@data`"))
    return header, len(lines)


def _header_rule(key: str, value: str) -> str | None:
    """What is wrong with one header line."""
    first, *others = value.lower().split() or [""]
    if key not in KEYS:
        near = get_close_matches(key, KEYS, 1)
        return f"unknown key {quoted('@' + key)}" + (f" (did you mean `@{near[0]}`?)" if near else "")
    if key in SWITCHES and (first not in ("true", "false") or others):
        return f"`@{key}` is {quoted(value)}, but must be true or false"
    if key in NUMBERS and not whole_number(value):
        return f"`@{key}` is {quoted(value)}, but must be a whole number, 1 or more"
    if key in ("timestamps", "targetlabel") and first == "true":
        return f"`@{key}` is true, but only plain class-labelled values are supported"
    if key == "classlabel" and (first != "true" or len(others) < 2):
        return f"`@classLabel` is {quoted(value)}, but must be `true` and at least 2 classes"
    if key == "classlabel" and len(set(value.split())) != len(value.split()):
        return "`@classLabel` names a class twice"
    return None


def _row(line: str, number: int, classes: tuple[str, ...]) -> Row:
    *texts, label = line.split(":") if classes else [*line.split(":"), ""]
    label = label.strip()
    if not texts:
        raise NumberError("has no `:` and so no class label")
    if classes and label not in classes:
        raise NumberError(f"the class label is {quoted(label)}, but the header has {', '.join(classes)}")
    channels = []
    for channel, text in enumerate(texts, 1):
        try:
            channels.append(parse_numbers(text.split(",")))
        except NumberError as fault:
            raise NumberError(f"channel {channel}, {fault}") from None
        if len(channels[-1]) != len(channels[0]):
            rule = f"channel {channel} has {len(channels[-1])} values, but channel 1 has {len(channels[0])}"
            raise NumberError(rule)
    return Row(number, label, np.array(channels).T)


def _expected(header: dict[str, str], rows: list[Row]) -> tuple[int, int | None]:
    """Channels, and steps where all sequences must be equally long; the header decides, else the majority."""
    shapes = Counter(row.values.shape for row in rows)
    shape: tuple[int, ...] = shapes.most_common(1)[0][0] if rows else (0, 0)
    channels = int(header.get("dimensions") or header.get("dimension") or shape[1])
    if header.get("univariate", "").lower() == "true":
        channels = 1
    equal = header.get("equallength", "").lower() == "true"
    return channels, int(header.get("serieslength") or shape[0]) if equal else None
