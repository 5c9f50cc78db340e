"""What is done to raw numbers before a model sees them: each way is a file over this base, and a line in `registry`.

A *normalization* is a JSON-able record of it: `{"kind": "none"}`, `{"kind": "per_sequence_minmax"}` or
`{"kind": "standardize", "mean": [...], "std": [...]}` with a number for each feature.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from seqsweep.seqmodels.data.errors import DataError, Problem

if TYPE_CHECKING:
    from torch import Tensor

    InTorch = Callable[[Tensor, Tensor, Mapping[str, Tensor]], Tensor]

Array = npt.NDArray[np.float64]
Record = Mapping[str, Any]
TOO_FAR = "is so far from the training values that it cannot be standardised in float32"


@runtime_checkable  # for the checks of a test run
class Graph(Protocol):
    """An ONNX graph that is being made; a value is known by its name."""

    def node(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Add a node of one output; its name."""

    def constant(self, name: str, array: npt.NDArray[Any]) -> str:
        """Add a constant; its name."""


class Transform(ABC):
    """A way to bring sequences [T, D] to a common scale.

    A trained model is exported with its transform in it, so one has twins in torch and in ONNX; without them export refuses.
    """

    kind: ClassVar[str]
    """How the record names it."""
    words: ClassVar[str]
    """A sentence for the model card."""
    numbers: ClassVar[tuple[str, ...]] = ()
    """Entries of the record that are a number a feature."""
    in_torch: InTorch | None = None
    """The twin: raw values [B, T, D] float64, which steps are inside [B, T, 1], the record's `numbers`; to values at scale.

    Its text becomes a part of the exported `model.py`, so it uses nothing but its arguments and torch, which it imports.
    """

    @abstractmethod
    def fit(self, train: Sequence[Array]) -> tuple[dict[str, Any], tuple[str, ...]]:
        """Learn from the training sequences what the record says besides its kind, and notes for the user."""

    @abstractmethod
    def apply(self, sequence: Array, record: Record) -> Array:
        """Bring one raw sequence to scale, in float64: the same bits in training and in use."""

    def in_onnx(self, graph: Graph, record: Record, values: str, inside: str) -> str:
        """Add the twin to a graph of `values` [batch, length, D] and `inside` [batch, length, 1]; the name of its output."""
        raise NotImplementedError

    def check(self, record: Record, features: int) -> None:
        """Raise ValueError where a record that somebody else wrote is none of this transform's."""
        for name in self.numbers:
            values = record.get(name)
            sound = isinstance(values, list) and all(type(each) in (int, float) for each in values)
            if not sound or not all(map(_finite, values or [])) or len(values or []) != features:
                raise ValueError(
                    f"`normalization.{name}` must be {features} finite numbers, one for each feature"
                )

    def is_far(self, tokens: npt.NDArray[np.float32]) -> bool:
        """Tell whether a value at scale is like nothing in training, as far as the scale itself shows it."""
        return False

    def typical(self, record: Record) -> tuple[Array, Array]:
        """Give mean and deviation of numbers as the raw ones are, to try a model with."""
        return np.array(0.0), np.array(1.0)

    @property
    def exportable(self) -> bool:
        """Whether it has both twins."""
        return self.in_torch is not None and type(self).in_onnx is not Transform.in_onnx

    def fit_apply(
        self, sequences: Sequence[Array], is_held_out: Sequence[bool], name: str
    ) -> tuple[list[Array], dict[str, Any], tuple[str, ...]]:
        """Fit on what is not held out and apply to all: sequences, their normalization, notes.

        Raises DataError of data set `name` when a held out value ends up outside float32.
        """
        found, notes = self.fit([each for each, held in zip(sequences, is_held_out, strict=True) if not held])
        record = {"kind": self.kind, **found}
        scaled = [self.apply(sequence, record) for sequence in sequences]
        if not all(map(fits_float32, scaled)):
            raise DataError([Problem(name, f"a validation or test value {TOO_FAR}")])
        return scaled, record, notes


def _finite(value: float | int) -> bool:
    return abs(value) <= sys.float_info.max  # an int may be larger


def fits_float32(sequence: Array) -> bool:
    """Whether no value leaves the range of float32."""
    return bool(np.abs(sequence).max() <= np.finfo(np.float32).max)
