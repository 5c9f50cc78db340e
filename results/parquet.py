"""Tables as sealed Parquet files of a store."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.parquet as pq

from results.errors import Damaged, Newer
from results.files import Folder
from results.schema import SCHEMA_VERSION, VERSION_KEY
from results.seal import BLANK, FIELD, seal

_TOGETHER = 500  # files


def encoded(
    schema: pa.Schema, groups: Iterable[pa.Table], extra: Callable[[], Mapping[str, str]] = dict
) -> bytes:
    """A file of tables of one schema, a row group for each of `groups`; then `extra` goes to its key-value metadata."""
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, schema, compression="zstd", write_page_checksum=True) as writer:
        for group in groups:
            writer.write_table(group.replace_schema_metadata(schema.metadata))
        writer.add_key_value_metadata({**extra(), FIELD: BLANK})
    return seal(sink.getvalue().to_pybytes(), at_end=True)


def read(folder: Folder, name: str, schema: pa.Schema, columns: Sequence[str]) -> pa.Table:
    """Columns of a file. Raises `StoreError` that names it when it is missing, damaged or of a newer schema."""
    with opened(folder, name, columns) as file:
        # a part is one row group of few rows, for which threads cost more than they save
        return cast(file.read(list(columns), use_threads=False), schema, columns)


def read_many(
    folder: Folder, names: Sequence[str], schema: pa.Schema, columns: Sequence[str]
) -> Iterator[pa.Table]:
    """`read` of many files, in few tables: a table for each of thousands would take several times its content's memory."""
    for begin in range(0, len(names), _TOGETHER):
        some = folder.map(lambda name: read(folder, name, schema, columns), names[begin : begin + _TOGETHER])
        yield pa.concat_tables(some).unify_dictionaries().combine_chunks()


@contextmanager
def opened(folder: Folder, name: str, columns: Sequence[str]) -> Iterator[pq.ParquetFile]:
    """The file, checked as `read` does: its bits, its version, and that it has the columns."""
    try:
        with pq.ParquetFile(pa.BufferReader(folder.read_sealed(name))) as file:
            there = file.schema_arrow  # made anew at each look
            version = (there.metadata or {}).get(VERSION_KEY, b"")
            if not version.isdigit():
                raise Damaged(f"{folder / name} carries no schema version: seqsweep did not write it")
            check_version(int(version), str(folder / name))
            if missing := sorted(set(columns).difference(there.names)):
                raise Damaged(f"{folder / name} lacks the column `{missing[0]}`")
            yield file
    except (pa.ArrowException, OSError) as error:
        raise Damaged(f"{folder / name} is damaged: {str(error).splitlines()[0]}") from error


def cast(table: pa.Table, schema: pa.Schema, columns: Sequence[str]) -> pa.Table:
    """Columns of `table` in their order, of the types that `schema` gives them."""
    return table.select(list(columns)).cast(pa.schema([schema.field(column) for column in columns]))


def check_version(version: int, file: str) -> None:
    """Raise `Newer` where the file `file` was written by a newer seqsweep."""
    if version > SCHEMA_VERSION:
        raise Newer(
            f"{file} has schema version {version}, but this seqsweep reads up to {SCHEMA_VERSION}: upgrade seqsweep"
        )
