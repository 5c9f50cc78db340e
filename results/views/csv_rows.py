"""Rows as CSV that every reader takes as they are."""

import csv
from collections.abc import Iterable, Sequence
from typing import IO, Any

from seqsweep.results.views import json_view


class _Lines:
    r"""Ends rows by \n alone, of a writer that ends them by \r\n: only such a one quotes a bare carriage return too."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def write(self, row: str) -> None:
        self._file.write(row.removesuffix("\r\n") + "\n")


def write(file: IO[str], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    r"""Write RFC 4180 but for lines that end in \n: null is empty, floats are exact, lists and tables are JSON."""
    writer = csv.writer(_Lines(file), lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([_plain(value) for value in row] for row in rows)


def _plain(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return json_view.dump(value, indent=None) if isinstance(value, list | dict) else value
