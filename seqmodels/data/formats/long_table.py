"""A table with a row a time step, as sequences: rows are sorted by sequence and time, and cut where the sequence changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from seqsweep.seqmodels.data.collection import Collection
from seqsweep.seqmodels.data.errors import SHOWN, DataError, Problem
from seqsweep.seqmodels.data.formats.columns import ABSENT, Texts
from seqsweep.seqmodels.data.formats.joined import Joined
from seqsweep.seqmodels.data.formats.per_file import PART_NAMES
from seqsweep.seqmodels.data.formats.table_options import TableOptions
from seqsweep.seqmodels.data.formats.table_reading import give_back

EXACT_IN_FLOAT32 = ("float", "halffloat", "int8", "uint8", "int16", "uint16", "bool")
ROWS = 1 << 13
"""Rows that are laid out at a time."""
TODO = {
    "label": "name by `sequence` all columns that tell sequences apart, or by `label` a column that does not change, or cut "
    'sequences where it changes by `cut = "label"`',
    "group": "name by `group` a column that does not change within a sequence",
    "split": "name by `split` a column that does not change within a sequence",
}


@dataclass(frozen=True, eq=False)
class Rows:
    """All N rows in order: those of a sequence stand together, from `start` [S] on, and the sequence is called `ids`."""

    order: npt.NDArray[np.int64] | None  # None where they are as the files have them
    start: npt.NDArray[np.int64]
    ids: list[str]
    count: int

    def row(self, position: int) -> int:
        """Give the row of the table at a position of the order."""
        return int(position if self.order is None else self.order[position])

    def ordered(self, values: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Put a column in order."""
        return values if self.order is None else values[self.order]

    def ends(self) -> npt.NDArray[np.int64]:
        """Give where each sequence ends."""
        return np.append(self.start[1:], self.count)


def gather_long(joined: Joined, options: TableOptions, *, labelled: bool = True) -> Collection:
    """Make sequences of a table; without labels where it is not `labelled`. Raises DataError with all that is wrong."""
    rows, notes = _sorted_rows(joined, options)
    cut = labelled and options.cut == "label" and options.label is not None
    if cut:
        rows = _cut(rows, joined.texts(options.label or ""))
    problems = _scattered(joined, rows, options) if len(joined.files) > 1 else []
    roles = {"label": options.label if labelled else None, "group": options.group, "split": options.split}
    found = {
        role: _constant(joined, rows, role, name, problems, may_be_absent=cut and role == "label")
        for role, name in roles.items()
        if name is not None
    }
    if problems:
        raise DataError(problems)
    features = tuple(options.features or ())
    values = values_of(joined, features, rows.order)
    spans = zip(rows.start.tolist(), rows.ends().tolist(), strict=True)
    collection = Collection(
        [values[begin:end] for begin, end in spans],
        found.get("label", [""] * len(rows.ids)),
        rows.ids,
        [joined.place(rows.row(begin)) for begin in rows.start.tolist()],
        [PART_NAMES[each.lower()] for each in found["split"]] if "split" in found else [None] * len(rows.ids),
        found.get("group"),
        features,
        (*joined.notes, *notes),
    )
    return _without_absent(collection) if cut else collection


def values_of(
    joined: Joined, features: Sequence[str], order: npt.NDArray[np.int64] | None
) -> npt.NDArray[np.floating]:
    """Give the features [N, D], NaN where a value is missing; float32 where that holds all of them exactly."""
    import pyarrow as pa

    table = joined.table
    exact = all(str(table.schema.field(name).type) in EXACT_IN_FLOAT32 for name in features)
    give_back()  # what the columns of names took, before as much again as the table is taken
    values = np.empty((joined.count, len(features)), np.float32 if exact else np.float64)
    columns = [table.column(name) for name in features]
    columns = [
        each.cast(pa.float64()) if pa.types.is_boolean(each.type) or pa.types.is_decimal(each.type) else each
        for each in columns
    ]
    if order is not None:
        for place, column in enumerate(columns):
            values[:, place] = column.to_numpy()[order]
        return values
    begin = 0
    # few rows of all columns at a time, as rows lie in memory one behind the other
    for batch in pa.table(columns, names=[str(place) for place in range(len(columns))]).to_batches(ROWS):
        for place, column in enumerate(batch.columns):
            values[begin : begin + len(batch), place] = column.to_numpy(zero_copy_only=False)
        begin += len(batch)
    return values


def is_order(joined: Joined, options: TableOptions, time: str) -> bool:
    """Tell whether a column grows within each sequence, or at least has no value twice in one. Raises DataError."""
    code, when = _keys(joined, options).code, _times(joined, time)
    order = np.argsort(code, kind="stable")
    falls = (np.diff(when[order]) < 0) & (np.diff(code[order]) == 0)
    if not falls.any():
        return True
    order = np.lexsort((when, code))
    return not ((np.diff(when[order]) == 0) & (np.diff(code[order]) == 0)).any()


def _sorted_rows(joined: Joined, options: TableOptions) -> tuple[Rows, list[str]]:
    keys = _keys(joined, options)
    absent = np.flatnonzero(keys.code == ABSENT)[:SHOWN].tolist()
    named = ", ".join(f"`{each}`" for each in options.keys)
    if absent:
        raise DataError(
            Problem(joined.place(row), f"has nothing in {named}, which tells its sequence") for row in absent
        )
    code, order, notes = keys.code, None, []
    steps = np.diff(code)
    when = None if options.time is None else _times(joined, options.time)
    if when is not None:
        late = (np.diff(when) < 0) & (steps == 0)
        if late.any():
            count = len(np.unique(code[1:][late]))
            notes.append(
                f"the rows of {count:,} sequence(s) were not in order: they are sorted by `{options.time}`"
            )
        if late.any() or (steps < 0).any():
            order = np.lexsort((when, code))
    elif (steps < 0).any():
        order = np.argsort(code, kind="stable")
    ordered = code if order is None else code[order]
    return Rows(order, np.flatnonzero(np.diff(ordered, prepend=ABSENT)), keys.names, len(code)), notes


