"""One file of the UEA/UCR `.ts` format: a header (`ts_header`), then a sequence a line.

A sequence is its channels separated by `:`, their values by `,`, and the class label last (as aeon's and sktime's loaders
read it). Lengths may differ from line to line, not within one. Missing values (`?`, NaN) are filled in, timestamps left out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.files import Files
from seqsweep.seqmodels.data.formats.ts_header import COMMENT, Header, listed_classes, read_header, unquoted
from seqsweep.seqmodels.data.names import match
from seqsweep.seqmodels.data.numbers import NUMBER, NumberError, parse_numbers, quoted, read_text_lines

MISSING = ("?", "nan")
STAMPED = re.compile(r"\s*\(([^()]*),([^(),]*)\)\s*(?:,|$)")


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
    classes: tuple[str, ...]  # those that have sequences
    channels: int  # D
    rows: list[Row]
    notes: tuple[str, ...] = ()  # what was passed over or filled in
    unused: tuple[str, ...] = ()  # classes that the header lists, but no sequence has


def parse(files: Files, inner: str, *, labelled: bool = True) -> TsFile:
    """Read and check one file. Raises DataError with every problem in it.

    Where it need not be `labelled`, `@classLabel` may be false or missing: then labels are "", and there is no label column.
    """
    where = files.where(inner)
    lines, foreign = read_text_lines(files, inner)
    problems: list[Problem] = []
    header = read_header(lines, where, problems, labelled=labelled)
    if problems:
        raise DataError(problems)
    rows: list[Row] = []
    faults: list[tuple[int, str]] = []
    for number, line in enumerate(lines[header.body :], header.body + 1):
        if line.strip() and not line.lstrip().startswith(COMMENT):
            try:
                rows.append(_row(line, number, header))
            except NumberError as fault:
                faults.append((number, str(fault)))
    if not rows and not faults:
        raise DataError([Problem(where, "has no sequences after `@data`")])
    channels = Counter(row.values.shape[1] for row in rows).most_common(1)[0][0] if rows else 0
    for row in rows:
        if row.values.shape[1] != channels:
            rule = f"has {row.values.shape[1]} channels, but most lines have {channels}"
            faults.append((row.line, rule))
    rows, filled = _without_gaps(rows, faults)
    if faults:
        raise DataError(Problem(f"{where}:{number}", fault) for number, fault in sorted(faults))
    rows, renamed, unused = _known_labels(rows, header)
    notes = (*foreign, *header.notes, *_untrue(header, rows, channels), *renamed, *filled)
    name = re.split(r"[/!\\]", where)[-1]
    classes = tuple(dict.fromkeys(row.label for row in rows)) if header.classes != () else ()
    return TsFile(where, classes, channels, rows, tuple(f"{name}: {note}" for note in notes), tuple(unused))


def same_class(label: str, known: Iterable[str]) -> str | None:
    """The one of `known` that a label means: the same to the eye, but for its case, or the same number; else None."""
    listed = list(known)
    if (exact := match(label, listed)) is not None:
        return exact
    folded = [each for each in listed if each.casefold() == label.casefold()]
    if not folded and NUMBER.fullmatch(label):
        folded = [each for each in listed if NUMBER.fullmatch(each) and float(each) == float(label)]
    return folded[0] if len(folded) == 1 else None


def _row(line: str, number: int, header: Header) -> Row:
    if line.lstrip().startswith("@"):
        raise NumberError(f"is a header line ({quoted(line)}), but `@data` stands before it")
    text, colon, label = line.rpartition(":") if header.classes != () else (line, ":", "")
    label = unquoted(label)
    if not colon:
        raise NumberError("has no `:` and so no class label")
    if header.classes != () and label in ("", *MISSING):
        raise NumberError(f"the class label is {quoted(label)}, but a sequence must have one")
    if "," in label and all(map(NUMBER.fullmatch, label.split(","))):
        raise NumberError(
            f"ends in numbers ({quoted(label)}) where the class label must stand, after the last `:`"
        )
    parts = _unstamped(text) if header.is_true("timestamps") else text.split(":")
    channels = []
    for channel, part in enumerate(parts, 1):
        try:
            channels.append(values_or_missing(part.split(",")))
        except NumberError as fault:
            raise NumberError(f"channel {channel}, {fault}") from None
        if len(channels[-1]) != len(channels[0]):
            rule = f"channel {channel} has {len(channels[-1])} values, but channel 1 has {len(channels[0])}"
            raise NumberError(rule)
    return Row(number, label, np.array(channels).T)


def values_or_missing(words: list[str]) -> list[float]:
    """Read numbers, NaN where one is missing. Raises NumberError."""
    try:
        return parse_numbers(words)
    except NumberError:
        missing = {place for place, word in enumerate(words) if word.strip().lower() in MISSING}
        if not missing:
            raise
    values = parse_numbers(["0" if place in missing else word for place, word in enumerate(words)])
    return [float("nan") if place in missing else value for place, value in enumerate(values)]


def _unstamped(text: str) -> list[str]:
    """The channels of `(time,value),(time,value):...` without their times, which must be those of channel 1."""
    channels, times = [], []
    for number, part in enumerate(re.split(r"(?<=\))\s*:", text), 1):
        found, end = [], 0
        while (pair := STAMPED.match(part, end)) and end < len(part):
            found.append(pair.groups())
            end = pair.end()
        if end < len(part) or not found or part.rstrip().endswith(","):
            raise NumberError(f"channel {number} must be `(time,value)` pairs, as `@timeStamps` is true")
        times.append([stamp.strip() for stamp, _ in found])
        channels.append(",".join(value for _, value in found))
        if times[-1] != times[0]:
            raise NumberError(
                f"channel {number} has other times than channel 1, so they are no rows of one sequence"
            )
    return channels


def _without_gaps(rows: list[Row], faults: list[tuple[int, str]]) -> tuple[list[Row], list[str]]:
    """Rows without missing values, and what was done to them: padding at the end is cut off, gaps are filled in."""
    whole, padded, gaps, filled = [], 0, 0, 0
    for row in rows:
        missing = np.isnan(row.values)
        if not missing.any():
            whole.append(row)
            continue
        if missing.all(0).any():
            channel = int(np.flatnonzero(missing.all(0))[0]) + 1
            faults.append((row.line, f"channel {channel} has no values at all, only missing ones"))
            continue
        length = int(np.flatnonzero(~missing.all(1))[-1]) + 1
        values, missing = row.values[:length].copy(), missing[:length]
        padded += length < len(row.values)
        gaps += int(missing.sum())
        filled += bool(missing.any())
        steps = np.arange(length)
        for column, absent in zip(values.T, missing.T, strict=True):
            column[absent] = np.interp(steps[absent], steps[~absent], column[~absent])
        whole.append(Row(row.line, row.label, values))
    notes = []
    if padded:
        ending = "1 sequence ends" if padded == 1 else f"{padded} sequences end"
        notes.append(f"{ending} in missing values, which are taken for padding and cut off")
    if gaps:
        notes.append(
            f"{gaps} missing value(s) in {filled} sequence(s) are filled in on the line between their neighbours"
        )
    return whole, notes


def _known_labels(rows: list[Row], header: Header) -> tuple[list[Row], list[str], list[str]]:
    """Rows whose labels are spelled as the header does, what was not, and classes of the header without sequences."""
    if not header.classes:
        return rows, [], []
    counts = Counter(row.label for row in rows)
    # a class of several words was taken apart, unless it is in quotes
    whole = f" {' '.join(header.values['classlabel'].split())} "
    several = [label for label in counts if " " in label and f" {label} " in whole]
    for label in several:
        whole = whole.replace(f" {label} ", " ", 1)
    declared = [*listed_classes(whole), *several] if several else list(header.classes)
    means = {label: same_class(label, declared) for label in counts}
    notes = [
        f"the label {quoted(label)} is taken for the class {quoted(known)} of the header"
        for label, known in means.items()
        if known not in (None, label)
    ]
    strange = [
        f"{quoted(label)} (line {next(r.line for r in rows if r.label == label)})"
        for label in counts
        if not means[label]
    ]
    if strange:
        shown = ", ".join(strange[:5]) + (", ..." if len(strange) > 5 else "")
        notes.append(f"`@classLabel` does not list {shown}, which is taken for a class all the same")
    unused = [each for each in declared if each not in means.values()]
    return [Row(row.line, means[row.label] or row.label, row.values) for row in rows], notes, unused


def _untrue(header: Header, rows: list[Row], channels: int) -> list[str]:
    """What the header promises and the sequences do not keep."""
    notes = []
    lengths = {len(row.values) for row in rows}
    stated = 1 if header.is_true("univariate") else header.count("dimensions") or header.count("dimension")
    if stated and stated != channels:
        notes.append(f"the header says {stated} channel(s), but the sequences have {channels}")
    if header.is_true("equallength") and len(lengths) > 1:
        notes.append(f"`@equalLength` is true, but the sequences have {min(lengths)} to {max(lengths)} steps")
    length = header.count("serieslength")
    if header.is_true("equallength") and length and len(lengths) == 1 and lengths != {length}:
        notes.append(f"`@seriesLength` is {length}, but the sequences have {min(lengths)} steps")
    if header.is_true("timestamps"):
        notes.append("timestamps are left out: one pair is one step, however long it took")
    return notes
