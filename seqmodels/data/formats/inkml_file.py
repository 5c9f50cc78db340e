"""An InkML file: its traces, what channels each has, and its annotations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.files import Files
from seqsweep.seqmodels.data.formats.safe_xml import read_xml
from seqsweep.seqmodels.data.numbers import NumberError

DEFAULT = ("X", "Y")


@dataclass(eq=False)
class Context:
    """Where the channels of traces are said: here, or behind a reference."""

    channels: tuple[str, ...] | None = None
    references: tuple[str, ...] = ()  # ids of a trace format, an ink source, or another context


@dataclass(eq=False)
class Trace:
    """A path of the pen, its points as they are written."""

    line: int
    attributes: Mapping[str, str]
    context: Context
    text: str = ""


@dataclass(eq=False)
class InkFile:
    """What a file holds."""

    traces: list[Trace] = field(default_factory=list)
    annotations: dict[str, str] = field(default_factory=dict)  # directly below the root, by type
    by_id: dict[str, Context] = field(default_factory=dict)

    def channels(self, trace: Trace) -> tuple[str, ...] | None:
        """Name the channels of a trace; None where the file does not say."""
        waiting, seen = [trace.context], set[int]()
        while waiting:
            context = waiting.pop(0)
            if id(context) in seen:
                continue
            seen.add(id(context))
            if context.channels is not None:
                return context.channels
            waiting += [self.by_id[each] for each in context.references if each in self.by_id]
        return None


def read_ink(files: Files, inner: str) -> InkFile:
    """Read a file. Raises DataError."""
    reader = _Reader()
    read_xml(files, inner, reader.start, reader.end)
    if reader.root != "ink":
        raise DataError([Problem(files.where(inner), f"has the root `{reader.root}`, but InkML has `ink`")])
    return reader.found


class _Reader:
    def __init__(self) -> None:
        self.found = InkFile()
        self.root = ""
        self.names: list[str] = []
        self.contexts: list[Context] = []  # those that are open
        self.groups: list[Context | None] = []  # of open trace groups
        self.channels: list[str] | None = None  # of the open trace format
        self.current = Context()
        self.types: list[str] = []  # of open annotations

    def start(self, name: str, attributes: Mapping[str, str], line: int) -> None:
        """Take in the beginning of an element."""
        self.root = self.root or name
        self.names.append(name)
        if name == "traceFormat":
            self.channels = []
            self._open(attributes)
        elif name == "channel" and self.channels is not None and "intermittentChannels" not in self.names:
            self.channels.append(attributes.get("name", "").upper() or "?")
        elif name in ("context", "inkSource"):
            self._open(attributes)
        elif name == "traceGroup":
            self.groups.append(_reference(attributes) or (self.groups[-1] if self.groups else None))
        elif name == "trace" and "definitions" not in self.names:
            group = self.groups[-1] if self.groups else None
            context = _reference(attributes) or group or self.current
            self.found.traces.append(Trace(line, attributes, context))
        elif name == "annotation":
            self.types.append(attributes.get("type", ""))

    def end(self, name: str, text: str, line: int) -> None:
        """Take in an element with its own text."""
        self.names.pop()
        if name == "traceFormat" and self.channels is not None:
            if not {"X", "Y"} <= set(self.channels) or len(set(self.channels)) < len(self.channels):
                names = ", ".join(self.channels) or "no channels"
                raise NumberError(f"`traceFormat` has {names}, but must have X, Y and others once each")
            self.contexts[-1].channels = tuple(self.channels)
            self.channels = None
            self._close()
        elif name in ("context", "inkSource"):
            self._close()
        elif name == "traceGroup":
            self.groups.pop()
        elif name == "trace" and "definitions" not in self.names:
            self.found.traces[-1].text = text
        elif name == "annotation":
            kind = self.types.pop()
            if self.names == ["ink"] and text.strip():
                self.found.annotations.setdefault(kind, text.strip())

    def _open(self, attributes: Mapping[str, str]) -> None:
        keys = ("traceFormatRef", "inkSourceRef", "contextRef")
        references = tuple(_id(attributes[key]) for key in keys if key in attributes)
        self.contexts.append(Context(None, references))
        if "id" in attributes:
            self.found.by_id[attributes["id"]] = self.contexts[-1]

    def _close(self) -> None:
        """What a trace format says is said of the source or context that it is in, or of all that follows."""
        closed = self.contexts.pop()
        if self.contexts:
            self.contexts[-1].channels = self.contexts[-1].channels or closed.channels
            self.contexts[-1].references += closed.references
        elif "definitions" not in self.names:
            self.current = closed


def _id(reference: str) -> str:
    return reference.rpartition("#")[2]


def _reference(attributes: Mapping[str, str]) -> Context | None:
    return Context(None, (_id(attributes["contextRef"]),)) if "contextRef" in attributes else None
