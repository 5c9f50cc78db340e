"""How far two figures agree on an order."""

import numpy as np


def kendall(first: np.ndarray, second: np.ndarray) -> float | None:
    """Measure Kendall's tau-b, -1 (reversed) to 1 (the same order), of two float arrays [n]; None where one does not vary.

    Kendall, The treatment of ties in ranking problems, Biometrika 33, 1945.
    """
    upper = np.triu_indices(len(first), 1)
    one, other = (np.sign(values[upper[0]] - values[upper[1]]) for values in (first, second))
    varying = float(np.count_nonzero(one)) * float(np.count_nonzero(other))
    return float((one * other).sum() / np.sqrt(varying)) if varying else None
