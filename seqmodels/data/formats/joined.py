"""Several files as one table, of which each row knows where it stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.formats.columns import Texts, may_name, texts_of
from seqsweep.seqmodels.data.formats.table_options import FILE
from seqsweep.seqmodels.data.formats.table_reading import OneTable

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, eq=False)
class Joined:
    """All rows of `files`, one below the other; `labels` are names of numbers, by column."""

    table: pa.Table
    files: Sequence[OneTable]
    labels: dict[str, list[str]]

    @property
    def count(self) -> int:
        """How many rows there are."""
        return int(self.table.num_rows)

    def place(self, row: int) -> str:
        """Name a row by its file."""
        for each in self.files:
            if row < each.table.num_rows:
                return each.place(row)
            row -= each.table.num_rows
        raise IndexError(row)

    def file_of_each(self) -> npt.NDArray[np.int64]:
        """Give the file of each row."""
        return np.repeat(np.arange(len(self.files)), [each.table.num_rows for each in self.files])

    def texts(self, name: str) -> Texts:
        """Give a column as texts; `file` is the path of each row's file where no column is called so."""
        if name == FILE and FILE not in self.table.column_names:
            return Texts(self.file_of_each(), [each.inner for each in self.files])
        column = self.table.column(name)
        if not may_name(column.type):
            rule = f"column `{name}` has {column.type}, but a name must be a text or a number"
            raise DataError([Problem(self.files[0].where, rule)])
        return texts_of(column, self.labels.get(name, ()))

    def renamed(self, names: Sequence[str]) -> Joined:
        """Call the columns otherwise."""
        return replace(self, table=self.table.rename_columns(names))

    @property
    def notes(self) -> tuple[str, ...]:
        """What was said of the files, each once."""
        return tuple(dict.fromkeys(note for each in self.files for note in each.notes))


def join(files: Sequence[OneTable], labels: dict[str, list[str]]) -> Joined:
    """Put tables one below the other; numbers may be whole in one and not in another. Raises DataError."""
    import pyarrow as pa

    first = files[0]
    names = first.table.column_names
    problems = [
        Problem(
            each.where,
            f"has the columns {_shown(each.table.column_names)}, but {first.where} has {_shown(names)}",
        )
        for each in files[1:]
        if sorted(each.table.column_names) != sorted(names)
    ]
    if len(set(names)) < len(names):
        problems.append(Problem(first.where, f"has columns of the same name: {_shown(names)}"))
    if problems:
        raise DataError(problems)
    if len(files) == 1:
        return Joined(first.table, files, labels)
    try:
        table = pa.concat_tables([each.table.select(names) for each in files], promote_options="permissive")
    except pa.ArrowException as error:
        rule = f"has columns of other types than the files before: {error}"
        raise DataError([Problem(files[-1].where, rule)]) from None
    return Joined(table, files, labels)


def _shown(names: Sequence[str]) -> str:
    return ", ".join([*names[:8], *(["..."] if len(names) > 8 else [])])
