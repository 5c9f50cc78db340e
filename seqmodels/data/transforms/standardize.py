"""Each feature to mean 0 and deviation 1, by the training part's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from seqsweep.seqmodels.data.transforms.base import Array, Graph, Learnt, Names, Record, Transform
from seqsweep.seqmodels.data.transforms.statistics import Moments, moments, parts

if TYPE_CHECKING:
    from torch import Tensor

FAR = 1000.0
"""Standard deviations from the training mean beyond which a value is called far off."""
MILLIONTH = 2.0**-20


def standardize_in_torch(values: Tensor, lengths: Tensor, record: Mapping[str, Any]) -> tuple[Tensor, Tensor]:
    """Standardise each feature by the training part's mean and deviation."""
    return (values - record["mean"]) / record["std"], lengths


class Standardize(Transform):
    """Each column to mean 0 and standard deviation 1 over all training frames; test frames by the same numbers.

    The standard deviation is the population's (divided by the number of frames). A column that is constant in train, but
    for rounding, is only shifted.
    """

    kind = "standardize"
    words = "Each feature is standardised by the training part's `mean` and `std`, which are in `model.json`."
    numbers = ("mean", "std")
    in_torch = staticmethod(standardize_in_torch)

    def fit(self, train: Sequence[Array], names: Names) -> Learnt:
        """Learn `mean` and `std`; a note says where rounding was taken for a constant."""
        found = moments(train)
        equal = found.low == found.high
        constant = equal | _constant_but_for_rounding(found, train)
        # a sum of equal numbers is not always their exact multiple, so a constant is taken as it is
        mean = np.where(equal, found.first, found.mean)
        # the rounding of a large number is large, too: it is measured in millionths of itself
        steady = np.where(equal, 1.0, np.maximum(1.0, np.abs(mean) * MILLIONTH))
        std = np.where(constant, steady, np.sqrt(found.variance))
        rounded = np.flatnonzero(constant & ~equal) + 1
        notes = [f"{_features(rounded)} constant in training but for rounding, and is not scaled up"] * bool(
            len(rounded)
        )
        return {"mean": mean.tolist(), "std": std.tolist()}, tuple(notes)

    def apply(self, sequence: Array, record: Record) -> Array:
        """Subtract the mean and divide by the deviation."""
        mean, std = (np.array(record[name], np.float64) for name in self.numbers)
        return np.asarray((sequence - mean) / std)

    def in_onnx(self, graph: Graph, record: Record, values: str, lengths: str) -> tuple[str, str]:
        """Add the same to a graph."""
        mean, std = (graph.constant(name, np.array(record[name], np.float64)) for name in self.numbers)
        return graph.node("Div", graph.node("Sub", values, mean), std), lengths

    def check(self, record: Record, features: int) -> None:
        """Raise ValueError unless mean and deviation are a usable number a feature."""
        super().check(record, features)
        if min(record["std"]) <= 0:
            raise ValueError("`normalization.std` must be greater than 0")

    def is_far(self, tokens: npt.NDArray[np.float32]) -> bool:
        """Tell whether a value lies more than `FAR` deviations from the mean."""
        return bool(np.abs(tokens).max() > FAR)

    def typical(self, record: Record, features: int, after: tuple[Array, Array]) -> tuple[Array, Array]:
        """Give the training part's."""
        mean, std = (np.array(record[name], np.float64) for name in self.numbers)
        return mean, std


STANDARDIZE = Standardize()


def _features(numbers: npt.NDArray[np.int64]) -> str:
    shown = ", ".join(map(str, numbers[:5])) + (", ..." if len(numbers) > 5 else "")
    return f"feature {shown} is" if len(numbers) == 1 else f"each of the {len(numbers)} features {shown} is"


def _constant_but_for_rounding(found: Moments, train: Sequence[Array]) -> npt.NDArray[np.bool_]:
    """Which columns of [N, D] vary no more than the rounding of their mean may explain, or that of float32 storage.

    The first bound is scikit-learn's (`_is_constant_feature` of its preprocessing): var <= n eps var + (n mean eps)^2.
    """
    count, eps = found.count, float(np.finfo(np.float64).eps)
    rounding = found.variance <= count * eps * found.variance + (count * found.mean * eps) ** 2
    low, high = found.low, found.high
    near = high - low <= 2 * np.spacing(np.maximum(np.abs(low), np.abs(high)).astype(np.float32)).astype(
        np.float64
    )
    for column in np.flatnonzero(near & ~rounding):
        values = _few_values(train, int(column), 3)
        rounding[column] = len(values) <= 3 and all(map(_printed_float32, values))
    return np.asarray(rounding, np.bool_)


def _few_values(train: Sequence[Array], column: int, most: int) -> set[float]:
    """Collect the different values of a column, no further than until they are more than `most`."""
    values: set[float] = set()
    for frames in parts(train):
        values.update(np.unique(frames[:, column]).tolist())
        if len(values) > most:
            break
    return values


def _printed_float32(value: float) -> bool:
    """Whether `value` is a float32 as programs print one: exactly, as short as can be, or with 8 or 9 digits."""
    stored = np.float32(value)
    return value in (float(stored), float(str(stored)), float(f"{stored:.9g}"), float(f"{stored:.8g}"))