def _keys(joined: Joined, options: TableOptions) -> Texts:
    """Number sequences in the order in which they come."""
    columns = [joined.texts(name) for name in options.keys]
    combined = columns[0].code
    for each in columns[1:]:
        combined = np.where((combined < 0) | (each.code < 0), ABSENT, combined * len(each.names) + each.code)
    changes = np.flatnonzero(
        np.diff(combined, prepend=ABSENT - 1)
    )  # rows of a sequence stand together, most often
    unique, first, inverse = np.unique(combined[changes], return_index=True, return_inverse=True)
    there = np.flatnonzero(unique != ABSENT)
    in_order = there[np.argsort(first[there])]
    number = np.full(len(unique), ABSENT)
    number[in_order] = np.arange(len(in_order))
    ids = [
        "/".join(each.names[each.code[row]] for each in columns) for row in changes[first[in_order]].tolist()
    ]
    return Texts(np.repeat(number[inverse.reshape(-1)], np.diff(changes, append=len(combined))), ids)


def _times(joined: Joined, name: str) -> npt.NDArray[np.generic]:
    import pyarrow as pa

    column = joined.table.column(name)
    if column.null_count:
        row = int(np.flatnonzero(column.is_null().to_numpy())[0])
        raise DataError([Problem(joined.place(row), f"has nothing in `{name}`, by which rows are sorted")])
    if pa.types.is_temporal(column.type):
        return np.asarray(column.cast(pa.int32() if column.type.bit_width == 32 else pa.int64()).to_numpy())
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        return np.asarray(column.to_numpy())
    rule = (
        f"has `{column[0].as_py()}` in `{name}`, but a time must be a number or a time stamp such as 2024-01-31 12:00:00: "
        "leave `time` out where the rows are in order already"
    )
    raise DataError([Problem(joined.place(0), rule)])


def _cut(rows: Rows, label: Texts) -> Rows:
    """Begin a new sequence where the label changes."""
    changes = np.diff(rows.ordered(label.code), prepend=ABSENT - 1) != 0
    changes[rows.start] = True
    start = np.flatnonzero(changes)
    pieces = np.diff(np.searchsorted(start, rows.start), append=len(start)).tolist()
    ids = [
        f"{each}/{number}"
        for each, count in zip(rows.ids, pieces, strict=True)
        for number in range(1, count + 1)
    ]
    return replace(rows, start=start, ids=ids)


def _without_absent(collection: Collection) -> Collection:
    kept = [place for place, label in enumerate(collection.labels) if label]
    if len(kept) == len(collection):
        return collection
    note = f"{len(collection) - len(kept):,} piece(s) without a label are left out"
    return replace(collection.taken(kept), notes=(*collection.notes, note))


def _scattered(joined: Joined, rows: Rows, options: TableOptions) -> list[Problem]:
    """Find sequences in several files. One may go on in the next file; else each file seems to count its own."""
    rows_of = np.arange(rows.count) if rows.order is None else rows.order
    lowest, highest = np.minimum.reduceat(rows_of, rows.start), np.maximum.reduceat(rows_of, rows.start)
    file = joined.file_of_each()
    wrong = (file[lowest] != file[highest]) & (highest - lowest >= rows.ends() - rows.start)
    keys = ", ".join(f'"{each}"' for each in ("file", *options.keys))
    return [
        Problem(
            joined.place(int(highest[number])),
            f"is of the sequence `{rows.ids[number]}`, which also stands in {joined.files[file[lowest[number]]].where}: say "
            f"`sequence = [{keys}]` where each file counts its own, else put the rows of each sequence one below the other",
        )
        for number in np.flatnonzero(wrong).tolist()
    ]


def _constant(
    joined: Joined, rows: Rows, role: str, name: str, problems: list[Problem], *, may_be_absent: bool
) -> list[str]:
    """Read what each sequence has in a column, which must be there, and the same in all of its rows."""
    column = joined.texts(name)
    ordered = rows.ordered(column.code)
    first = ordered[rows.start]
    positions = np.flatnonzero(ordered != np.repeat(first, rows.ends() - rows.start))
    of, place = np.unique(np.searchsorted(rows.start, positions, side="right") - 1, return_index=True)
    names = [*(f"`{each}`" for each in column.names), "nothing"]
    for number, position in zip(of.tolist(), positions[place].tolist(), strict=True):
        rule = (
            f"has {names[ordered[position]]} in `{name}`, but its sequence `{rows.ids[number]}` began with "
            f"{names[first[number]]}, and must have one {role}: {TODO[role]}"
        )
        problems.append(Problem(joined.place(rows.row(position)), rule))
    found = column.cells(first)
    known = set(of.tolist())
    for number, text in enumerate(found):
        is_part = role != "split" or text.lower() in PART_NAMES
        if (is_part and (text or may_be_absent)) or number in known:
            continue
        rule = f"has nothing in `{name}`, but its sequence must have one {role}"
        if text:
            rule = f"has `{text}` in `{name}`, but a split must be one of {', '.join(PART_NAMES)}"
        problems.append(Problem(joined.place(rows.row(int(rows.start[number]))), rule))
    return found
