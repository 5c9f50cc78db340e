"""Figures that count every class alike, however many sequences it has: macro F1 and balanced accuracy."""

from collections.abc import Sequence

import numpy as np

UNEVEN = 1.5
"""So many times the smallest class must the largest have for classes to be called uneven."""


def are_uneven(sizes: Sequence[int]) -> bool:
    """Tell whether classes of these sizes differ so much that accuracy is mostly about the large ones."""
    return bool(sizes) and max(sizes) > 0 and max(sizes) >= UNEVEN * min(sizes)


def macro_f1(counts: np.ndarray) -> np.ndarray:
    """Average F1 over the classes that occur or are predicted; `counts` [..., C, C] has true classes as rows.

    A class of which nothing is right counts with 0, be it never predicted or never there; one that is neither does not count.
    NaN where there are no sequences.
    """
    true, predicted = counts.sum(axis=-1), counts.sum(axis=-2)
    return _mean_share(2 * np.diagonal(counts, axis1=-2, axis2=-1), true + predicted)


def balanced_accuracy(counts: np.ndarray) -> np.ndarray:
    """Average recall over the classes that occur; `counts` [..., C, C] has true classes as rows. NaN without sequences."""
    return _mean_share(np.diagonal(counts, axis1=-2, axis2=-1), counts.sum(axis=-1))


def _mean_share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Average `part / whole` [..., C] over the places where `whole` is above 0."""
    present = whole > 0
    shares = np.divide(part, whole, out=np.zeros(whole.shape), where=present)
    number = present.sum(axis=-1)
    mean = np.full(number.shape, np.nan)
    np.divide(shares.sum(axis=-1), number, out=mean, where=number > 0)
    return mean
