"""What a MATLAB or HDF5 file holds, as one small tree: arrays, texts, cells, structs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

Numbers = npt.NDArray[Any]


class MatError(ValueError):
    """A file is damaged, hostile, or no MAT file; the message says why."""


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
