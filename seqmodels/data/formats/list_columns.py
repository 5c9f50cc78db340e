"""A table with a row a sequence, whose numbers are lists: one column of rows of numbers, or a column of numbers for each feature.

Sequences are views of Arrow's buffers where none of their numbers is missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from seqsweep.seqmodels.data.collection import Collection, Values
from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.formats.columns import list_depth
from seqsweep.seqmodels.data.formats.joined import Joined
from seqsweep.seqmodels.data.formats.per_file import PART_NAMES
from seqsweep.seqmodels.data.formats.table_options import TableOptions

if TYPE_CHECKING:
    import pyarrow as pa

NAMES = b"seqsweep.features"
"""The key of a schema's metadata under which names of features stand, a JSON list."""


def gather_lists(joined: Joined, options: TableOptions, *, labelled: bool = True) -> Collection:
    """Make sequences of a table; without labels where it is not `labelled`. Raises DataError with all that is wrong."""
    problems: list[Problem] = []
    sequences, width = sequences_of(joined, options.features or [], problems)
    roles = {"label": options.label if labelled else None, "group": options.group, "split": options.split}
    found = {role: _cells(joined, role, name, problems) for role, name in roles.items() if name is not None}
    places = [each.place(row) for each in joined.files for row in range(each.table.num_rows)]
    ids = _ids(joined, options, places)
    if problems:
        raise DataError(problems)
    return Collection(
        sequences,
        found.get("label", [""] * joined.count),
        ids,
        places,
        [PART_NAMES.get(each.lower()) for each in found.get("split", [""] * joined.count)],
        found.get("group"),
        _names(joined, options, width),
        joined.notes,
    )


def sequences_of(
    joined: Joined, features: Sequence[str], problems: list[Problem]
) -> tuple[list[Values], int]:
    """Give each row's numbers [T, D], and D. What is wrong is added to `problems`."""
    if len(features) == 1 and list_depth(joined.table.schema.field(features[0]).type) == 2:
        found = list(_of_rows(joined, features[0], problems))
    else:
        found = list(_of_columns(joined, features, problems))
    return found, next((each.shape[1] for each in found if len(each)), 0)


def _of_rows(joined: Joined, name: str, problems: list[Problem]) -> Iterator[Values]:
    """Read a column whose lists are time steps, which are lists of numbers."""
    row = 0
    for chunk in joined.table.column(name).chunks:
        lengths, steps = _opened(chunk)
        widths, flat = _opened(steps)
        numbers = _numbers(flat)
        missing = chunk.is_null().to_numpy(zero_copy_only=False)
        start = np.concatenate(([0], np.cumsum(lengths)))
        if len(widths) and widths[0] and (widths == widths[0]).all() and lengths.all():  # of a missing one 0
            whole = numbers.reshape(-1, int(widths[0]))
            yield from map(whole.__getitem__, map(slice, start[:-1].tolist(), start[1:].tolist()))
            row += len(chunk)
            continue
        first = np.concatenate(([0], np.cumsum(widths)))
        usual = int(widths[0]) if len(widths) else 0
        if usual and (widths == usual).all() and lengths.all() and not missing.any():  # as nearly always
            steps_of = numbers.reshape(-1, usual)
            yield from map(steps_of.__getitem__, map(slice, start[:-1].tolist(), start[1:].tolist()))
            row += len(chunk)
            continue
        for place in range(len(chunk)):
            begin, end = int(start[place]), int(start[place + 1])
            inside = widths[begin:end]
            width = int(inside[0]) if len(inside) else 0
            if missing[place]:
                problems.append(Problem(joined.place(row), f"has nothing in `{name}`, but must have a list"))
            elif not width or (inside != width).any():
                step = int(np.flatnonzero(inside != width)[0]) if (inside != width).any() else 0
                rule = (
                    f"has {int(inside[step])} numbers in step {step + 1}" if len(inside) else "has no steps"
                )
                more = f", but {width} in step 1" if step else ", but must have at least 1"
                problems.append(Problem(joined.place(row), f"`{name}` {rule}{more}"))
            if (inside == width).all():
                yield numbers[first[begin] : first[begin] + len(inside) * width].reshape(len(inside), width)
            else:
                yield np.empty((0, width))
            row += 1


