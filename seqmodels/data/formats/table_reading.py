"""One file of a table as a pyarrow table: CSV and its kin, Parquet, Feather, Arrow; mapped into memory where it can be."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seqsweep.seqmodels.data.archives.limits import allowed
from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.files import PACKED, Files, decompress, open_bytes
from seqsweep.seqmodels.data.formats.delimited import find_faults
from seqsweep.seqmodels.data.formats.dialect import MISSING, Dialect, sniff

if TYPE_CHECKING:
    import pyarrow as pa

TEXT = (".csv", ".tsv", ".tab", ".txt")
BINARY = (".parquet", ".pq", ".feather", ".arrow", ".ipc")
MOST_VALUES = 4_000_000_000
"""Numbers in one Parquet file ..."""
MOST_VALUES_A_BYTE = 1000
"""... and for each of its bytes, for a column of equal ones takes none; that does not matter up to ..."""
FREE_VALUES = 50_000_000
LARGE = 1 << 28
"""Bytes, of which what pyarrow keeps is given back."""
HEAD = 1 << 20  # bytes by which the dialect of a large text is told


@dataclass(frozen=True, eq=False)
class OneTable:
    """What one file holds, and where: `first_line` is that of the first row, where each row is a line of text."""

    table: pa.Table
    inner: str
    where: str
    first_line: int | None = None
    notes: tuple[str, ...] = ()
    has_header: bool = True

    def place(self, row: int) -> str:
        """Name a row in an error."""
        return (
            f"{self.where}:row {row + 1}"
            if self.first_line is None
            else f"{self.where}:{self.first_line + row}"
        )


def kind_of(beginning: bytes) -> str | None:
    """Tell by a file's first bytes which kind of binary table it is."""
    if beginning.startswith(b"PAR1"):
        return "parquet"
    if beginning.startswith(b"ARROW1"):
        return "file"
    if beginning.startswith(b"FEA1"):
        return "feather"
    # a stream's first message: a mark, its length, and a flatbuffer that names the schema's fields
    return "stream" if beginning.startswith(b"\xff\xff\xff\xff") and len(beginning) > 8 else None


def read_head(files: Files, inner: str, most: int = HEAD) -> OneTable:
    """Read the first lines of a text, to look what it is. Raises DataError."""
    plain = inner
    for packed in PACKED:
        plain = plain.removesuffix(packed)
    head = files.peek(inner, most)
    end = head.rfind(b"\n")
    beginning = head if len(head) < most or end < 0 else head[: end + 1]
    return read_one(
        Files(files.root, files.separator, {plain: beginning}, files.folders, {plain: files.where(inner)}),
        plain,
    )


def read_one(files: Files, inner: str) -> OneTable:
    """Read one file. Raises DataError."""
    where = files.where(inner)
    kind = kind_of(files.peek(inner, 16))
    if kind is None:
        if inner.lower().endswith(BINARY):
            raise DataError(
                [Problem(where, "is neither Parquet, Feather nor Arrow, which it is called, or is damaged")]
            )
        return _read_text(files, inner)
    with faults_of(where):
        table = _read_binary(files, inner, kind)
        table.validate(full=True)  # offsets beyond the buffers of a damaged file
        give_back()
    return OneTable(table, inner, where)


