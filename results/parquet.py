"""Tables as sealed Parquet files of a store."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.parquet as pq

from seqsweep.results.errors import Damaged, Newer
from seqsweep.results.files import Folder
from seqsweep.results.schema import BEFORE, SCHEMA_VERSION, TABLE_KEY, VERSION_KEY
from seqsweep.results.seal import BLANK, FIELD, seal

_TOGETHER = 500  # files
_TRIAL = ("trial",)
_KEYS = {"lanes": (*_TRIAL, "candidate", "seed")}  # what no two rows of a part share


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
    """Read columns of a file. Raises `StoreError` that names it when it is missing, damaged or of a newer schema.

    A trial's part is damaged too where it holds rows of another trial, or a lane twice: they would count twice.
    """
    keys = _KEYS.get(schema.metadata[TABLE_KEY].decode(), _TRIAL)
    wanted = list(dict.fromkeys([*columns, *(key for key in keys if key in schema.names)]))
    with opened(folder, name, wanted, named=_TRIAL) as file:
        # a part is one row group of few rows, for which threads cost more than they save
        found = file.read(wanted, use_threads=False)
        if "trial" in wanted:
            _check_rows(found.select(list(keys)), name.removesuffix(".parquet"), str(folder / name))
        return cast(found, schema, columns)


def _check_rows(keys: pa.Table, trial: str, file: str) -> None:
    """Raise `Damaged` unless all rows are of the trial, and each lane is there once."""
    others = [each for each in keys["trial"].unique().to_pylist() if each != trial]
    if others:
        raise Damaged(
            f"{file} is damaged: it holds rows of trial `{others[0]}`, which would count twice; if it is a copy, move it away"
        )
    if keys.num_columns > 1:
        seen: set[tuple[int, int]] = set()
        for lane in zip(keys["candidate"].to_pylist(), keys["seed"].to_pylist(), strict=True):
            if lane in seen:
                raise Damaged(f"{file} is damaged: candidate {lane[0]} with seed {lane[1]} is in it twice")
            seen.add(lane)


def read_many(
    folder: Folder, names: Sequence[str], schema: pa.Schema, columns: Sequence[str]
) -> Iterator[pa.Table]:
    """`read` of many files, in few tables: a table for each of thousands would take several times its content's memory."""
    for begin in range(0, len(names), _TOGETHER):
        some = folder.map(lambda name: read(folder, name, schema, columns), names[begin : begin + _TOGETHER])
        yield pa.concat_tables(some).unify_dictionaries().combine_chunks()


@contextmanager
def opened(
    folder: Folder, name: str, columns: Sequence[str], named: Sequence[str] = ()
) -> Iterator[pq.ParquetFile]:
    """The file, checked as `read` does: its bits, its version, and that it has the columns.

    Columns of text that are `named` are read as dictionaries: where many rows have one text it is made once.
    """
    try:
        with _file(pa.BufferReader(folder.read_sealed(name)), named) as file:
            there = file.schema_arrow  # made anew at each look
            version = (there.metadata or {}).get(VERSION_KEY, b"")
            if not version.isdigit():
                raise Damaged(f"{folder / name} carries no schema version: seqsweep did not write it")
            check_version(int(version), str(folder / name))
            if missing := sorted(set(columns).difference(there.names, BEFORE)):
                raise Damaged(f"{folder / name} lacks the column `{missing[0]}`")
            yield file
    except (pa.ArrowException, OSError) as error:
        raise Damaged(f"{folder / name} is damaged: {str(error).splitlines()[0]}") from error


def _file(content: pa.BufferReader, named: Sequence[str]) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(content, read_dictionary=list(named))
    except KeyError:  # it has no such column
        return pq.ParquetFile(content)


def cast(table: pa.Table, schema: pa.Schema, columns: Sequence[str]) -> pa.Table:
    """Give columns of `table` in their order, of the types that `schema` gives them; an axis that came later as it was before."""
    for name in set(columns).difference(table.column_names) & BEFORE.keys():
        value = BEFORE[name]
        column = pa.nulls(len(table)) if value is None else pa.repeat(value, len(table))
        table = table.append_column(name, column)
    return table.select(list(columns)).cast(pa.schema([schema.field(column) for column in columns]))


def check_version(version: int, file: str) -> None:
    """Raise `Newer` where the file `file` was written by a newer seqsweep."""
    if version > SCHEMA_VERSION:
        raise Newer(
            f"{file} has schema version {version}, but this seqsweep reads up to {SCHEMA_VERSION}: upgrade seqsweep"
        )
