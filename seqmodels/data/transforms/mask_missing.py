"""Missing values filled with the mean, and told of by features of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from seqsweep.seqmodels.data.transforms.base import Array, Graph, Learnt, Names, Record, Transform
from seqsweep.seqmodels.data.transforms.columns import check_places
from seqsweep.seqmodels.data.transforms.statistics import parts, present_means

if TYPE_CHECKING:
    from torch import Tensor


def mask_missing_in_torch(
    values: Tensor, lengths: Tensor, record: Mapping[str, Any]
) -> tuple[Tensor, Tensor]:
    """Fill NaN with the training part's mean, and say where it was."""
    import torch

    missing = values.isnan()
    filled = torch.where(missing, record["mean"], values)
    return torch.cat([filled, missing[:, :, record["masked"]].double()], 2), lengths


class MaskMissing(Transform):
    """The record's `masked` are the places, from 0, of the columns that had missing values in training."""

    kind = "mask_missing"
    words = (
        "Missing values are filled with the training part's `mean`, and each column that had some there gets a feature that is 1 "
        "where one is missing (else 0)."
    )
    numbers = ("mean",)
    missing = "filled"
    in_torch = staticmethod(mask_missing_in_torch)

    def fit(self, train: Sequence[Array], names: Names) -> Learnt:
        """Learn the mean of the values that are there, and which columns have gaps."""
        found, notes = present_means(train, names, self.name)
        gaps = np.zeros(len(names), np.bool_)
        for frames in parts(train):
            gaps |= np.isnan(frames).any(0)
        return {**found, "masked": np.flatnonzero(gaps).tolist()}, notes

    def apply(self, sequence: Array, record: Record) -> Array:
        """Fill what is missing, and append where it was."""
        missing = np.isnan(sequence)
        filled = np.where(missing, np.array(record["mean"], np.float64), sequence)
        return np.concatenate([filled, missing[:, np.array(record["masked"], np.int64)]], axis=1)

    def features(self, names: Names, record: Record) -> Names:
        """Name the masks by their columns."""
        return (*names, *(f"{names[place]} missing" for place in record["masked"]))

    def width(self, features: int, record: Record) -> int:
        """Count the masks, too."""
        return features + len(record["masked"])

    def altered(self, sequence: Array, record: Record) -> int:
        """Count missing values."""
        return int(np.isnan(sequence).sum())

    def altered_note(self, sequences: int, altered: int) -> str:
        """Say how many there were."""
        return f"mask_missing fills {altered:,} missing value(s) of {sequences:,} sequence(s)"

    def in_onnx(self, graph: Graph, record: Record, values: str, lengths: str) -> tuple[str, str]:
        """Add the same to a graph."""
        missing = graph.node("IsNaN", values)
        mean = graph.constant("mean", np.array(record["mean"], np.float64))
        filled = graph.node("Where", missing, mean, values)
        masked = graph.constant("masked", np.array(record["masked"], np.int64))
        masks = graph.node("Gather", graph.node("Cast", missing, to=11), masked, axis=2)  # 11: float64
        return graph.node("Concat", filled, masks, axis=2), lengths

    def check(self, record: Record, features: int) -> None:
        """Raise ValueError unless means and places are those of features."""
        super().check(record, features)
        check_places(record, "masked", features, least=0)
