"""What an architecture is in the tables, each thing once: its columns, its type of row, its label."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

Lane = Mapping[str, Any]
NAME = pa.dictionary(pa.int32(), pa.string())
COLUMNS = {
    "cell": NAME,
    "layers": pa.int32(),
    "hidden": pa.int32(),
    "bidirectional": pa.bool_(),
    "readout": NAME,
    "head_hidden": pa.int32(),
    "batch_size": pa.int32(),
}
ARCHITECTURE = tuple(COLUMNS)
NETWORK = tuple(name for name in COLUMNS if name != "batch_size")
"""What the model itself is built from."""


def architecture_extras(row: Lane) -> str:
    """Say what is not default about an architecture: "bi last+max head 64", or nothing."""
    parts = ["bi"] if row["bidirectional"] else []
    parts += [row["readout"]] if row["readout"] != "last" else []
    parts += [f"head {row['head_hidden']}"] if row["head_hidden"] else []
    return " ".join(parts)


def architecture_label(row: Lane) -> str:
    """Name an architecture: "lstm x 2 x 100 bi last+max", cell x layers x hidden and what is not default."""
    return f"{row['cell']} x {row['layers']} x {row['hidden']} {architecture_extras(row)}".rstrip()
