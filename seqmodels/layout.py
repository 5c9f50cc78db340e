"""Names and places of a lane's parameters in its row of `params [K, P]`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from seqsweep.seqmodels.architecture import Architecture
from seqsweep.seqmodels.cells import RECURRENT_CELLS

# Every slice starts at a multiple of 64 bytes (float32), and so does every row: matrix products give the same bits for a
# lane wherever its row lies, and vector kernels load aligned.
ALIGNMENT = 16


@dataclass(frozen=True)
class Slice:
    """One parameter: `row[offset : offset + size]` seen as `shape`.

    Args:
        name: as in `layer0.weight_hh` or `layer0.reverse.weight_hh`.
        torch_name: as in the state dict of a module with an `rnn` and a `head`.
        bound: initial values are uniform in [-bound, bound), torch.nn's default.
    """

    name: str
    torch_name: str
    offset: int
    shape: tuple[int, ...]
    bound: float

    @property
    def size(self) -> int:
        """Count the values."""
        return math.prod(self.shape)


class Layout:
    """Says where each parameter of an architecture lies in a row of length `width`.

    Args:
        architecture: what to lay out.
        features: input features D.
        classes: output classes C.
    """

    def __init__(self, architecture: Architecture, features: int, classes: int) -> None:
        self.architecture = architecture
        self.features = features
        self.classes = classes
        self.slices: dict[str, Slice] = {}
        self.width = 0
        cell = RECURRENT_CELLS[architecture.cell]
        hidden_bound = 1 / math.sqrt(architecture.hidden)
        inputs = features
        for layer in range(architecture.layers):
            for direction in range(architecture.directions):
                prefix, suffix = direction_names(layer, direction)
                for part, shape in cell.parameter_shapes(inputs, architecture.hidden).items():
                    self._add(f"{prefix}.{part}", f"rnn.{part}_{suffix}", shape, hidden_bound)
            inputs = architecture.hidden * architecture.directions
        inputs = architecture.readout_features
        if architecture.head_hidden:
            self._add_linear("head.hidden", "head.0", inputs, architecture.head_hidden)
            self._add_linear("head.out", "head.2", architecture.head_hidden, classes)
        else:
            self._add_linear("head.out", "head", inputs, classes)

    def _add_linear(self, name: str, torch_name: str, inputs: int, outputs: int) -> None:
        bound = 1 / math.sqrt(inputs)  # nn.Linear: kaiming_uniform_(a=sqrt(5)) is this bound
        self._add(f"{name}.weight", f"{torch_name}.weight", (outputs, inputs), bound)
        self._add(f"{name}.bias", f"{torch_name}.bias", (outputs,), bound)

    def _add(self, name: str, torch_name: str, shape: tuple[int, ...], bound: float) -> None:
        self.slices[name] = Slice(name, torch_name, self.width, shape, bound)
        self.width += -(-math.prod(shape) // ALIGNMENT) * ALIGNMENT

    @cached_property
    def offsets(self) -> NDArray[np.int64]:
        """Say where each parameter begins in a row, in the order of `slices`."""
        return np.array([part.offset for part in self.slices.values()])

    @property
    def parameter_count(self) -> int:
        """Count the trainable values, without the row's padding."""
        return sum(part.size for part in self.slices.values())

    def views(self, rows: Float[Tensor, "K P"]) -> dict[str, Tensor]:
        """Give each parameter of all lanes, `[K, *shape]`, sharing memory with `rows`."""
        return {
            name: rows[:, part.offset : part.offset + part.size].view(-1, *part.shape)
            for name, part in self.slices.items()
        }

    def state_dict(self, row: Float[Tensor, "P"]) -> dict[str, Tensor]:
        """Copy one lane's parameters under their `torch.nn` names."""
        return {
            part.torch_name: row[part.offset : part.offset + part.size].reshape(part.shape).clone()
            for part in self.slices.values()
        }


def direction_names(layer: int, direction: int) -> tuple[str, str]:
    """Give our prefix and torch's suffix of one direction of one layer: `layer1.reverse`, `l1_reverse`."""
    return (f"layer{layer}.reverse", f"l{layer}_reverse") if direction else (f"layer{layer}", f"l{layer}")
