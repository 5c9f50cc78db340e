"""How fast each column changes, as features beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from seqsweep.seqmodels.data.transforms.base import Array, Graph, Learnt, Names, Record, Settings, Transform
from seqsweep.seqmodels.data.transforms.columns import Columns, check_places, moving
from seqsweep.seqmodels.data.transforms.neighbours import shifted, shifted_in_onnx

if TYPE_CHECKING:
    from torch import Tensor


class VelocitySettings(Settings):
    """Names the columns whose velocities are taken."""

    columns: Columns | None = Field(
        None, description="of which; left out: of all but `pen_up`", examples=['columns = ["x", "y"]']
    )


def velocity_in_torch(values: Tensor, lengths: Tensor, record: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
    """Append the change from the step before to the step after, for one step."""
    import torch

    time = torch.arange(values.shape[1], device=values.device)[None]
    last = (lengths - 1)[:, None]
    after, before = (time + 1).minimum(last), (time - 1).clamp(min=0).minimum(last)
    moved = values[:, :, record["of"]]
    far, near = (moved.gather(1, each[..., None].expand(moved.shape)) for each in (after, before))
    return torch.cat([values, (far - near) / (after - before).clamp(min=1)[..., None]], 2), lengths


class Velocity(Transform):
    """Central differences, at the ends those of the two steps there: numpy's `gradient`; 0 of a single step.

    The record's `of` are places from 0.
    """

    kind = "velocity"
    words = "The change for one step of the columns `of` (numbered from 0) is appended."
    settings_type = VelocitySettings
    settings: VelocitySettings
    in_torch = staticmethod(velocity_in_torch)

    def fit(self, train: Sequence[Array], names: Names) -> Learnt:
        """Find the columns."""
        return {"of": moving(self.settings.columns, names)}, ()

    def apply(self, sequence: Array, record: Record) -> Array:
        """Append the differences."""
        moved, time = sequence[:, record["of"]], np.arange(len(sequence), dtype=np.float64)[:, None]
        apart = np.maximum(shifted(time, 1) - shifted(time, -1), 1)
        return np.concatenate([sequence, (shifted(moved, 1) - shifted(moved, -1)) / apart], axis=1)

    def features(self, names: Names, record: Record) -> Names:
        """Name the new ones by their columns."""
        return (*names, *(f"{names[place]} velocity" for place in record["of"]))

    def width(self, features: int, record: Record) -> int:
        """Count the new ones, too."""
        return features + len(record["of"])

    def in_onnx(self, graph: Graph, record: Record, values: str, lengths: str) -> tuple[str, str]:
        """Add the same to a graph: time is shifted as a column of the values is."""
        moved = graph.node("Gather", values, graph.constant("of", np.array(record["of"])), axis=2)
        after, before = (shifted_in_onnx(graph, moved, lengths, each) for each in (1, -1))
        one, axis1 = graph.constant("one", np.array(1)), graph.constant("axis1", np.array([1]))
        total = graph.node("Squeeze", graph.node("Shape", values, start=1, end=2))
        time = graph.node("Range", graph.constant("zero", np.array(0)), total, one)
        first = graph.node("Cast", graph.node("Greater", time, graph.constant("zero", np.array(0))), to=7)
        last = graph.node("Unsqueeze", graph.node("Sub", lengths, one), axis1)
        more = graph.node("Cast", graph.node("Less", time, last), to=7)
        apart = graph.node("Max", graph.node("Add", more, first), one)  # 2 within, 1 at the ends
        apart = graph.node(
            "Unsqueeze", graph.node("Cast", apart, to=11), graph.constant("axis2", np.array([2]))
        )
        return graph.node(
            "Concat", values, graph.node("Div", graph.node("Sub", after, before), apart), axis=2
        ), lengths

    def check(self, record: Record, features: int) -> None:
        """Raise ValueError unless the columns are there."""
        check_places(record, "of", features)
