"""Which way a path goes, and how it turns, as features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field

from seqsweep.seqmodels.data.transforms.base import Array, Graph, Learnt, Names, Record, Transform
from seqsweep.seqmodels.data.transforms.columns import PlaneSettings, check_places, plane
from seqsweep.seqmodels.data.transforms.neighbours import shifted, shifted_in_onnx

if TYPE_CHECKING:
    from torch import Tensor


class AngleSettings(PlaneSettings):
    """Names the two columns whose path has the angles."""

    curvature: bool = Field(
        False,
        description="append how the path turns at each point, too: cosine and sine of the angle between the way to it and on",
        examples=["curvature = true"],
    )


def angle_in_torch(values: Tensor, lengths: Tensor, record: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
    """Append cosine and sine of the path's direction, and of its turn."""
    import torch

    time = torch.arange(values.shape[1], device=values.device)[None]
    last = (lengths - 1)[:, None]
    path = values[:, :, record["plane"]]
    after, before = (
        path.gather(1, each[..., None].expand(path.shape))
        for each in ((time + 1).minimum(last), (time - 1).clamp(min=0).minimum(last))
    )
    whole, there, on = after - before, path - before, after - path
    size = (whole * whole).sum(2, keepdim=True).sqrt()
    parts = [values, torch.where(size > 0, whole / size, 0.0)]
    if record["curvature"]:
        size = ((there * there).sum(2).sqrt() * (on * on).sum(2).sqrt())[..., None]
        cosine = (there * on).sum(2, keepdim=True)
        sine = there[:, :, :1] * on[:, :, 1:] - there[:, :, 1:] * on[:, :, :1]
        parts.append(torch.where(size > 0, torch.cat([cosine, sine], 2) / size, 0.0))
    return torch.cat(parts, 2), lengths


class Angle(Transform):
    """Cosine and sine of the direction from the point before to the point after; 0 and 0 where there is none.

    The record's `plane` are the places, from 0, of two columns. (The features of Jaeger et al., 2001, "Online handwriting
    recognition: the NPen++ recognizer".)
    """

    kind = "angle"
    words = "Cosine and sine of the direction in which the path goes are appended, and of its turn where `curvature` is true."
    settings_type = AngleSettings
    settings: AngleSettings
    in_torch = staticmethod(angle_in_torch)

    def fit(self, train: Sequence[Array], names: Names) -> Learnt:
        """Find the columns."""
        return {"plane": plane(self.settings, names)}, ()

    def apply(self, sequence: Array, record: Record) -> Array:
        """Append the features."""
        path = sequence[:, record["plane"]]
        after, before = shifted(path, 1), shifted(path, -1)
        whole, there, on = after - before, path - before, after - path
        parts = [sequence, _ratio(whole, _size(whole))]
        if self.settings.curvature:
            cosine = (there * on).sum(1, keepdims=True)
            sine = there[:, :1] * on[:, 1:] - there[:, 1:] * on[:, :1]
            parts.append(_ratio(np.concatenate([cosine, sine], axis=1), _size(there) * _size(on)))
        return np.concatenate(parts, axis=1)

    def features(self, names: Names, record: Record) -> Names:
        """Name the new ones."""
        new = ("direction cosine", "direction sine", "turn cosine", "turn sine")
        return (*names, *new[: 4 if self.settings.curvature else 2])

    def width(self, features: int, record: Record) -> int:
        """Count the new ones, too."""
        return features + (4 if self.settings.curvature else 2)

    def in_onnx(self, graph: Graph, record: Record, values: str, lengths: str) -> tuple[str, str]:
        """Add the same to a graph."""
        axis = graph.constant("axis2", np.array([2]))
        path = graph.node("Gather", values, graph.constant("plane", np.array(record["plane"])), axis=2)
        after, before = (shifted_in_onnx(graph, path, lengths, each) for each in (1, -1))
        whole = graph.node("Sub", after, before)

        def size(way: str) -> str:
            return graph.node("Sqrt", graph.node("ReduceSum", graph.node("Mul", way, way), axis, keepdims=1))

        def ratio(above: str, below: str) -> str:
            none = graph.constant("nothing", np.array(0.0))
            moved = graph.node("Greater", below, none)
            return graph.node("Where", moved, graph.node("Div", above, below), none)

        parts = [values, ratio(whole, size(whole))]
        if self.settings.curvature:
            there, on = graph.node("Sub", path, before), graph.node("Sub", after, path)
            cosine = graph.node("ReduceSum", graph.node("Mul", there, on), axis, keepdims=1)
            swapped = graph.node("Gather", on, graph.constant("swapped", np.array([1, 0])), axis=2)
            signs = graph.constant("signs", np.array([1.0, -1.0]))
            crossed = graph.node("Mul", graph.node("Mul", there, swapped), signs)
            sine = graph.node("ReduceSum", crossed, axis, keepdims=1)
            both = graph.node("Concat", cosine, sine, axis=2)
            parts.append(ratio(both, graph.node("Mul", size(there), size(on))))
        return graph.node("Concat", *parts, axis=2), lengths

    def check(self, record: Record, features: int) -> None:
        """Raise ValueError unless the columns are there."""
        check_places(record, "plane", features, least=2)
        if len(record["plane"]) != 2:
            raise ValueError("`normalization.plane` must be two columns")


def _size(way: Array) -> Array:
    return np.asarray(np.sqrt((way * way).sum(1, keepdims=True)))


def _ratio(above: Array, below: Array) -> Array:
    return np.where(below > 0, above / np.where(below > 0, below, 1), 0.0)