def _of_columns(joined: Joined, names: Sequence[str], problems: list[Problem]) -> Iterator[Values]:
    """Read columns of lists of numbers, a column a feature."""
    columns = [list(_of_column(joined, name, problems)) for name in names]
    for row, parts in enumerate(zip(*columns, strict=True)):
        lengths = [len(part) for part in parts]
        if len(set(lengths)) > 1:
            other = next(place for place, length in enumerate(lengths) if length != lengths[0])
            rule = f"has {lengths[other]} numbers in `{names[other]}`, but {lengths[0]} in `{names[0]}`"
            problems.append(Problem(joined.place(row), rule))
            yield np.empty((0, len(names)))
        elif not lengths[0]:
            problems.append(
                Problem(joined.place(row), f"has no numbers in `{names[0]}`, but must have at least 1")
            )
            yield np.empty((0, len(names)))
        else:
            yield parts[0].reshape(-1, 1) if len(parts) == 1 else np.stack(parts, axis=1)


def _of_column(joined: Joined, name: str, problems: list[Problem]) -> Iterator[Values]:
    row = 0
    for chunk in joined.table.column(name).chunks:
        lengths, flat = _opened(chunk)
        numbers = _numbers(flat)
        missing = chunk.is_null().to_numpy(zero_copy_only=False)
        start = np.concatenate(([0], np.cumsum(lengths)))
        for place in range(len(chunk)):
            if missing[place]:
                problems.append(Problem(joined.place(row), f"has nothing in `{name}`, but must have a list"))
            yield numbers[start[place] : start[place + 1]]
            row += 1


def _opened(array: pa.Array) -> tuple[npt.NDArray[np.int64], pa.Array]:
    """Give the length of each list (0 of a missing one), and what is in all of them."""
    import pyarrow.compute as pc

    lengths = pc.list_value_length(array).fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64)
    return lengths, array.flatten()


def _numbers(flat: pa.Array) -> Values:
    import pyarrow as pa

    if pa.types.is_boolean(flat.type) or pa.types.is_decimal(flat.type):
        flat = flat.cast(pa.float64())
    return np.asarray(flat.to_numpy(zero_copy_only=False))


def _cells(joined: Joined, role: str, name: str, problems: list[Problem]) -> list[str]:
    found = joined.texts(name).cells()
    for row, text in enumerate(found):
        if role == "split":
            if text and text.lower() not in PART_NAMES:
                rule = f"has `{text}` in `{name}`, but a split must be one of {', '.join(PART_NAMES)}"
                problems.append(Problem(joined.place(row), rule))
        elif not text:
            problems.append(Problem(joined.place(row), f"has nothing in `{name}`, but must have a {role}"))
    return found


def _ids(joined: Joined, options: TableOptions, places: Sequence[str]) -> list[str]:
    """Name each row by its id, else by its number, below its file where there are several."""
    if options.sequence is not None and options.keys != ["file"]:
        columns = [joined.texts(name).cells() for name in options.keys]
        return ["/".join(row) for row in zip(*columns, strict=True)]
    return [
        f"{each.inner}/{row + 1}" if len(joined.files) > 1 else str(row + 1)
        for each in joined.files
        for row in range(each.table.num_rows)
    ]


def _names(joined: Joined, options: TableOptions, width: int) -> tuple[str, ...]:
    import json

    features = options.features or []
    if len(features) > 1 or list_depth(joined.table.schema.field(features[0]).type) == 1:
        return tuple(features)
    try:
        names = json.loads((joined.table.schema.metadata or {}).get(NAMES, b"[]"))
    except (ValueError, RecursionError):
        return ()
    good = isinstance(names, list) and len(names) == width and all(isinstance(each, str) for each in names)
    return tuple(names) if good else ()
