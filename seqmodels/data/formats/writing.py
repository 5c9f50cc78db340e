"""Write what was read as a Parquet file with a row a sequence, which the format `table` reads back bit for bit."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from seqsweep.seqmodels.data.collection import Collection, Values
from seqsweep.seqmodels.data.formats.list_columns import NAMES
from seqsweep.seqmodels.data.formats.table_roles import ROLES

if TYPE_CHECKING:
    import pyarrow as pa

VALUES_AT_ONCE = 1 << 24
"""Numbers in a row group: 128 MB of float64."""
NARROW = ("float32", "float16", "int8", "uint8", "int16", "uint16", "bool")


def write_parquet(collection: Collection, path: Path) -> None:
    """Write columns `id`, `label`, `split` and `group` where they are known, and `values`, a list of lists of numbers.

    Numbers are float32 where that holds all of them, else float64. The file is whole or not there. Raises OSError.
    """
    from pyarrow import parquet

    schema = _schema(collection)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, fresh = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=path.suffix)
    os.close(descriptor)
    try:
        with parquet.ParquetWriter(fresh, schema, compression="zstd") as writer:
            for begin, end in _groups(collection.sequences):
                writer.write_table(_table(collection, begin, end, schema))
        os.replace(fresh, path)
    except BaseException:
        os.unlink(fresh)
        raise


def _schema(collection: Collection) -> pa.Schema:
    import pyarrow as pa

    narrow = all(each.dtype.name in NARROW for each in collection.sequences)
    columns = [("id", pa.string()), ("label", pa.string())]
    roles = {"sequence": "id", "label": "label", "features": ["values"]}
    if any(part is not None for part in collection.parts):
        columns.append(("split", pa.string()))
        roles["split"] = "split"
    if collection.groups is not None:
        columns.append(("group", pa.string()))
        roles["group"] = "group"
    columns.append(("values", pa.list_(pa.list_(pa.float32() if narrow else pa.float64()))))
    metadata = {NAMES: json.dumps(collection.features).encode(), ROLES: json.dumps(roles).encode()}
    return pa.schema(columns, metadata)


def _groups(sequences: Sequence[Values]) -> Iterator[tuple[int, int]]:
    begin = count = 0
    for place, sequence in enumerate(sequences):
        if count and count + sequence.size > VALUES_AT_ONCE:
            yield begin, place
            begin, count = place, 0
        count += sequence.size
    yield begin, len(sequences)


def _table(collection: Collection, begin: int, end: int, schema: pa.Schema) -> pa.Table:
    import pyarrow as pa

    sequences = collection.sequences[begin:end]
    kind = schema.field("values").type.value_type.value_type.to_pandas_dtype()
    flat = (
        np.concatenate([np.asarray(each, kind).reshape(-1) for each in sequences])
        if sequences
        else np.zeros(0, kind)
    )
    widths = [each.shape[1] for each in sequences for _ in range(len(each))]
    steps = pa.ListArray.from_arrays(_offsets(widths), pa.array(flat))
    values = pa.ListArray.from_arrays(_offsets([len(each) for each in sequences]), steps)
    columns = {
        "id": collection.ids,
        "label": collection.labels,
        "split": collection.parts,
        "group": collection.groups or (),
    }
    names = schema.names[:-1]
    return pa.table(
        [*(pa.array(columns[name][begin:end], pa.string()) for name in names), values], schema=schema
    )


def _offsets(lengths: Sequence[int]) -> pa.Array:
    import pyarrow as pa

    return pa.array(np.concatenate(([0], np.cumsum(lengths))).astype(np.int32))
