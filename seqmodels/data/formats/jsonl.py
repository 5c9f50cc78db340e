"""JSON lines: an object a line, `{"values": [[0.1, 0.2], ...], "label": "a", "id": "one"}`, whatever its keys are called."""

from __future__ import annotations

import codecs
import json
import posixpath
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from seqsweep.seqmodels.data.errors import SHOWN, DataError, Problem
from seqsweep.seqmodels.data.files import PACKED, Files
from seqsweep.seqmodels.data.formats.table import Table
from seqsweep.seqmodels.data.formats.table_reading import OneTable, source_of
from seqsweep.seqmodels.data.text import EncodingError, check_width

if TYPE_CHECKING:
    import pyarrow as pa

NAMES = {
    **dict.fromkeys((int, float), "number"), bool: "truth", str: "text", list: "list", dict: "mapping", type(None): "null",
}  # fmt: skip
NO_OBJECT = re.compile(rb"\n[ \t\r]*[^\s{]")
BLOCK = 1 << 24  # bytes that are looked at together; a line may be longer


class JsonLines(Table):
    """Tables whose rows are JSON objects: a sequence each, or a time step."""

    name = "jsonl"
    endings = (".jsonl", ".ndjson")
    row = "the features of a time step, as a list of numbers in a JSON line"

    def recognise(self, files: Files) -> str | None:
        """Look for files whose first line is an object with a list in it."""
        chosen = self.choose(files)
        if not chosen:
            return None
        first = _first_object(files, chosen[0])
        lists = [key for key, value in (first or {}).items() if isinstance(value, list)]
        return f"JSON lines such as {chosen[0]}, with `{lists[0]}`" if lists else None

    def choose(self, files: Files) -> list[str]:
        """Name the files that end so, and those without an ending that begin with an object."""
        if len(files.contents) == 1:
            return list(files.contents)
        return sorted(
            inner
            for inner in files.contents
            if _ending(inner) in self.endings
            or (not _ending(inner) and _first_object(files, inner) is not None)
        )

    def read_table(self, files: Files, inner: str) -> OneTable:
        """Read one file by pyarrow; where it finds a fault, the slow way tells in which line."""
        where = files.where(inner)
        data = source_of(files, inner).read_buffer()
        head = memoryview(data)[:4096].tobytes()
        try:
            check_width(head)
        except EncodingError as error:
            raise DataError([Problem(where, str(error))]) from None
        if head.startswith(codecs.BOM_UTF8):
            data = data.slice(len(codecs.BOM_UTF8))
        if not memoryview(data)[: 1 << 20].tobytes().strip():
            raise DataError([Problem(where, "is empty")])
        return OneTable(_parsed(data, where), inner, where, 1 if _is_a_line_each(data) else None)


JSONL = JsonLines()


def _parsed(data: pa.Buffer, where: str) -> pa.Table:
    import pyarrow as pa
    from pyarrow import json as arrow_json

    head = memoryview(data)[: 1 << 20].tobytes().lstrip()
    if not head.startswith(b"{") or NO_OBJECT.search(
        memoryview(data)
    ):  # pyarrow 26 is killed by a first `null`
        raise DataError(
            list(_faults(data.to_pybytes(), where))[:SHOWN] or [Problem(where, "is not JSON lines")]
        )
    for block in dict.fromkeys((min(BLOCK, data.size + 1), min(data.size + 1, 2**31 - 1))):
        try:
            table = arrow_json.read_json(
                pa.BufferReader(data), read_options=arrow_json.ReadOptions(block_size=block)
            )
            table.validate(full=True)
        except (pa.ArrowException, ValueError, OverflowError) as error:
            reason = str(error).splitlines()[0]
            if "straddling" in reason and block <= data.size:
                continue
            faults = list(_faults(data.to_pybytes(), where))[:SHOWN]
            raise DataError(
                faults or [Problem(where, f"is no table of JSON lines: {reason[:200]}")]
            ) from None
        else:
            return table
    raise DataError([Problem(where, f"has a line of more than {2**31 - 1:,} bytes, the most that is read")])


def _faults(data: bytes, where: str) -> Iterator[Problem]:
    """Name each line that is no object, or whose keys have other kinds of values than in the first."""
    first: dict[str, Any] = {}
    for number, line in enumerate(data.split(b"\n"), 1):
        if not line.strip():
            continue
        place = f"{where}:{number}"
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield Problem(place, f"is not JSON: {str(error)[:100]}")
            continue
        if not isinstance(entry, dict):
            yield Problem(place, f"is {_kind(entry)}, but must be an object")
            continue
        for key, value in entry.items():
            if value is not None and _kind(first.setdefault(key, value)) != _kind(value):
                yield Problem(place, f"`{key}` is {_kind(value)}, but {_kind(first[key])} in a line before")


def _kind(value: Any) -> str:
    if isinstance(value, list):
        inner = next((each for each in value if each is not None), None)
        return "a list" if inner is None else f"a list of {NAMES[type(inner)]}s"
    return NAMES[type(value)] if value is None else f"a {NAMES[type(value)]}"


def _is_a_line_each(data: pa.Buffer) -> bool:
    """Tell whether rows are lines: no blank ones between, as far as is looked."""
    head = memoryview(data)[:BLOCK].tobytes()
    return not head.startswith((b"\n", b"\r")) and b"\n\n" not in head and b"\n\r\n" not in head


def _ending(inner: str) -> str:
    name = posixpath.basename(inner).lower()
    for packed in PACKED:
        name = name.removesuffix(packed)
    return posixpath.splitext(name)[1]


def _first_object(files: Files, inner: str) -> dict[str, Any] | None:
    beginning = files.peek(inner, 16).removeprefix(codecs.BOM_UTF8)
    if not beginning.lstrip().startswith(b"{"):
        return None
    line = files.peek(inner, BLOCK).removeprefix(codecs.BOM_UTF8).lstrip().split(b"\n", 1)[0]
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
