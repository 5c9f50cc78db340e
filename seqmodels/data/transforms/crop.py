"""Long sequences cut to a length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from pydantic import Field

from seqsweep.seqmodels.data.transforms.base import Array, Graph, Learnt, Names, Record, Settings, Transform
from seqsweep.seqmodels.data.transforms.neighbours import taken_in_onnx

if TYPE_CHECKING:
    from torch import Tensor


class CropSettings(Settings):
    """To which length, and what stays."""

    length: int = Field(
        ge=1, le=1_000_000, description="steps that a sequence has at most", examples=["length = 100"]
    )
    keep: Literal["first", "middle", "last"] = Field(
        "first", description="which steps stay: `first`, `middle` or `last`", examples=['keep = "middle"']
    )


def crop_in_torch(values: Tensor, lengths: Tensor, record: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
    """Cut long sequences."""
    import torch

    most = record["length"]
    over = (lengths - most).clamp(min=0)
    skipped = {"first": torch.zeros_like(over), "middle": over // 2, "last": over}[record["keep"]]
    time = skipped[:, None] + torch.arange(most, device=values.device)[None]
    places = time.minimum((lengths - 1)[:, None])
    return values.gather(1, places[..., None].expand(-1, -1, values.shape[2])), lengths.clamp(max=most)


class Crop(Transform):
    """Cuts sequences to a length; of a middle, as much is cut at the end as at the beginning, or one step more."""

    kind = "crop"
    words = "Of longer sequences only `length` steps are kept: the `first`, `middle` or `last` ones."
    settings_type = CropSettings
    settings: CropSettings
    missing = "kept"
    in_torch = staticmethod(crop_in_torch)

    def fit(self, train: Sequence[Array], names: Names) -> Learnt:
        """Learn nothing."""
        return {}, ()

    def apply(self, sequence: Array, record: Record) -> Array:
        """Cut."""
        over = self.altered(sequence, record)
        skipped = {"first": 0, "middle": over // 2, "last": over}[self.settings.keep]
        return sequence[skipped : skipped + self.settings.length]

    def altered(self, sequence: Array, record: Record) -> int:
        """Count the steps that are cut off."""
        return max(0, len(sequence) - self.settings.length)

    def altered_note(self, sequences: int, altered: int) -> str:
        """Say what is cut off."""
        return f"crop cuts {altered:,} step(s) of {sequences:,} sequence(s)"

    def in_onnx(self, graph: Graph, record: Record, values: str, lengths: str) -> tuple[str, str]:
        """Add the same to a graph."""
        most, zero = (
            graph.constant("most", np.array(self.settings.length)),
            graph.constant("zero", np.array(0)),
        )
        axis1, one = graph.constant("axis1", np.array([1])), graph.constant("one", np.array(1))
        over = graph.node("Max", graph.node("Sub", lengths, most), zero)
        halves = {"first": 0, "middle": 1, "last": 2}[self.settings.keep]
        two = graph.constant("two", np.array(2))
        skipped = graph.node("Div", graph.node("Mul", over, graph.constant("halves", np.array(halves))), two)
        steps = graph.constant("kept_steps", np.arange(self.settings.length)[None])
        time = graph.node("Add", graph.node("Unsqueeze", skipped, axis1), steps)
        places = graph.node("Min", time, graph.node("Unsqueeze", graph.node("Sub", lengths, one), axis1))
        return taken_in_onnx(graph, values, places), graph.node("Min", lengths, most)
