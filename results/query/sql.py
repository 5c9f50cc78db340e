"""SQL over the tables of one or several sweeps, by DuckDB in memory: it can read nothing else and write nothing."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from seqsweep.results.columns import plain
from seqsweep.results.errors import Invalid, MissingExtra
from seqsweep.results.schema import SCHEMAS
from seqsweep.results.store import Sweep

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
_WHOLE = ("tinyint", "smallint", "integer", "bigint", "hugeint")
_AS_THEY_ARE = {
    *_WHOLE,
    *(f"u{kind}" for kind in _WHOLE),
    *("boolean", "float", "double", "decimal", "varchar"),
}
_NESTED = {"list", "array", "struct", "tuple", "map", "union"}
_WRITES = {
    "create",
    "insert",
    "update",
    "delete",
    "merge",
    "copy",
    "attach",
    "install",
    "load",
    "set",
    "drop",
    "alter",
}


@dataclass(frozen=True)
class Answer:
    """Rows in the order of `columns`: None, bool, int, float, str, and lists and mappings of them."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


def ask(query: str, sweeps: Sequence[Sweep]) -> Answer:
    """Answer one SELECT (or PIVOT, DESCRIBE, SHOW, SUMMARIZE) over `lanes`, `epochs`, `confusions` and `predictions`.

    The tables hold the finished trials of all `sweeps`. Only those that the query names are read, with their checksums.

    Raises `MissingExtra` without DuckDB, `Invalid` with what DuckDB says of the query, `StoreError` naming a damaged file.
    """
    try:
        import duckdb
    except ImportError as error:
        raise MissingExtra("sql needs DuckDB", "sql") from error
    _check_text(query)
    with duckdb.connect(":memory:") as connection:
        try:
            _check_kind(connection, query)
            _fill(connection, query, sweeps)
            for lock in LOCKS:
                connection.execute(lock)
            found = connection.sql(query)
            kinds = [str(kind.id) for kind in found.types]
            # DuckDB spells what Python and Arrow have no exact value for: dates of any year, intervals, bits
            rows = found.project(", ".join(_spelt(place, kind) for place, kind in enumerate(kinds, 1)))
            readers = [_nested if kind in _NESTED else _value for kind in kinds]
            return Answer(
                tuple(found.columns),
                tuple(
                    tuple(read(value) for read, value in zip(readers, row, strict=True))
                    for row in rows.fetchall()
                ),
            )
        except duckdb.Error as error:
            raise Invalid(_said(str(error))) from error
        except RecursionError:
            raise Invalid("the answer has too many lists within lists") from None


def _check_text(query: str) -> None:
    if "\0" in query:
        raise Invalid("the query holds a NUL character, but must be text")
    try:
        query.encode()
    except UnicodeEncodeError as error:
        raise Invalid(f"the query holds bytes that are not UTF-8, at character {error.start + 1}") from None


def _check_kind(connection: "DuckDBPyConnection", query: str) -> None:
    """Raise `Invalid` unless the query is one statement that reads. What slips through meets `LOCKS`."""
    import duckdb

    kinds = [statement.type for statement in connection.extract_statements(query)]
    reads = kinds == [duckdb.StatementType.SELECT]
    if kinds == [
        duckdb.StatementType.MULTI
    ]:  # a PIVOT, which looks for its columns first; also within others
        reads = _WRITES.isdisjoint(_words(query))
    if not reads:
        raise Invalid("a query must be one SELECT (or PIVOT, DESCRIBE, SHOW, SUMMARIZE): nothing is written")


def _words(query: str) -> Iterator[str]:
    """Its words, outside of quotes and comments."""
    import duckdb

    tokens = duckdb.tokenize(query)
    ends = [begin for begin, _ in tokens[1:]] + [len(query.encode())]
    for (begin, kind), end in zip(tokens, ends, strict=True):
        if kind == duckdb.token_type.keyword:
            yield query.encode()[begin:end].decode().strip().lower()


def _spelt(place: int, kind: str) -> str:
    if kind in _NESTED:
        return f"to_json(#{place})"
    return f"#{place}" if kind in _AS_THEY_ARE else f"#{place}::varchar"


def _fill(connection: "DuckDBPyConnection", query: str, sweeps: Sequence[Sweep]) -> None:
    named = [name for name in SCHEMAS if re.search(rf"\b{name}\b", query, re.IGNORECASE)]
    for name in named or SCHEMAS:
        parts = [plain(sweep.read(name)) for sweep in sweeps]
        connection.register(name, pa.concat_tables(parts) if parts else plain(SCHEMAS[name].empty_table()))


def _said(message: str) -> str:
    """Give what DuckDB says of a query, without empty lines."""
    return "\n".join(line.rstrip() for line in message.splitlines() if line.strip())


def _value(value: Any) -> Any:
    """A decimal as a number where one is equal to it, else as text."""
    if not isinstance(value, Decimal):
        return value
    if not value.is_finite():
        return str(value)
    if value == value.to_integral_value():
        return int(value)
    number = float(value)
    return number if Decimal(repr(number)) == value else str(value)


def _nested(text: str | None) -> Any:
    if text is None:
        return None
    return json.loads(text, parse_float=_float, parse_int=_whole)


def _whole(text: str) -> Any:
    return int(text) if len(text) <= 40 else text  # a BIGNUM may be longer than Python reads


def _float(text: str) -> Any:
    return float(text) if "e" in text.lower() else _value(Decimal(text))
