"""What an architecture is in the tables, each axis once: its column, its rule, its part of the label."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Annotated, Any, get_type_hints

import pyarrow as pa

Lane = Mapping[str, Any]
NAME = pa.dictionary(pa.int32(), pa.string())


@dataclass(frozen=True)
class Axis:
    """An axis as a column.

    Args:
        kind: its type in the tables.
        least: the least value, of whole numbers.
        extra: what is said of a value that is not the default; None for those that every label says.
        before: what all models were before there was this axis, if that was after the first stores: they lack the column.
    """

    kind: pa.DataType
    least: int | None = None
    extra: Callable[[Any], str] | None = None
    before: Any = None


@dataclass(frozen=True)
class ArchitectureRow:
    """What changes tensor shapes, and the batch size: columns of every table, fields of what is told of a trial."""

    cell: Annotated[str, Axis(NAME)]
    layers: Annotated[int, Axis(pa.int32(), least=1)]
    hidden: Annotated[int, Axis(pa.int32(), least=1)]
    bidirectional: Annotated[bool, Axis(pa.bool_(), extra=lambda both: "bi" if both else "")]
    readout: Annotated[str, Axis(NAME, extra=lambda name: name if name != "last" else "")]
    head_hidden: Annotated[
        int, Axis(pa.int32(), least=0, extra=lambda units: f"head {units}" if units else "")
    ]
    batch_size: Annotated[int, Axis(pa.int32(), least=1)]


_HINTS = get_type_hints(ArchitectureRow, include_extras=True)
AXES: dict[str, Axis] = {each.name: _HINTS[each.name].__metadata__[0] for each in fields(ArchitectureRow)}
COLUMNS = {name: axis.kind for name, axis in AXES.items()}
LEAST = {name: axis.least for name, axis in AXES.items() if axis.least is not None}
BEFORE = {name: axis.before for name, axis in AXES.items() if axis.before is not None}
ARCHITECTURE = tuple(AXES)
NETWORK = tuple(name for name in AXES if name != "batch_size")
"""What the model itself is built from."""


def architecture_extras(row: Lane) -> str:
    """Say what is not default about an architecture: "bi last+max head 64", or nothing."""
    parts = [axis.extra(row[name]) for name, axis in AXES.items() if axis.extra]
    return " ".join(part for part in parts if part)


def architecture_label(row: Lane) -> str:
    """Name an architecture: "lstm x 2 x 100 bi last+max", cell x layers x hidden and what is not default."""
    return f"{row['cell']} x {row['layers']} x {row['hidden']} {architecture_extras(row)}".rstrip()
