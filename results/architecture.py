"""Rows of the `lanes` table, and what they are called."""

from collections.abc import Iterable, Mapping
from typing import Any

from seqsweep.results.schema import HYPERPARAMETERS

Lane = Mapping[str, Any]
ARCHITECTURE = ("cell", "layers", "hidden", "bidirectional", "readout", "head_hidden", "batch_size")


def architecture_extras(row: Lane) -> str:
    """What is not default about an architecture: "bi last+max head 64", or nothing."""
    parts = ["bi"] if row["bidirectional"] else []
    parts += [row["readout"]] if row["readout"] != "last" else []
    parts += [f"head {row['head_hidden']}"] if row["head_hidden"] else []
    return " ".join(parts)


def architecture_label(row: Lane) -> str:
    """ "lstm x 2 x 100 bi last+max": cell x layers x hidden and what is not default."""
    return f"{row['cell']} x {row['layers']} x {row['hidden']} {architecture_extras(row)}".rstrip()


def varying_hyperparameters(rows: Iterable[Lane]) -> tuple[str, ...]:
    """Hyperparameters that were searched: those with more than one value."""
    seen: dict[str, set[Any]] = {name: set() for name in HYPERPARAMETERS}
    for row in rows:
        for name, values in seen.items():
            values.add(row[name])
    return tuple(name for name, values in seen.items() if len(values) > 1)
