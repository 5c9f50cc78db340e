"""Numbers as they are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from seqsweep.seqmodels.data.transforms.base import Array, Graph, Record, Transform

if TYPE_CHECKING:
    from torch import Tensor


def unscaled_in_torch(values: Tensor, inside: Tensor, numbers: Mapping[str, Tensor]) -> Tensor:
    """Leave raw numbers as they are."""
    return values


class Unscaled(Transform):
    """Nothing is done."""

    kind = "none"
    words = "Nothing is done to them."
    in_torch = staticmethod(unscaled_in_torch)

    def fit(self, train: Sequence[Array]) -> tuple[dict[str, Any], tuple[str, ...]]:
        """Learn nothing."""
        return {}, ()

    def apply(self, sequence: Array, record: Record) -> Array:
        """Return `sequence`."""
        return sequence

    def in_onnx(self, graph: Graph, record: Record, values: str, inside: str) -> str:
        """Add nothing."""
        return values


UNSCALED = Unscaled()
