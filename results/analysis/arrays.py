"""Between pyarrow and numpy without pyarrow's own conversions, which import pandas: a third of a second."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def numbers(column: pa.ChunkedArray) -> np.ndarray:
    """Integers, floats or booleans (as bool) of a column without nulls; without a copy where it is one chunk."""
    if pa.types.is_boolean(column.type):
        return numbers(pc.cast(column, pa.uint8())).view(np.bool_)
    letter = (
        "f" if pa.types.is_floating(column.type) else "i" if pa.types.is_signed_integer(column.type) else "u"
    )
    kind = np.dtype(f"{letter}{column.type.bit_width // 8}")
    parts = [
        np.frombuffer(chunk.buffers()[1], dtype=kind)[chunk.offset : chunk.offset + len(chunk)]
        for chunk in column.chunks
        if len(chunk)
    ]
    return parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, dtype=kind), *parts])


def positions(index: np.ndarray) -> pa.Array:
    """Row numbers as `take` wants them."""
    buffer = pa.py_buffer(np.ascontiguousarray(index, dtype=np.int64))
    return pa.Array.from_buffers(pa.int64(), len(index), [None, buffer])


def names_equal(column: pa.ChunkedArray, name: str) -> np.ndarray:
    """Find where a column of names (a dictionary) holds `name`."""
    parts = [
        numbers(pa.chunked_array([chunk.indices])) == _code(chunk.dictionary.to_pylist(), name)
        for chunk in column.chunks
    ]
    return np.concatenate([np.empty(0, dtype=np.bool_), *parts])


def places_among(names: pa.ChunkedArray, classes: Sequence[str]) -> np.ndarray:
    """Places of the names in `classes`, int64 [R]; -1 where a name is none of them."""
    place = {name: number for number, name in enumerate(classes)}
    parts = []
    for chunk in names.chunks:
        places = np.array([place.get(name, -1) for name in chunk.dictionary.to_pylist()], dtype=np.int64)
        parts.append(places[numbers(pa.chunked_array([chunk.indices]))])
    return np.concatenate([np.empty(0, dtype=np.int64), *parts])


def _code(names: list[str], name: str) -> int:
    return names.index(name) if name in names else -1
