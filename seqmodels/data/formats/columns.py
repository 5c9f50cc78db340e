"""Which column of a table is what: by the names that people give, else by what stands in them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from seqsweep.seqmodels.data.formats.delimited import TIME, may_count_rows
from seqsweep.seqmodels.data.formats.per_file import PART_NAMES

if TYPE_CHECKING:
    import pyarrow as pa

SEQUENCE = re.compile(
    r"(sequence|seq|series|time_?series|case|sample|recording|record|trial|utterance|utt|segment|window|example|instance|stroke|rec"
    r"|measurement|session|file)([_ .]?(id|idx|index|no|nr|num|number|name))?|id|uid|uuid|key|dim_0_id|unique_id|file_?path|path",
    re.IGNORECASE,
)
LABEL = re.compile(
    r"label|labels|class|classes|class_?(id|name|label)|label_?(id|name)?|target|targets|y|category|gesture|activity|word|digit"
    r"|phoneme|intent|outcome|condition|diagnosis|sentiment|state|species|surface|emotion",
    re.IGNORECASE,
)
GROUP = re.compile(
    r"(group|subject|speaker|user|person|patient|participant|writer|signer|session|individual|animal|volunteer|actor|client|author)"
    r"s?([_ .]?(id|idx|no|nr|num|number|name))?|name",
    re.IGNORECASE,
)
SPLIT = re.compile(r"split|part|partition|subset|set|fold_?name|usage|train_?test", re.IGNORECASE)
ABSENT = -1


@dataclass(frozen=True, eq=False)
class Texts:
    """A column as texts: `code` [N] is the place in `names`, or ABSENT."""

    code: npt.NDArray[np.int64]
    names: list[str]

    def cells(self, code: npt.NDArray[np.int64] | None = None) -> list[str]:
        """Give the text of each row, or of each `code`; empty where there is none."""
        names = [*self.names, ""]
        return [names[each] for each in (self.code if code is None else code).tolist()]


def texts_of(column: pa.ChunkedArray, names: Sequence[str] = ()) -> Texts:
    """Give each value of a column as text, without one for each row. `names` are those of the numbers 0, 1, ..."""
    import pyarrow as pa

    pieces, repeated = _runs(column if isinstance(column, pa.ChunkedArray) else pa.chunked_array([column]))
    whole = pieces if pa.types.is_dictionary(pieces.type) else pieces.dictionary_encode()
    codes = whole.indices.fill_null(ABSENT).to_numpy(zero_copy_only=False).astype(np.int64)
    values = whole.dictionary.to_pylist()
    found = [_text(value, names) for value in values]
    # two spellings of one, or dictionaries with what is absent
    unique = list(dict.fromkeys(each for each in found if each is not None))
    place = {each: number for number, each in enumerate(unique)}
    meaning = np.array([ABSENT if each is None else place[each] for each in found] + [ABSENT], np.int64)
    return Texts(np.repeat(meaning[codes], repeated), unique)


def _runs(column: pa.ChunkedArray) -> tuple[pa.Array, npt.NDArray[np.int64]]:
    """Give the values of a column, of equal neighbours the first, and how often each is repeated there.

    What names sequences stands in many rows one below the other, and runs of it are found sooner than the rows' texts.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        runs = [pc.run_end_encode(chunk, run_end_type=pa.int64()) for chunk in column.chunks if len(chunk)]
    except pa.ArrowNotImplementedError:  # of this type
        whole = column.combine_chunks()
        whole = pa.concat_arrays(whole.chunks) if isinstance(whole, pa.ChunkedArray) else whole
        return whole, np.ones(len(whole), np.int64)
    lengths = [np.diff(each.run_ends.to_numpy(), prepend=0) for each in runs]
    values = pa.concat_arrays([each.values for each in runs]) if runs else pa.array([], column.type)
    return values, np.concatenate(lengths) if lengths else np.zeros(0, np.int64)


def _text(value: Any, names: Sequence[str]) -> str | None:
    if value is None or value != value:
        return None
    if isinstance(value, bytes):
        value = value.decode("utf-8", "backslashreplace")
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        value = int(value)
    if names and isinstance(value, int):
        value = names[value] if 0 <= value < len(names) else ""
    text = str(value).strip()
    return text or None


def is_numeric(kind: pa.DataType) -> bool:
    """Tell whether a column of that type may be a feature."""
    import pyarrow as pa

    types = pa.types
    return bool(
        types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind) or types.is_decimal(kind)
    )


def may_name(kind: pa.DataType) -> bool:
    """Tell whether what stands in a column of that type can be a name: it is one text, number or time."""
    import pyarrow as pa

    return not (pa.types.is_nested(kind) or pa.types.is_null(kind))


def list_depth(kind: pa.DataType) -> int:
    """Count the lists around numbers: 0 of plain numbers, -1 of anything else."""
    import pyarrow as pa

    depth = 0
    while pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        depth, kind = depth + 1, kind.value_type
    return depth if is_numeric(kind) else -1


def row_numbers(table: pa.Table) -> list[str]:
    """Find columns that count rows, as pandas and R write them."""
    import pyarrow as pa

    found = []
    for place, name in enumerate(table.column_names):
        column = table.column(name)
        if may_count_rows(name, place) and pa.types.is_integer(column.type) and not column.null_count:
            values = column.to_numpy()
            if len(values) < 2 or (np.diff(values) == 1).all():
                found.append(name)
        elif name == "__index_level_0__":
            found.append(name)
    return found


def time_column(table: pa.Table, taken: Sequence[str]) -> str | None:
    """Find the column that tells when a row was measured: of that name, and a number or a time stamp."""
    import pyarrow as pa

    for name in table.column_names:
        kind = table.schema.field(name).type
        # a time of day begins again every day
        stamped = pa.types.is_temporal(kind) and not pa.types.is_time(kind)
        if name not in taken and (stamped or (TIME.fullmatch(name.strip()) and is_numeric(kind))):
            return str(name)
    return None


def is_split(column: pa.ChunkedArray) -> bool:
    """Tell whether all that stands in a column names parts."""
    names = texts_of(column).names
    return 1 <= len(names) <= len(PART_NAMES) and all(name.lower() in PART_NAMES for name in names)


def candidates(table: pa.Table, taken: Sequence[str]) -> Iterator[tuple[str, Texts]]:
    """Give the columns that may name something: texts and whole numbers that come again."""
    import pyarrow as pa

    for name in table.column_names:
        kind = table.schema.field(name).type
        plain = pa.types.is_integer(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind)
        if name in taken or not (plain or pa.types.is_dictionary(kind) or pa.types.is_binary(kind)):
            continue
        texts = texts_of(table.column(name))
        if 2 <= len(texts.names) <= max(2, table.num_rows // 2):
            yield name, texts


def is_constant(inner: Texts, outer: Texts) -> bool:
    """Tell whether `inner` has one value for each of `outer`."""
    pairs = np.unique((inner.code + 1) * (len(outer.names) + 2) + outer.code)
    return len(pairs) == len(np.unique(outer.code))


def structural(table: pa.Table, taken: Sequence[str]) -> list[tuple[str, str]]:
    """Find pairs of columns that can be a sequence's id and its label: there are fewer labels, and each id has one."""
    found = list(candidates(table, taken))[:12]
    return [
        (one, other)
        for (one, ids), (other, labels) in permutations(found, 2)
        if 2 <= len(labels.names) < len(ids.names) and is_constant(labels, ids)
    ]
