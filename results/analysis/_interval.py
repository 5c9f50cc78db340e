"""Mean and 95 % interval of a figure over seeds."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """`mean` over `n` values and the half width of its 95 % interval.

    `mean` is None without values; `half_width` is None for fewer than two, which have no spread to judge by.
    """

    mean: float | None
    half_width: float | None
    n: int


def interval(values: Iterable[float | None]) -> Interval:
    """Student's t interval of the mean, mean ± t(0.975, n - 1) · s / √n; None, NaN and infinite values are left out."""
    finite = np.array(
        [value for value in values if value is not None and math.isfinite(value)], dtype=np.float64
    )
    n = len(finite)
    if n == 0:
        return Interval(None, None, 0)
    if n == 1:
        return Interval(float(finite[0]), None, 1)
    from scipy.special import stdtrit  # t's quantile; scipy.stats takes a second to import

    quantile = float(stdtrit(n - 1, 0.5 + CONFIDENCE / 2))
    return Interval(float(finite.mean()), quantile * float(finite.std(ddof=1)) / math.sqrt(n), n)
