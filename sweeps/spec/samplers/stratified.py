"""Stratified search: each run of 8 draws has one in every eighth of each hyperparameter's range.

Latin hypercubes of 8 points, one after the other (McKay et al., Technometrics 21, 1979), but with the permutation of a block
keyed by the hyperparameter's name, so that sweeps grow: more candidates begin alike, and another hyperparameter leaves the
draws of the others as they were.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from seqsweep.sweeps.spec.samplers.base import QuantileSampler
from seqsweep.sweeps.spec.samplers.base import words as random_words

if TYPE_CHECKING:
    from numpy.typing import NDArray

STRATA = 8


class StratifiedSampler(QuantileSampler):
    """Each block of `STRATA` draws has one draw in each of as many equal strata, in random order."""

    name = "stratified"
    words = (
        "each run of 8 draws has one in every eighth of each hyperparameter's range, at a random place in it"
    )

    def quantiles(self, seed: int, name: str, count: int) -> NDArray[np.float64]:
        """Draw a stratum without replacement, block by block, and uniformly within it."""
        blocks = -(-count // STRATA)
        raw = random_words(seed, f"stratified {name}", 2 * STRATA * blocks).reshape(blocks, 2, STRATA)
        strata = np.argsort(raw[:, 0], axis=1, kind="stable").astype(np.uint64)
        # 3 bits say the stratum and 50 the place in it: 53, all a float64 holds, so a stratum's end is never rounded up
        bits = (strata << np.uint64(50)) | (raw[:, 1] >> np.uint64(14))
        return np.asarray(bits.reshape(-1)[:count] * 2.0**-53, np.float64)
