"""Figures computed from predictions."""

import numpy as np
from jaxtyping import Int64, Integer


def confusion_matrix(
    true: Integer[np.ndarray, "n"], predicted: Integer[np.ndarray, "n"], classes: int
) -> Int64[np.ndarray, "C C"]:
    """Counts `[C, C]`; rows are the true class, columns the predicted one.

    Raises ValueError when a label is not in 0 .. classes - 1.
    """
    for name, labels in (("true", true), ("predicted", predicted)):
        outside = labels[(labels < 0) | (labels >= classes)]
        if outside.size:
            raise ValueError(f"`{name}` has the label {outside[0]}, but must be in 0 .. {classes - 1}")
    cells = true.astype(np.int64) * classes + predicted
    return np.bincount(cells, minlength=classes * classes).reshape(classes, classes)
