"""Sobol's sequence (Sobol, 1967; direction numbers of Joe and Kuo, 2008, as SciPy has them), shifted at random.

A hyperparameter has a dimension of the sequence of its own, whichever others there are, and its digits are flipped by a
random number keyed by its name: the shift keeps every balance of the sequence, and sweeps grow as with the other samplers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from seqsweep.seqmodels.hyperparameters import HYPERPARAMETER_RULES
from seqsweep.sweeps.spec.samplers.base import QuantileSampler
from seqsweep.sweeps.spec.samplers.base import words as random_words

if TYPE_CHECKING:
    from numpy.typing import NDArray

DIMENSIONS = tuple(HYPERPARAMETER_RULES)
"""A new one comes last, or old sweeps cannot be resumed."""
BITS = 53


class SobolSampler(QuantileSampler):
    """Each run of 2^k draws that begins at a multiple of 2^k has one in every part of 2^-k of each range."""

    name = "sobol"
    words = "Sobol's sequence, shifted at random: even in each range and in pairs of them"

    def quantiles(self, seed: int, name: str, count: int) -> NDArray[np.float64]:
        """Take the name's dimension of the sequence, and flip its digits."""
        from scipy.stats.qmc import Sobol

        place = DIMENSIONS.index(name)
        whole = 1 << max(count - 1, 0).bit_length()  # SciPy warns of numbers that are no power of 2
        points = Sobol(place + 1, scramble=False, bits=BITS).random(whole)[:count, place]
        digits = (points * 2.0**BITS).astype(np.uint64)
        shift = random_words(seed, f"sobol {name}", 1)[0] >> np.uint64(64 - BITS)
        return np.asarray((digits ^ shift) * 2.0**-BITS, np.float64)
