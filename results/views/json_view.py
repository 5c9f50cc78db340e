"""The same figures for programs: a dataclass (or a list of them) as JSON."""

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from typing import IO, Any

from seqsweep.results.shown import shown


def dump(data: Any, *, indent: int | None = 1, ascii_only: bool = False) -> str:
    """JSON of a dataclass of `seqsweep.results.analysis`, or of a list of them. Accuracies are 0..1; NaN and inf are null.

    Without `indent` it is one line. What would command a terminal, or cannot be seen, is escaped.
    """
    text = json.dumps(_plain(data), indent=indent, ensure_ascii=ascii_only, allow_nan=False)
    # outside of strings there is nothing but ASCII and line breaks
    return "\n".join(shown(line, _escaped) for line in text.split("\n"))


def write(data: Any, file: IO[str], *, indent: int | None = 1) -> None:
    """Write the same into `file` and a line's end; other characters than ASCII are escaped where its encoding lacks some."""
    text = dump(data, indent=indent)
    try:
        text.encode(getattr(file, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        text = dump(data, indent=indent, ascii_only=True)
    print(text, file=file)


def _escaped(char: str) -> str:
    return json.dumps(char)[1:-1] if char != "\x7f" else "\\u007f"


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
