"""IAM-OnDB: ink of a whiteboard as XML, a file a line of writing or a form; classes by transcription, folder or name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from pydantic import Field

from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.files import Files
from seqsweep.seqmodels.data.formats.base import Options
from seqsweep.seqmodels.data.formats.ink import Points, feature_names, join
from seqsweep.seqmodels.data.formats.per_file import FileContent, PerFile, PerFileOptions
from seqsweep.seqmodels.data.formats.safe_xml import read_xml, root_name
from seqsweep.seqmodels.data.numbers import NumberError, parse_numbers
from seqsweep.seqmodels.data.transforms.minmax import MINMAX

ROOT = "WhiteboardCaptureSession"
EMPTY = "has strokes without points, which are passed over"


class IamondbOptions(PerFileOptions):
    """What of the points."""

    time: bool = Field(
        False, description="take the time of each point, in seconds, as a feature", examples=["time = true"]
    )


class Iamondb(PerFile):
    """All strokes of a file are one sequence."""

    name = "iamondb"
    endings = (".xml",)
    row = "x and y of a pen's point, and 1 where the pen is lifted after it (else 0)"
    drawing = "ink"
    transforms = (MINMAX,)
    options_type = IamondbOptions

    def looks_right(self, files: Files, inner: str) -> bool:
        """Look for the root `WhiteboardCaptureSession`."""
        return root_name(files.peek(inner)) == ROOT

    def described(self, files: Files, chosen: Sequence[str]) -> str:
        """End the sentence `it is ...`."""
        return f"{len(chosen):,} file(s) of a whiteboard's ink, such as {chosen[0]}"

    def read_one(self, files: Files, inner: str, options: Options) -> FileContent:
        """Join the strokes of a file; its transcription is the class that it says itself, its writer the group."""
        assert isinstance(options, IamondbOptions)
        where = files.where(inner)
        reader = _Reader(("x", "y", "time") if options.time else ("x", "y"))
        read_xml(files, inner, reader.start, reader.end)
        if reader.root != ROOT:
            rule = f"has the root `{reader.root}`, but a file of IAM-OnDB has `{ROOT}`"
            raise DataError([Problem(where, rule)])
        joined = join(reader.strokes)
        if not len(joined):
            raise DataError([Problem(where, "has no strokes with points")])
        label = " ".join(reader.lines or reader.texts) or None
        notes = (EMPTY,) * any(not len(each) for each in reader.strokes)
        return FileContent(joined, label, feature_names(reader.channels), notes, reader.writer)


IAMONDB = Iamondb()


class _Reader:
    def __init__(self, channels: tuple[str, ...]) -> None:
        self.channels = channels
        self.root = ""
        self.strokes: list[Points] = []
        self.words: list[str] = []  # of the open stroke
        self.writer: str | None = None
        self.lines: list[str] = []
        self.texts: list[str] = []

    def start(self, name: str, attributes: Mapping[str, str], line: int) -> None:
        """Take in the beginning of an element."""
        self.root = self.root or name
        self.writer = self.writer or attributes.get("writerID") or None
        if name == "Point":
            for channel in self.channels:
                if channel not in attributes:
                    raise NumberError(f"a point has no `{channel}`")
                self.words.append(attributes[channel])
        elif name == "Stroke":
            self.words = []
        elif name == "TextLine" and attributes.get("text", "").strip():
            self.lines.append(attributes["text"].strip())

    def end(self, name: str, text: str, line: int) -> None:
        """Take in an element with its own text."""
        if name == "Stroke":
            values = parse_numbers(self.words) if self.words else []
            self.strokes.append(np.array(values).reshape(-1, len(self.channels)))
        elif name == "Text" and text.strip():
            self.texts.append(" ".join(text.split()))
