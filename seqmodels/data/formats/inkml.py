"""InkML, the W3C's markup of pen ink: a file is a sequence; its class is its `truth`, its folder, or in its name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from pydantic import Field

from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.files import Files
from seqsweep.seqmodels.data.formats.base import Options
from seqsweep.seqmodels.data.formats.ink import Points, feature_names, join
from seqsweep.seqmodels.data.formats.inkml_file import DEFAULT, InkFile, Trace, read_ink
from seqsweep.seqmodels.data.formats.inkml_trace import parse_trace
from seqsweep.seqmodels.data.formats.per_file import FileContent, PerFile, PerFileOptions
from seqsweep.seqmodels.data.formats.safe_xml import root_name
from seqsweep.seqmodels.data.numbers import NumberError
from seqsweep.seqmodels.data.transforms.minmax import MINMAX

LABELS = ("truth", "label", "normalizedLabel")
WRITER = "writer"
TIME = "T"
LOOKED_AT = 5
EMPTY = "has traces without points, which are passed over"
HOVERING = "has traces of the lifted pen, which are left out"
MORE = "has more values to a point than channels, and the further ones are passed over"


class InkmlOptions(PerFileOptions):
    """Which channels are features, and which annotation is the class."""

    channels: tuple[str, ...] | None = Field(
        None,
        strict=False,
        description="which of the channels that `traceFormat` names are features",
        examples=['channels = ["X", "Y", "T"]'],
    )
    annotation: str | None = Field(
        None,
        description='the type of the `<annotation>` directly below `<ink>` that is the class (with `label = "file"`)',
        examples=['annotation = "truth"'],
    )


class Inkml(PerFile):
    """All traces of a file are the strokes of one sequence."""

    name = "inkml"
    endings = (".inkml", ".xml")
    row = "x, y and other channels of a pen's point, and 1 where the pen is lifted after it (else 0)"
    drawing = "ink"
    transforms = (MINMAX,)
    options_type = InkmlOptions

    def looks_right(self, files: Files, inner: str) -> bool:
        """Look for the root `ink`."""
        return root_name(files.peek(inner)) == "ink"

    def described(self, files: Files, chosen: Sequence[str]) -> str:
        """End the sentence `it is ...`."""
        return f"{len(chosen):,} file(s) of InkML, such as {chosen[0]}"

    def recognise(self, files: Files) -> str | None:
        """Look at the first files that are to be read."""
        if not files.having(self.endings):
            return None
        chosen = self.chosen(files)
        return (
            self.described(files, chosen)
            if all(self.looks_right(files, each) for each in chosen[:LOOKED_AT])
            else None
        )

    def chosen(self, files: Files) -> list[str]:
        """Name the `.inkml` files or, where there are none, the `.xml` files."""
        found = super().chosen(files)
        return [each for each in found if not each.lower().endswith(".xml")] or found

    def complete(self, files: Files, options: Options) -> tuple[Options, tuple[str, ...]]:
        """Find out which channels the first files have."""
        assert isinstance(options, InkmlOptions)
        notes: tuple[str, ...] = ()
        if options.channels is None:
            chosen = self.chosen(files)
            there = [_common(read_ink(files, inner)) for inner in chosen[:LOOKED_AT]]
            channels = tuple(each for each in there[0] if all(each in other for other in there))
            kept = tuple(each for each in channels if each != TIME)
            options = options.model_copy(update={"channels": kept})
            if channels != DEFAULT:
                notes = (f"no `channels` is given: features are {', '.join(kept)} of {', '.join(channels)}",)
        complete, more = super().complete(files, options)
        return complete, (*notes, *more)

    def read_one(self, files: Files, inner: str, options: Options) -> FileContent:
        """Join the traces of a file."""
        assert isinstance(options, InkmlOptions)
        ink = read_ink(files, inner)
        where = files.where(inner)
        wanted = tuple(each.upper() for each in options.channels or DEFAULT)
        problems: list[Problem] = []
        notes: dict[str, None] = {}
        strokes: dict[str, list[Points]] = {}
        last = ""
        for number, trace in enumerate(ink.traces):
            if trace.attributes.get("type") == "penUp":
                notes[HOVERING] = None
                continue
            try:
                points = _points(ink, trace, wanted, notes)
            except NumberError as fault:
                problems.append(Problem(f"{where}:{trace.line}", str(fault)))
                continue
            own = trace.attributes.get("id", f" {number}")
            if trace.attributes.get("continuation") in ("middle", "end"):
                before = trace.attributes.get("priorRef", last).rpartition("#")[2]
                own = before if before in strokes else own
            strokes.setdefault(own, []).append(points)
            last = own
        joined = join([np.concatenate(parts) for parts in strokes.values()])
        if not len(joined) and not problems:
            problems.append(Problem(where, "has no traces with points"))
        if problems:
            raise DataError(problems)
        types = LABELS if options.annotation is None else (options.annotation,)
        label = next((ink.annotations[each] for each in types if each in ink.annotations), None)
        return FileContent(joined, label, feature_names(wanted), tuple(notes), ink.annotations.get(WRITER))


INKML = Inkml()


def _common(ink: InkFile) -> tuple[str, ...]:
    found = Counter(each for trace in ink.traces for each in ink.channels(trace) or DEFAULT)
    return tuple(each for each, count in found.items() if count == len(ink.traces)) or DEFAULT


def _points(ink: InkFile, trace: Trace, wanted: Sequence[str], notes: dict[str, None]) -> Points:
    there = ink.channels(trace) or DEFAULT
    if absent := [each for each in wanted if each not in there]:
        names = ", ".join(absent)
        raise NumberError(f"has the channels {', '.join(there)}, but not {names}, which `channels` names")
    points, more = parse_trace(trace.text, len(there))
    if more:
        notes[MORE] = None
    if not len(points):
        notes[EMPTY] = None
    return points if tuple(wanted) == there else points[:, [there.index(each) for each in wanted]]
