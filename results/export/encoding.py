"""A table as bytes of a file: CSV and Parquet to compute with, LaTeX and Markdown to read."""

import io
from collections.abc import Callable
from itertools import chain

import pyarrow as pa
import pyarrow.parquet as pq

from seqsweep.results.export import latex, markdown
from seqsweep.results.export.tables import Table
from seqsweep.results.views import csv_rows


def encode(table: Table, form: str) -> bytes:
    """`table` in one of `FORMATS`."""
    return FORMATS[form](table)


def _csv(table: Table) -> bytes:
    """UTF-8, as `csv_rows` writes it."""
    text = io.StringIO(newline="")
    batches = table.data.to_batches()
    rows = (zip(*(column.to_pylist() for column in batch.columns), strict=True) for batch in batches)
    csv_rows.write(text, table.data.column_names, chain.from_iterable(rows))
    return text.getvalue().encode()


def _parquet(table: Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table.data, sink, compression="zstd")
    return bytes(sink.getvalue())


FORMATS: dict[str, Callable[[Table], bytes]] = {
    "csv": _csv,
    "parquet": _parquet,
    "latex": latex.encode,
    "markdown": markdown.encode,
}
