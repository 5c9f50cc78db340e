"""Random search: each draw by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from seqsweep.sweeps.spec.samplers.base import QuantileSampler, uniform

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class RandomSampler(QuantileSampler):
    """Draw i of a hyperparameter is a function of (seed, its name, i) alone."""

    name = "random"
    words = "each draw by itself"

    def quantiles(self, seed: int, name: str, count: int) -> NDArray[np.float64]:
        """Draw uniformly."""
        return uniform(seed, name, count)
