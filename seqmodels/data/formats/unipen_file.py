"""A UNIPEN file: statements `.KEYWORD ...`, of which pen components, segments and included files are understood."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import PurePosixPath

import numpy as np

from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.files import Files, one_file
from seqsweep.seqmodels.data.formats.ink import Points
from seqsweep.seqmodels.data.numbers import NumberError, parse_numbers, quoted, read_text_lines

KEYWORD = re.compile(r"\s*\.([A-Za-z]\w*)(.*)", re.DOTALL)
WHERE = re.compile(r"\d{1,9}(:\d{1,9})?(-\d{1,9}(:\d{1,9})?)?")
MOST_INCLUDED = 1000  # files that one file may bring in
DEEPEST = 8  # files that include one another
HIGHEST = 6  # folders above a file that is named alone, in which `include` is looked for


@dataclass(frozen=True)
class Segment:
    """What a `.SEGMENT` says: components `ranges` at a level (CHARACTER, ...), each from and to (component, point)."""

    level: str
    ranges: tuple[tuple[tuple[int, int | None], tuple[int, int | None]], ...]  # empty where it does not say
    label: str | None
    where: str
    line: int
    first: int  # components that lie before it in the file
    writer: str | None = None
    comment: str = ""


@dataclass(eq=False)
class Ink:
    """What a file and those that it includes hold."""

    components: list[Points] = field(default_factory=list)  # those with points, in the order of their numbers
    down: list[bool] = field(default_factory=list)
    channels: list[str] = field(default_factory=lambda: ["X", "Y"])
    segments: list[Segment] = field(default_factory=list)
    writer: str | None = None
    included: dict[str, bool] = field(default_factory=dict)  # files, and whether they brought in points
    absent: list[str] = field(default_factory=list)  # included files that are not there
    hovering: int = 0  # components of a lifted pen


def read_ink(files: Files, inner: str) -> Ink:
    """Read a file with what it includes. Raises DataError with every problem."""
    ink = Ink()
    problems: list[Problem] = []
    _read(files, inner, ink, problems, ())
    if problems:
        raise DataError(problems)
    return ink


def statements(lines: list[str]) -> Iterator[tuple[int, str, str, list[str]]]:
    """Take a file apart: the line, the keyword, what follows on its line, and the lines up to the next keyword."""
    begin, keyword, rest, body = 0, "", "", list[str]()
    for number, line in enumerate(lines, 1):
        if "." in line and (match := KEYWORD.match(line)):
            if keyword:
                yield begin, keyword, rest, body
            begin, keyword, rest, body = number, match[1].upper(), match[2].strip(), []
        else:
            body.append(line)
    if keyword:
        yield begin, keyword, rest, body


def _read(files: Files, inner: str, ink: Ink, problems: list[Problem], within: tuple[str, ...]) -> None:
    where = files.where(inner)
    try:
        lines, _ = read_text_lines(files, inner)
    except DataError as error:
        problems.extend(error.problems)
        return
    if not within and not any("." in line and KEYWORD.match(line) for line in lines):
        problems.append(Problem(where, "has no statement such as `.PEN_DOWN`, so it is no UNIPEN file"))
        return
    for number, keyword, rest, body in statements(lines):
        place = f"{where}:{number}"
        try:
            if keyword in ("PEN_DOWN", "PEN_UP"):
                _component(ink, keyword == "PEN_DOWN", [rest, *body])
            elif keyword == "COORD":
                ink.channels = _channels(ink, rest)
            elif keyword == "WRITER_ID":
                ink.writer = rest or None
            elif keyword == "SEGMENT":
                ink.segments.append(_segment(ink, " ".join([rest, *body]), where, number))
            elif keyword == "COMMENT" and ink.segments and ink.segments[-1].first == len(ink.components):
                ink.segments[-1] = replace(ink.segments[-1], comment=" ".join([rest, *body]).strip())
            elif keyword == "INCLUDE":
                _include(files, inner, rest, ink, problems, within)
        except NumberError as fault:
            problems.append(Problem(place, str(fault)))


def _component(ink: Ink, down: bool, body: list[str]) -> None:
    rows = [line.split() for line in body]
    if not any(rows):
        return
    values, width = parse_numbers(list(chain.from_iterable(rows))), len(ink.channels)
    wrong = next((number for number, row in enumerate(rows) if len(row) % width), None)
    if wrong is not None:
        names = " ".join(ink.channels)
        rule = f"has {len(rows[wrong])} number(s) in the line +{wrong}, but each point must have {width} ({names})"
        raise NumberError(rule)
    ink.components.append(np.array(values).reshape(-1, width))
    ink.down.append(down)
    ink.hovering += not down


def _channels(ink: Ink, rest: str) -> list[str]:
    names = rest.upper().split()
    if not {"X", "Y"} <= set(names) or len(set(names)) < len(names):
        raise NumberError(f"`.COORD` is {quoted(rest)}, but must name X, Y and other channels once each")
    if ink.components and names != ink.channels:
        raise NumberError("`.COORD` changes after the first points, which is not read")
    return names


def _segment(ink: Ink, text: str, where: str, number: int) -> Segment:
    before, quote, after = text.partition('"')
    words = before.split()
    if not words:
        raise NumberError("`.SEGMENT` must say its level, such as CHARACTER")
    label = None
    if quote:
        closed = re.match(r'((?:[^"\\]|\\.)*)"', after)
        if closed is None:
            raise NumberError(f"the label {quoted(after)} has no closing quote")
        label = re.sub(r"\\(.)", r"\1", closed[1]).strip() or None
    ranges = []
    for word in " ".join(words[1:]).replace(",", " ").split():
        if WHERE.fullmatch(word):
            start, _, end = word.partition("-")
            ranges.append((_point(start), _point(end or start)))
    return Segment(words[0].upper(), tuple(ranges), label, where, number, len(ink.components), ink.writer)


def _point(word: str) -> tuple[int, int | None]:
    component, _, point = word.partition(":")
    return int(component), int(point) if point else None


def _include(
    files: Files, inner: str, name: str, ink: Ink, problems: list[Problem], within: tuple[str, ...]
) -> None:
    if len(within) >= DEEPEST:
        raise NumberError(
            f"lies in more than {DEEPEST} files that include one another, the most that is read"
        )
    found = find_included(files, inner, name)
    if found is None:
        ink.absent.append(name)
        return
    there = found[0].where(found[1])
    if there in within or there == files.where(inner):
        raise NumberError(f"includes {quoted(name)}, which includes it")
    if there in ink.included:
        if ink.included[there]:
            raise NumberError(f"includes {quoted(name)} again, so its strokes would be there twice")
        return
    if len(ink.included) >= MOST_INCLUDED:
        raise NumberError(f"more than {MOST_INCLUDED:,} files are included, the most that is read")
    before = len(ink.components)
    _read(*found, ink, problems, (*within, files.where(inner)))
    ink.included[there] = len(ink.components) > before


def find_included(files: Files, inner: str, name: str) -> tuple[Files, str] | None:
    """Find an included file: beside the file, or in a folder `include` beside or above it. Raises NumberError."""
    path = PurePosixPath(name.replace("\\", "/"))
    if not name or path.is_absolute() or ".." in path.parts:
        raise NumberError(f"includes {quoted(name)}, but must name a file below a folder `include`")
    folder = posixpath.dirname(inner)
    while True:
        for beneath in ("", "include"):
            wanted = posixpath.join(folder, beneath, str(path))
            if wanted in files.contents and wanted != inner:
                return files, wanted
        if folder in ("", "/"):
            break
        folder = posixpath.dirname(folder)
    own = files.path(inner)
    if own is None or len(files.contents) > 1:
        return None
    for above in list(own.resolve().parents)[:HIGHEST]:
        if (above / "include" / path).is_file():
            other = one_file(above / "include" / path)
            return other, next(iter(other.contents))
    return None
