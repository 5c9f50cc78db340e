"""The suite for formats of ink: a sequence is one stroke, and so has a column more that ends in 1."""

import numpy as np

from seqsweep.seqmodels.data.transforms.base import Array
from seqsweep.seqmodels.testing.data_conformance import FormatSuite


class InkSuite(FormatSuite):
    def as_read(self, values: Array) -> Array:
        lifted = np.zeros((len(values), 1))
        lifted[-1] = 1
        return np.concatenate([values, lifted], 1)
