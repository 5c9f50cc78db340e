"""What changes tensor shapes: one architecture is one trial."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from seqsweep.seqmodels.cells import CELLS

READOUTS = ("last", "mean", "max")
READOUT_BITS = {name: 1 << place for place, name in enumerate(READOUTS)}
"""As the kernels have them: `Readout` in api.h and readout.cuh."""
LATER: Mapping[str, bool] = {"later": True}
"""Metadata of a field that came when there were sweeps already: at its default it is left out of a trial's id."""


@dataclass(frozen=True)
class Architecture:
    """A recurrent classifier up to its input size and number of classes.

    Args:
        cell: one of `CELLS`.
        layers: stacked recurrent layers, at least 1.
        hidden: units in each direction of each layer, at least 1.
        bidirectional: every layer also reads the sequence backwards; its output has `2 * hidden` features.
        readout: what summarises the top layer's steps: one or two of `READOUTS`, joined in their order there.
        head_hidden: units of a tanh layer between readout and classes; 0 leaves it out.

    Raises:
        ValueError: a field is out of its range.
    """

    cell: str
    layers: int
    hidden: int
    bidirectional: bool = False
    readout: tuple[str, ...] = ("last",)
    head_hidden: int = 0

    def __post_init__(self) -> None:
        if self.cell not in CELLS:
            raise ValueError(f"`cell` is {self.cell!r}, but must be one of {', '.join(CELLS)}")
        for name, least in (("layers", 1), ("hidden", 1), ("head_hidden", 0)):
            value = getattr(self, name)
            if value < least:
                raise ValueError(f"`{name}` is {value}, but must be at least {least}")
        if not 1 <= len(self.readout) <= 2 or not set(self.readout) <= set(READOUTS):
            raise ValueError(
                f"`readout` is {self.readout!r}, but must be one or two of {', '.join(READOUTS)}"
            )
        if tuple(sorted(set(self.readout), key=READOUTS.index)) != self.readout:
            raise ValueError(f"`readout` is {self.readout!r}, but must keep the order {', '.join(READOUTS)}")

    @property
    def directions(self) -> int:
        """Count the directions of a layer: 1, or 2 where every layer also reads backwards."""
        return 2 if self.bidirectional else 1

    @property
    def readout_features(self) -> int:
        """Count the features that reach the head."""
        return self.hidden * self.directions * len(self.readout)

    def record(self) -> dict[str, Any]:
        """Give the fields as the columns of a table have them: several names are one text, `last+max`."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {
            name: "+".join(value) if isinstance(value, tuple) else value for name, value in values.items()
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Architecture:
        """Read what `record` gives."""
        joined = {each.name for each in fields(cls) if isinstance(each.default, tuple)}
        values: dict[str, Any] = {
            name: tuple(value.split("+")) if name in joined else value for name, value in record.items()
        }
        return cls(**values)

    @property
    def label(self) -> str:
        """Name for people: `lstm x 2 x 100`, and whatever differs from the defaults."""
        parts = [f"{self.cell} x {self.layers} x {self.hidden}"]
        if self.bidirectional:
            parts.append("bi")
        if self.readout != ("last",):
            parts.append("+".join(self.readout))
        if self.head_hidden:
            parts.append(f"head {self.head_hidden}")
        return " ".join(parts)
