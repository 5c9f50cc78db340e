"""UNIPEN: segments of pen ink with labels, several a file; the ink may lie in an included file."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise

from pydantic import Field, field_validator

from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.files import Files
from seqsweep.seqmodels.data.formats.base import Options, check_name_pattern
from seqsweep.seqmodels.data.formats.ink import Points, feature_names, join
from seqsweep.seqmodels.data.formats.several import LOOKED_AT, Entry, FileEntries, SeveralPerFile
from seqsweep.seqmodels.data.formats.unipen_file import Ink, Segment, find_included, read_ink
from seqsweep.seqmodels.data.numbers import NumberError
from seqsweep.seqmodels.data.transforms.minmax import MINMAX

BEGIN = re.compile(
    rb"(?:^|[\r\n])[ \t]*\.(?:VERSION|INCLUDE|SEGMENT|PEN_DOWN|PEN_UP|COORD|HIERARCHY|WRITER_ID|DATA_SOURCE|"
    rb"DATA_ID|LEXICON|COMMENT|KEYWORD|START_SET|START_BOX|X_DIM|DT)\b"
)
CERTAIN = re.compile(rb"(?:^|[\r\n])[ \t]*\.(?:INCLUDE|SEGMENT|PEN_DOWN)\b")
LEVEL = re.compile(rb"^[ \t]*\.SEGMENT[ \t]+(\w+)[^\"\r\n]*\"", re.MULTILINE)
INCLUDE = re.compile(rb"^[ \t]*\.INCLUDE[ \t]+(\S+)", re.MULTILINE)
OWN = (".unipen", ".unp", ".upn")
FINEST = ("CHARACTER", "DIGIT")
WRITER = "writer"
UNLABELLED = "{} segment(s) without a label are left out"
OTHERS = "{} file(s) without a segment of the level that is read are passed over"
HOVERING = "{} path(s) of the lifted pen are left out"
BY_PLACE = "{} segment(s) are the strokes that follow them, as their numbers are of no strokes, or missing"


class UnipenOptions(Options):
    """What a sequence is, and whose."""

    segment: str | None = Field(
        None,
        description="the level whose segments are the sequences: CHARACTER, DIGIT, WORD, ...",
        examples=['segment = "WORD"'],
    )
    channels: tuple[str, ...] = Field(
        ("X", "Y"),
        strict=False,
        description="which of the channels that `.COORD` names are features",
        examples=['channels = ["X", "Y", "T"]'],
    )
    group: str | None = Field(
        None,
        description="`writer`: who wrote, by `.WRITER_ID`; else a regular expression with one group, searched in the "
        "`.COMMENT` after a segment",
        examples=['group = "writer"', r"group = '^\d+ (\d+)'"],
    )

    @field_validator("group")
    @classmethod
    def _one_group(cls, value: str | None) -> str | None:
        if value is not None and value != WRITER:
            check_name_pattern(value, f"`{WRITER}` or ")
        return value


class Unipen(SeveralPerFile):
    """A segment of one level is a sequence: the strokes that it names."""

    name = "unipen"
    endings = ("",)
    row = "x and y of a pen's point, and 1 where the pen is lifted after it (else 0)"
    drawing = "ink"
    transforms = (MINMAX,)
    options_type = UnipenOptions

    def looks_right(self, files: Files, inner: str) -> bool:
        """Look for statements at the beginning."""
        begin = files.peek(inner, 65536)
        first = begin.lstrip(b"\xef\xbb\xbf \t\r\n")
        return (
            first.startswith(b".") and BEGIN.search(begin) is not None and CERTAIN.search(begin) is not None
        )

    def recognise(self, files: Files) -> str | None:
        """Look at the beginning of files until one is found, or some are not."""
        wanted = [inner for inner in sorted(files.contents) if not inner.lower().endswith((".doc", ".lex"))]
        if any(self.looks_right(files, inner) for inner in wanted[:LOOKED_AT]):
            return self.described(files, self.chosen(files))
        return None

    def chosen(self, files: Files) -> list[str]:
        """Name the files that look right and are not included by another."""
        found = [
            inner
            for inner in sorted(files.contents)
            if inner.lower().endswith(OWN) or len(files.contents) == 1 or self.looks_right(files, inner)
        ]
        if not found:
            raise DataError([Problem(files.root, "holds no UNIPEN files, with `.SEGMENT` and `.PEN_DOWN`")])
        included = {each for inner in found for each in _included(files, inner)}
        # where all include one another, reading says so
        return [inner for inner in found if inner not in included] or found

    def complete(self, files: Files, options: Options) -> tuple[Options, tuple[str, ...]]:
        """Find the level whose segments are read."""
        assert isinstance(options, UnipenOptions)
        if options.segment is not None:
            return options.model_copy(update={"segment": options.segment.upper()}), ()
        counts: Counter[str] = Counter()
        for inner in self.chosen(files)[: 10 * LOOKED_AT]:
            counts.update(each.decode().upper() for each in LEVEL.findall(files.read(inner)))
        if not counts:
            rule = 'has no segments with labels, such as `.SEGMENT CHARACTER 0-1 ? "a"`'
            raise DataError([Problem(files.root, rule)])
        level = next((each for each in FINEST if each in counts), counts.most_common(1)[0][0])
        there = ", ".join(f"{each} ({count:,})" for each, count in sorted(counts.items()))
        note = f"no `segment` is given: a sequence is a segment of the level {level}; there are {there}"
        return options.model_copy(update={"segment": level}), (note,)

    def read_file(self, files: Files, inner: str, options: Options, *, labelled: bool) -> FileEntries:
        """Read the segments of one file; of a file without segments, unless `labelled`, all its ink."""
        assert isinstance(options, UnipenOptions)
        ink = read_ink(files, inner)
        where = files.where(inner)
        if absent := [each for each in options.channels if each.upper() not in ink.channels]:
            rule = f"has the channels {', '.join(ink.channels)}, but not {', '.join(absent)}, which `channels` names"
            raise DataError([Problem(where, rule)])
        columns = [ink.channels.index(each.upper()) for each in options.channels]
        segments = [each for each in ink.segments if each.level == options.segment]
        counts = Counter(
            {f"{{}} file(s) include {_braced(each)}, which is not there": 1 for each in ink.absent}
        )
        counts[HOVERING] = ink.hovering
        if not segments and labelled:
            return FileEntries([], feature_names(options.channels), Counter({OTHERS: 1}))
        problems: list[Problem] = []
        entries: list[Entry] = []
        if not segments:
            drawn = [points for points, down in zip(ink.components, ink.down, strict=True) if down]
            entries.append(Entry(join([each[:, columns] for each in drawn]), "1", ""))
        strokes = partial(_strokes, ink)
        if segments and not all(map(partial(_fits, ink), segments)) and _follow(ink, segments):
            counts[BY_PLACE] = len(segments)
            strokes = partial(_following, ink, [*(each.first for each in segments[1:]), len(ink.components)])
        for number, segment in enumerate(segments, 1):
            if segment.label is None and labelled:
                counts[UNLABELLED] += 1
                continue
            try:
                values = join([points[:, columns] for points in strokes(number - 1, segment)])
                group = _group(segment, options.group) if labelled else None
            except NumberError as fault:
                problems.append(Problem(f"{segment.where}:{segment.line}", str(fault)))
                continue
            entries.append(Entry(values, str(number), f":{segment.line}", segment.label, group))
        if not segments and not len(entries[0].values):
            problems.append(Problem(where, "has no points of a pen"))
        if problems:
            raise DataError(problems)
        return FileEntries(entries, feature_names(options.channels), counts)


UNIPEN = Unipen()


def _included(files: Files, inner: str) -> Iterator[str]:
    try:
        names = INCLUDE.findall(files.read(inner))
    except DataError:
        return  # reading it says why
    for name in names:
        try:
            found = find_included(files, inner, name.decode("latin-1"))
        except (NumberError, DataError):
            continue
        if found is not None and found[0] is files:
            yield found[1]


def _fits(ink: Ink, segment: Segment) -> bool:
    return bool(segment.ranges) and all(
        start[0] <= end[0] < len(ink.components) for start, end in segment.ranges
    )


def _follow(ink: Ink, segments: Sequence[Segment]) -> bool:
    """Tell whether behind each segment, before the next, lie as many strokes as it names."""
    places = [*(each.first for each in segments), len(ink.components)]
    return all(
        end > start
        and (not each.ranges or sum(last[0] - first[0] + 1 for first, last in each.ranges) == end - start)
        for each, (start, end) in zip(segments, pairwise(places), strict=True)
    )


def _following(ink: Ink, ends: Sequence[int], number: int, segment: Segment) -> Iterator[Points]:
    for place in range(segment.first, ends[number]):
        if ink.down[place]:
            yield ink.components[place]


def _strokes(ink: Ink, number: int, segment: Segment) -> Iterator[Points]:
    if not segment.ranges:
        raise NumberError("does not say which strokes it has, such as `0-1`")
    drawn = 0
    for (first, begin), (last, end) in segment.ranges:
        if not first <= last < len(ink.components):
            absent = f"; it includes {ink.absent[0]}, which is not there" if ink.absent else ""
            raise NumberError(f"is of strokes {first} to {last}, but there are {len(ink.components)}{absent}")
        for place in range(first, last + 1):
            start = begin if place == first and begin is not None else 0
            stop = end + 1 if place == last and end is not None else None
            if ink.down[place]:
                points = ink.components[place][start:stop]
                drawn += len(points)
                yield points
    if not drawn:
        raise NumberError("has no points of a pen that is down")


def _group(segment: Segment, rule: str | None) -> str | None:
    if rule is None:
        return None
    if rule == WRITER:
        if segment.writer is None:
            raise NumberError(
                'has no writer, as `group = "writer"` asks for: no `.WRITER_ID` stands before it'
            )
        return segment.writer
    found = re.search(rule, segment.comment)
    if found is None or not found[1]:
        raise NumberError(f"its `.COMMENT` has nothing that `group` = '{rule}' finds")
    return found[1]


def _braced(name: str) -> str:
    return name.replace("{", "{{").replace("}", "}}")
