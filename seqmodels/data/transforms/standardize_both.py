"""Each feature twice: standardised by the training part, and beside it by its own sequence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from seqsweep.seqmodels.data.transforms.base import Array, Graph, Names, Record
from seqsweep.seqmodels.data.transforms.standardize import Standardize
from seqsweep.seqmodels.data.transforms.standardize_sequence import standardized, standardized_in_onnx

if TYPE_CHECKING:
    from torch import Tensor


def standardize_both_in_torch(
    values: Tensor, lengths: Tensor, record: Mapping[str, Any]
) -> tuple[Tensor, Tensor]:
    """Standardise by the training part, and beside it by each sequence's own numbers, where a constant column becomes 0."""
    import torch

    inside = (torch.arange(values.shape[1], device=values.device) < lengths[:, None])[..., None]
    low = torch.where(inside, values, torch.inf).amin(1, keepdim=True)
    high = torch.where(inside, values, -torch.inf).amax(1, keepdim=True)
    flat = high - low <= 1e-12 * torch.maximum(low.abs(), high.abs())
    steps = lengths[:, None, None]
    apart = values - torch.where(inside, values, 0.0).sum(1, keepdim=True) / steps
    deviation = (torch.where(inside, apart * apart, 0.0).sum(1, keepdim=True) / steps).sqrt()
    own = apart / torch.where(flat, torch.inf, deviation)
    return torch.cat([(values - record["mean"]) / record["std"], own], 2), lengths


class StandardizeBoth(Standardize):
    """What a sequence's level says is in the first half, its shape, whatever the level, in the second."""

    kind = "standardize_both"
    words = (
        "Each feature is standardised by the training part's `mean` and `std`, and once more by its own sequence's (a constant "
        "one becomes 0)."
    )
    in_torch = staticmethod(standardize_both_in_torch)

    def apply(self, sequence: Array, record: Record) -> Array:
        """Standardise twice."""
        return np.concatenate([super().apply(sequence, record), standardized(sequence)], axis=1)

    def features(self, names: Names, record: Record) -> Names:
        """Name the second half."""
        return (*names, *(f"{name} in its sequence" for name in names))

    def width(self, features: int, record: Record) -> int:
        """Count both halves."""
        return 2 * features

    def in_onnx(self, graph: Graph, record: Record, values: str, lengths: str) -> tuple[str, str]:
        """Add the same to a graph."""
        one, _ = super().in_onnx(graph, record, values, lengths)
        return graph.node("Concat", one, standardized_in_onnx(graph, values, lengths), axis=2), lengths
