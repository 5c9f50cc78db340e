"""Each sequence about its own middle, or from its own beginning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from seqsweep.seqmodels.data.transforms.base import Array, Graph, Learnt, Names, Record, Settings, Transform
from seqsweep.seqmodels.data.transforms.columns import Columns, check_places, moving

if TYPE_CHECKING:
    from torch import Tensor


class CenterSettings(Settings):
    """About what, and which columns."""

    at: Literal["mean", "first"] = Field(
        "mean",
        description="what becomes 0: the sequence's `mean`, or its `first` step",
        examples=['at = "first"'],
    )
    columns: Columns | None = Field(
        None, description="of which; left out: of all but `pen_up`", examples=['columns = ["x", "y"]']
    )


def center_in_torch(values: Tensor, lengths: Tensor, record: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
    """Subtract from some columns their mean over the sequence, or their first value."""
    import torch

    if record["at"] == "first":
        middle = values[:, :1]
    else:
        inside = (torch.arange(values.shape[1], device=values.device) < lengths[:, None])[..., None]
        middle = torch.where(inside, values, 0.0).sum(1, keepdim=True) / lengths[:, None, None]
    moved = [place in record["of"] for place in range(values.shape[2])]
    return torch.where(torch.tensor(moved, device=values.device), values - middle, values), lengths


class Center(Transform):
    """The record's `of` are places from 0."""

    kind = "center"
    words = (
        "From the columns `of` (numbered from 0) the sequence's own `mean`, or `first` value, is subtracted."
    )
    settings_type = CenterSettings
    settings: CenterSettings
    in_torch = staticmethod(center_in_torch)

    def fit(self, train: Sequence[Array], names: Names) -> Learnt:
        """Find the columns."""
        return {"of": moving(self.settings.columns, names)}, ()

    def apply(self, sequence: Array, record: Record) -> Array:
        """Subtract."""
        found, places = sequence.copy(), record["of"]
        moved = sequence[:, places]
        found[:, places] -= moved[0] if self.settings.at == "first" else moved.mean(0)
        return found

    def in_onnx(self, graph: Graph, record: Record, values: str, lengths: str) -> tuple[str, str]:
        """Add the same to a graph."""
        axis1 = graph.constant("axis1", np.array([1]))
        if self.settings.at == "first":
            ends = (graph.constant(f"from{each}", np.array([each])) for each in (0, 1))
            middle = graph.node("Slice", values, *ends, axis1)
        else:
            none = graph.constant("nothing", np.array(0.0))
            there = graph.node("Where", graph.inside(values, lengths), values, none)
            steps = graph.node(
                "Cast", graph.node("Unsqueeze", lengths, graph.constant("axes12", np.array([1, 2]))), to=11
            )
            middle = graph.node("Div", graph.node("ReduceSum", there, axis1), steps)
        places = graph.constant("of", np.array(record["of"]))
        some = graph.node("Gather", values, places, axis=2)
        less = graph.node("Sub", some, graph.node("Gather", middle, places, axis=2))
        shape = graph.node("Shape", less)
        column = graph.constant("of_columns", np.array(record["of"])[None, None])
        return graph.node(
            "ScatterElements", values, graph.node("Expand", column, shape), less, axis=2
        ), lengths

    def check(self, record: Record, features: int) -> None:
        """Raise ValueError unless the columns are there."""
        check_places(record, "of", features)
