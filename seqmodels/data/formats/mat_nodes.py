"""What a MATLAB or HDF5 file holds, as one small tree: arrays, texts, cells, structs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
import numpy.typing as npt

from seqsweep.seqmodels.data.formats.mat_scan import MatError, scan

Numbers = npt.NDArray[Any]


@dataclass(frozen=True)
class Text:
    """A char array: its rows."""

    rows: tuple[str, ...]


@dataclass(frozen=True)
class Refused:
    """What cannot be read, and why."""

    why: str


@dataclass(frozen=True, eq=False)
class Cell:
    """A cell array, in MATLAB's order."""

    items: Sequence[Node]


@dataclass(frozen=True, eq=False)
class Struct:
    """A struct array: of each field the values of all elements. `axis`: along which sequences lie in an array of three."""

    fields: Mapping[str, Sequence[Node]]
    count: int
    axis: int = 3


Node = Numbers | Text | Refused | Cell | Struct


def read_matlab(content: bytes) -> Struct:
    """Read the variables of a file of version 4 to 7.2. Raises MatError."""
    from scipy.io import loadmat

    plain, variables = scan(content)
    wanted = [each.name for each in variables if each.name and not each.refused]
    try:
        # its stubs know of paths only
        arrays = loadmat(BytesIO(plain), variable_names=wanted) if wanted else {}  # type: ignore[arg-type]
    except Exception as error:  # whatever scipy meets in a damaged file; scan bounds its memory
        raise MatError(f"is damaged: {error}") from None
    found: dict[str, Sequence[Node]] = {
        each.name: [
            Refused(each.refused) if each.refused or each.name not in arrays else _node(arrays[each.name])
        ]
        for each in variables
        if each.name
    }
    return Struct(found, 1)


def _node(value: Any) -> Node:
    if type(value) is not np.ndarray:  # scipy has subclasses for objects and functions
        return Refused("a sparse matrix, an object or a function")
    if value.dtype.names is not None:
        return Struct(
            {name: [_node(each) for each in value[name].ravel("F")] for name in value.dtype.names}, value.size
        )
    if value.dtype == object:
        return Cell([_node(each) for each in value.ravel("F")])
    if value.dtype.kind == "U":
        return Text(tuple(str(each).strip() for each in value.ravel("F")))
    if value.dtype.kind not in "iufb":
        return Refused("complex numbers" if value.dtype.kind == "c" else f"of type {value.dtype}")
    return value if value.dtype.kind != "b" else value.astype(np.uint8)


@dataclass(frozen=True, eq=False)
class Column:
    """What a path leads to: `nodes`, one or several; `single` where it is one value, not one for each element."""

    path: str
    nodes: Sequence[Node]
    single: bool


def columns(root: Struct) -> Iterator[Column]:
    """Go through all that has a path: variables, fields of structs, fields of structs in cells."""
    for name, nodes in root.fields.items():
        yield from _below(Column(name, nodes, True))


def _below(column: Column) -> Iterator[Column]:
    nodes, single = column.nodes, column.single
    if single and len(nodes) == 1 and isinstance(nodes[0], Cell):
        yield from _below(Column(column.path, nodes[0].items, False))
        return
    if single and len(nodes) == 1 and isinstance(nodes[0], Struct):
        node = nodes[0]
        for name, values in node.fields.items():
            yield from _below(Column(f"{column.path}.{name}", values, node.count == 1))
        return
    structs = [each for each in nodes if isinstance(each, Struct) and each.count == 1]
    if nodes and len(structs) == len(nodes):
        for name in structs[0].fields:
            if all(name in each.fields for each in structs):
                yield from _below(
                    Column(f"{column.path}.{name}", [each.fields[name][0] for each in structs], False)
                )
        return
    yield column
