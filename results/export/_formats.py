"""A table as bytes of a file: CSV and Parquet to compute with, LaTeX and Markdown to read."""

import csv
import io
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq

from results.export import _latex, _markdown
from results.export._tables import Table
from results.views import json_view


def encode(table: Table, form: str) -> bytes:
    """`table` in one of `FORMATS`."""
    return FORMATS[form](table)


def _csv(table: Table) -> bytes:
    """RFC 4180 but for lines that end in \\n, UTF-8; null is empty, floats are exact, lists are JSON."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.data.column_names)
    for batch in table.data.to_batches():
        columns = [column.to_pylist() for column in batch.columns]
        writer.writerows([_plain(value) for value in row] for row in zip(*columns, strict=True))
    return text.getvalue().encode()


def _plain(value: object) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    return json_view.dump(value, indent=None) if isinstance(value, list) else value


def _parquet(table: Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table.data, sink, compression="zstd")
    return bytes(sink.getvalue())


FORMATS: dict[str, Callable[[Table], bytes]] = {
    "csv": _csv,
    "parquet": _parquet,
    "latex": _latex.encode,
    "markdown": _markdown.encode,
}
