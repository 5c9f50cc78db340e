"""`[architecture]`: the axes of one table."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, PlainValidator

from seqsweep.seqmodels.architecture import READOUTS
from seqsweep.seqmodels.cells import CELLS
from seqsweep.sweeps.errors import did_you_mean
from seqsweep.sweeps.spec.fields import Axis, Section, must


def _cell(value: Any) -> str:
    if not isinstance(value, str) or value not in CELLS:
        raise must(f"one of {', '.join(CELLS)}{did_you_mean(value, CELLS)}")
    return value


def _readout(value: Any) -> tuple[str, ...]:
    parts = value.replace(" ", "").split("+") if isinstance(value, str) else []
    if not 1 <= len(parts) <= 2 or not set(parts) <= set(READOUTS) or len(set(parts)) < len(parts):
        unknown = next((part for part in parts if part not in READOUTS), None)
        words = f"one of {', '.join(READOUTS)}, or two of them joined, like last+max"
        raise must(words + did_you_mean(unknown, READOUTS))
    return tuple(sorted(parts, key=READOUTS.index))


class ArchitectureAxes(Section):
    """`[architecture]`: what changes tensor shapes, and the batch size; the cross product is trained.

    `docs/spec.md` has their descriptions and examples.
    """

    cell: Axis[Annotated[str, PlainValidator(_cell)]] = Field(
        description="the recurrent unit", examples=['cell = ["gru", "lstm"]']
    )
    layers: Axis[Annotated[int, Field(ge=1, le=64)]] = Field(
        (1,), description="recurrent layers, one above the other", examples=["layers = [1, 2]"]
    )
    hidden: Axis[Annotated[int, Field(ge=1, le=16384)]] = Field(
        (100,), description="units of a layer and direction", examples=["hidden = 100"]
    )
    bidirectional: Axis[bool] = Field(
        (False,),
        description="every layer reads the sequence from its end too",
        examples=["bidirectional = [false, true]"],
    )
    readout: Axis[Annotated[tuple[str, ...], PlainValidator(_readout)]] = Field(
        (("last",),),
        description="what the head sees of the top layer: its last step, the mean or the maximum over all steps",
        examples=['readout = ["last", "last+max"]'],
    )
    head_hidden: Axis[Annotated[int, Field(ge=0, le=16384)]] = Field(
        (0,),
        description="units of a tanh layer between readout and classes; 0: none",
        examples=["head_hidden = 64"],
    )
    batch_size: Axis[Annotated[int, Field(ge=1, le=1_000_000)]] = Field(
        (32,), description="sequences in a step", examples=["batch_size = 16"]
    )
