"""What models answered, sequence by sequence, as arrays."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Answers:
    """A row for each seed and sequence, R of them.

    `seed` int64 [R]; `sequence` [R]: ids; `true`, `predicted` int64 [R]: places in the list of classes; `probabilities`
    float64 [R, K], K classes in the order of `sweep.json`.
    """

    seed: np.ndarray
    sequence: np.ndarray
    true: np.ndarray
    predicted: np.ndarray
    probabilities: np.ndarray