@contextmanager
def faults_of(where: str) -> Iterator[None]:
    """Say of pyarrow's complaints which file they are about."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, MemoryError, OverflowError, UnicodeDecodeError, ValueError) as error:
        if isinstance(error, DataError):
            raise
        reason = (str(error).splitlines() or ["it is too large"])[0]
        raise DataError(
            [Problem(where, f"is damaged, or of a kind that is not read: {reason[:200]}")]
        ) from error


def source_of(files: Files, inner: str, *, mapped: bool = True) -> pa.NativeFile:
    """Open a file for pyarrow: mapped into memory where it lies on disk as it is, or read there piece by piece."""
    import pyarrow as pa

    path = files.path(inner)
    if path is not None and not inner.lower().endswith(PACKED):
        open_bytes(path).close()  # is it a file at all?
        if not path.stat().st_size:
            return pa.BufferReader(b"")
        return pa.memory_map(str(path)) if mapped else pa.OSFile(str(path))
    return pa.BufferReader(decompress(inner, files.read(inner), files.where(inner)))


def give_back() -> None:
    """Give back to the system what pyarrow has freed but keeps, where it has had much."""
    import pyarrow as pa

    pool = pa.default_memory_pool()
    if (pool.max_memory() or LARGE) >= LARGE:  # else to ask for it again takes longer than it is worth
        pool.release_unused()


def _read_binary(files: Files, inner: str, kind: str) -> pa.Table:
    import pyarrow as pa
    from pyarrow import feather, ipc, parquet

    # of what is compressed, pages once read would stay in memory beside what came of them
    source = source_of(files, inner, mapped=kind != "parquet")
    if kind == "parquet":
        file = parquet.ParquetFile(source)
        about = file.metadata
        groups = [about.row_group(place) for place in range(about.num_row_groups)]
        values = sum(group.column(place).num_values for group in groups for place in range(group.num_columns))
        most = min(MOST_VALUES, max(FREE_VALUES, MOST_VALUES_A_BYTE * source.size()))
        _check_size(files.where(inner), max(values, about.num_rows), most, "values")
        _check_size(
            files.where(inner),
            sum(group.total_byte_size for group in groups),
            allowed(source.size()),
            "bytes",
        )
        if about.num_row_groups < 2:
            return file.read()
        # one by one, for what is read of all at once would be there beside all that comes of it
        return pa.concat_tables([file.read_row_group(place) for place in range(about.num_row_groups)])
    if kind == "feather":
        return feather.read_table(source)
    try:
        reader = ipc.open_file(source) if kind == "file" else ipc.open_stream(source)
        batches = (
            [reader.get_batch(place) for place in range(reader.num_record_batches)]
            if kind == "file"
            else [*reader]
        )
    except pa.ArrowInvalid as error:
        raise DataError([Problem(files.where(inner), f"is no Arrow file, or damaged: {error}")]) from error
    return pa.Table.from_batches(batches, reader.schema)


def _check_size(where: str, count: int, most: int, what: str) -> None:
    if not 0 <= count <= most:
        raise DataError(
            [Problem(where, f"claims {count:,} {what}, but at most {most:,} are read from one file")]
        )


def _read_text(files: Files, inner: str) -> OneTable:
    import pyarrow as pa
    from pyarrow import csv

    where = files.where(inner)
    source = source_of(files, inner)
    data = source.read_buffer()
    dialect = sniff(head_of(data), where)
    body = data.slice(dialect.start)
    if dialect.delimiter == " ":
        body = pa.py_buffer(b"\n".join(b" ".join(line.split()) for line in body.to_pybytes().splitlines()))
    quotes = b'"' in memoryview(data)[:HEAD].tobytes()
    names = column_names(dialect)
    notes = list(dialect.notes)

    def read(encoding: str) -> pa.Table:
        return csv.read_csv(
            pa.BufferReader(body),
            read_options=csv.ReadOptions(column_names=names, encoding=encoding),
            parse_options=csv.ParseOptions(delimiter=dialect.delimiter, newlines_in_values=quotes),
            convert_options=csv.ConvertOptions(
                decimal_point=dialect.decimal, null_values=MISSING, strings_can_be_null=False
            ),
        )

    if not body.size:
        raise DataError([Problem(where, "has a header, but no rows")])
    try:
        try:
            table = read(dialect.encoding)
        except (pa.ArrowInvalid, UnicodeDecodeError) as error:
            if "UTF8" not in str(error) and not isinstance(error, UnicodeDecodeError):
                raise
            table = read("latin-1")
            notes.append("not all of it is UTF-8 text, so it is read as Latin-1")
    except (pa.ArrowException, UnicodeDecodeError) as error:
        faults = find_faults(data.to_pybytes(), dialect, where, ())
        raise DataError(
            faults or [Problem(where, f"cannot be read as a table: {str(error).splitlines()[0]}")]
        ) from None
    last = dialect.width - 1
    if (not dialect.names or not dialect.names[last]) and table.column(last).null_count == table.num_rows:
        table = table.remove_column(last)  # delimiters at the ends of lines
    return OneTable(
        table, inner, where, None if quotes else dialect.first_line, tuple(notes), bool(dialect.names)
    )


def head_of(data: Any) -> bytes:
    """The first bytes of a text, whole lines where there are any."""
    if len(data) <= HEAD:
        return bytes(data)
    head = bytes(memoryview(data)[:HEAD])
    end = head.rfind(b"\n")
    return head[: end + 1] if end > 0 and head.count(b"\n") > 3 else bytes(data)


def column_names(dialect: Dialect) -> list[str]:
    """Name the columns: as the header does, each once; by their numbers from 1 where there is none."""
    if not dialect.names:
        return [str(place) for place in range(1, dialect.width + 1)]
    found: list[str] = []
    for name in dialect.names:
        number = 1
        unique = name
        while unique in found:
            number += 1
            unique = f"{name}.{number}"
        found.append(unique)
    return found


def class_labels(files: Files, found: OneTable) -> dict[str, list[str]]:
    """Find the names of classes that Hugging Face `datasets` stores beside numbers, by column."""
    described = _features(found.table.schema.metadata, b"huggingface", ("info", "features"))
    beside = posixpath.join(posixpath.dirname(found.inner), "dataset_info.json")
    if not described and beside in files.contents:
        described = _features({b"": files.read(beside)}, b"", ("features",))
    return {
        name: [str(each) for each in about["names"]]
        for name, about in described.items()
        if isinstance(about, dict) and isinstance(about.get("names"), list)
    }


def _features(metadata: Any, key: bytes, path: tuple[str, ...]) -> dict[str, Any]:
    try:
        about = json.loads((metadata or {}).get(key, b"{}"))
        for name in path:
            about = about.get(name) or {}
    except (ValueError, RecursionError, AttributeError):
        return {}
    return about if isinstance(about, dict) else {}
