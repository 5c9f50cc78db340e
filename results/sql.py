"""SQL over the tables of one or several sweeps, by DuckDB in memory: it can read nothing else and write nothing."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pyarrow as pa

from results.columns import plain
from results.errors import MissingExtra, StoreError
from results.schema import SCHEMAS
from results.store import Sweep

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

LOCKS = (
    "SET python_enable_replacements = false",  # else a query sees the variables of this program
    "SET temp_directory = ''",  # a query that needs more than memory would be written below the current folder
    "SET enable_external_access = false",  # files, the network, other databases, extensions
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET lock_configuration = true",  # the last: nothing can be switched on again
)


@dataclass(frozen=True)
class Answer:
    """Rows in the order of `columns`: None, bool, int, float, str, and lists and mappings of them."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def ask(query: str, sweeps: Sequence[Sweep]) -> Answer:
    """Answer one SELECT (or DESCRIBE, SHOW, SUMMARIZE) over `lanes`, `epochs`, `confusions` and `predictions`.

    The tables hold the finished trials of all `sweeps`. Only those that the query names are read, with their checksums.

    Raises `MissingExtra` without DuckDB, `StoreError` with what DuckDB says of the query, or naming a damaged file.
    """
    try:
        import duckdb
    except ImportError as error:
        raise MissingExtra("sql needs DuckDB", "sql") from error
    with duckdb.connect(":memory:") as connection:
        try:
            kinds = [statement.type for statement in connection.extract_statements(query)]
            if kinds != [duckdb.StatementType.SELECT]:
                raise StoreError(
                    "a query must be one SELECT (or DESCRIBE, SHOW, SUMMARIZE): nothing is written"
                )
            _fill(connection, query, sweeps)
            for lock in LOCKS:
                connection.execute(lock)
            found = connection.sql(query).to_arrow_table()
            columns = [map(_value, column.to_pylist()) for column in found.columns]
            return Answer(tuple(found.column_names), tuple(zip(*columns, strict=True)))
        except duckdb.Error as error:
            raise StoreError(_said(str(error))) from error


def _fill(connection: "DuckDBPyConnection", query: str, sweeps: Sequence[Sweep]) -> None:
    named = [name for name in SCHEMAS if re.search(rf"\b{name}\b", query, re.IGNORECASE)]
    for name in named or SCHEMAS:
        parts = [plain(sweep.read(name)) for sweep in sweeps]
        connection.register(name, pa.concat_tables(parts) if parts else plain(SCHEMAS[name].empty_table()))


def _said(message: str) -> str:
    """What DuckDB says of a query, without empty lines."""
    return "\n".join(line.rstrip() for line in message.splitlines() if line.strip())


def _value(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, bytes | date | time | timedelta | UUID):
        return str(value)
    if isinstance(value, list | tuple):
        return [_value(each) for each in value]
    if isinstance(value, dict):
        return {str(name): _value(each) for name, each in value.items()}
    return value
