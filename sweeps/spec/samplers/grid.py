"""The full grid: every combination, once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

from seqsweep.sweeps.spec.samplers.base import Sampler, Scored

if TYPE_CHECKING:
    from seqsweep.sweeps.spec.space import Space


class GridSampler(Sampler):
    """Every combination of finite dimensions; the last name of the spec changes fastest."""

    name = "grid"
    words = "every combination, whole numbers and steps of ranges too; `candidates` is left out"
    grows = False
    finite = True

    def draws(self, space: Space, seed: int, history: Sequence[Scored] = ()) -> Iterator[Mapping[str, Any]]:
        """Yield the combinations in order; neither seed nor scores matter."""
        for values in product(*(dimension.all() for dimension in space.values())):
            yield dict(zip(space, values, strict=True))
