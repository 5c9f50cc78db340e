"""Some of the features, the others left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import Field, model_validator

from seqsweep.seqmodels.data.transforms.base import Array, Graph, Learnt, Names, Record, Settings, Transform
from seqsweep.seqmodels.data.transforms.columns import Columns, check_places, places_of

if TYPE_CHECKING:
    from torch import Tensor


class FeaturesSettings(Settings):
    """Which features."""

    keep: Columns | None = Field(
        None,
        description="the columns that stay, in this order",
        examples=['keep = ["x", "y"]', "keep = [1, 3]"],
    )
    drop: Columns | None = Field(
        None, description="instead: the columns that go", examples=['drop = ["pressure"]']
    )

    @model_validator(mode="after")
    def _one_of_them(self) -> FeaturesSettings:
        if (self.keep is None) == (self.drop is None):
            raise ValueError("give `keep` or `drop`, and not both")
        return self


def features_in_torch(values: Tensor, lengths: Tensor, record: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
    """Keep some features."""
    return values[:, :, record["kept"]], lengths


class Features(Transform):
    """The record's `kept` are places from 0."""

    kind = "features"
    words = "Only some features are kept, `kept` in `model.json` (numbered from 0)."
    settings_type = FeaturesSettings
    settings: FeaturesSettings
    missing = "kept"
    in_torch = staticmethod(features_in_torch)

    def fit(self, train: Sequence[Array], names: Names) -> Learnt:
        """Find the columns by the features' names."""
        if self.settings.keep is not None:
            return {"kept": places_of(self.settings.keep, names)}, ()
        gone = places_of(self.settings.drop or [], names)
        if len(gone) == len(names):
            raise ValueError("features drops every column: leave one at least")
        return {"kept": [place for place in range(len(names)) if place not in gone]}, ()

    def apply(self, sequence: Array, record: Record) -> Array:
        """Take the columns."""
        return sequence[:, record["kept"]]

    def features(self, names: Names, record: Record) -> Names:
        """Name those that stay."""
        return tuple(names[place] for place in record["kept"])

    def width(self, features: int, record: Record) -> int:
        """Count those that stay."""
        return len(record["kept"])

    def in_onnx(self, graph: Graph, record: Record, values: str, lengths: str) -> tuple[str, str]:
        """Add the same to a graph."""
        return graph.node("Gather", values, graph.constant("kept", np.array(record["kept"])), axis=2), lengths

    def check(self, record: Record, features: int) -> None:
        """Raise ValueError unless `kept` are places of features."""
        check_places(record, "kept", features)

    def typical(self, record: Record, features: int, after: tuple[Array, Array]) -> tuple[Array, Array]:
        """Give those of the features that stay, and 0 and 1 of the others."""
        mean, deviation = np.zeros(features), np.ones(features)
        mean[record["kept"]], deviation[record["kept"]] = after
        return mean, deviation
