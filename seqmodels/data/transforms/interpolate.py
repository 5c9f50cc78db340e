"""Missing values filled from their neighbours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from seqsweep.seqmodels.data.transforms.base import Array, Learnt, Names, Record, Transform
from seqsweep.seqmodels.data.transforms.statistics import present_means

if TYPE_CHECKING:
    from torch import Tensor


def interpolate_in_torch(values: Tensor, lengths: Tensor, record: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
    """Fill NaN on the line between its neighbours in the sequence."""
    import torch

    time = torch.arange(values.shape[1], device=values.device)[None, :, None]
    there = ~values.isnan() & (time < lengths[:, None, None])
    before = (
        torch.where(there, time, -1).cummax(1).values
    )  # the nearest value at or before a step, and at or after it
    after = torch.where(there, time, values.shape[1]).flip(1).cummin(1).values.flip(1)
    first, last = before.clamp(min=0), after.clamp(max=values.shape[1] - 1)
    left, right = values.gather(1, first), values.gather(1, last)
    slope = (right - left) / (last - first).clamp(min=1)
    line = slope * (time - first) + left
    line = torch.where(before < 0, right, torch.where(after >= values.shape[1], left, line))
    line = torch.where((before < 0) & (after >= values.shape[1]), record["mean"], line)
    return torch.where(there, values, line), lengths


class Interpolate(Transform):
    """On the line between the neighbours, a step being the unit; the nearest value at the ends."""

    kind = "interpolate"
    words = (
        "Missing values are filled on the line between their neighbours in the sequence, at its ends with the nearest value; "
        "where a whole column is missing, with the training part's `mean`."
    )
    numbers = ("mean",)
    missing = "filled"
    in_torch = staticmethod(interpolate_in_torch)

    def fit(self, train: Sequence[Array], names: Names) -> Learnt:
        """Learn the mean of the values that are there."""
        return present_means(train, names, self.name)

    def apply(self, sequence: Array, record: Record) -> Array:
        """Fill what is missing."""
        missing = np.isnan(sequence)
        if not missing.any():
            return sequence
        filled, steps = sequence.copy(), np.arange(len(sequence))
        for column in np.flatnonzero(missing.any(0)):
            gaps = missing[:, column]
            if gaps.all():
                filled[:, column] = record["mean"][column]
            else:
                filled[gaps, column] = np.interp(steps[gaps], steps[~gaps], sequence[~gaps, column])
        return filled

    def altered(self, sequence: Array, record: Record) -> int:
        """Count missing values."""
        return int(np.isnan(sequence).sum())

    def altered_note(self, sequences: int, altered: int) -> str:
        """Say how many there were."""
        return f"interpolate fills {altered:,} missing value(s) of {sequences:,} sequence(s)"

    def lacks_onnx(self) -> str:
        """Say that ONNX cannot look for the nearest value."""
        return "`interpolate` has no twin in ONNX, which has no operator that finds the nearest value that is there"
