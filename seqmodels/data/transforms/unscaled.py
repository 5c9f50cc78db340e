"""Numbers as they are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from seqsweep.seqmodels.data.transforms.base import Array, Graph, Learnt, Names, Record, Transform

if TYPE_CHECKING:
    from torch import Tensor


def unscaled_in_torch(values: Tensor, lengths: Tensor, record: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
    """Leave raw numbers as they are."""
    return values, lengths


class Unscaled(Transform):
    """Nothing is done."""

    kind = "none"
    words = "Nothing is done to them."
    in_torch = staticmethod(unscaled_in_torch)

    def fit(self, train: Sequence[Array], names: Names) -> Learnt:
        """Learn nothing."""
        return {}, ()

    def apply(self, sequence: Array, record: Record) -> Array:
        """Return `sequence`."""
        return sequence

    def in_onnx(self, graph: Graph, record: Record, values: str, lengths: str) -> tuple[str, str]:
        """Add nothing."""
        return values, lengths


UNSCALED = Unscaled()
