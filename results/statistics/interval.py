"""Mean and 95 % interval of a figure over seeds."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """`mean` over `n` values and the half width of its 95 % interval.

    `mean` is None without values; `half_width` is None for fewer than two, which have no spread to judge by.
    """

    mean: float | None
    half_width: float | None
    n: int

    @property
    def leaves_the_scale(self) -> bool:
        """Tell whether an interval reaches below 0 or above 1, where no accuracy lies: Student's t knows no such ends."""
        if self.mean is None or self.half_width is None:
            return False
        return self.mean - self.half_width < 0 or self.mean + self.half_width > 1


def interval(values: Iterable[float | None], overlap: float = 0.0) -> Interval:
    """Student's t interval of the mean, mean ± t(0.975, n - 1) · s / √n; None, NaN and infinite values are left out.

    `overlap`: of folds instead of seeds, from `seqsweep.results.statistics.folds`.
    """
    finite = [float(value) for value in values if value is not None and math.isfinite(value)]
    n = len(finite)
    if n == 0:
        return Interval(None, None, 0)
    mean = math.fsum(finite) / n
    if n == 1:
        return Interval(mean, None, 1)
    variance = math.fsum((value - mean) ** 2 for value in finite) / (n - 1)
    return Interval(mean, _quantile(n - 1) * math.sqrt(variance * (1 / n + overlap)), n)


@lru_cache
def _quantile(freedom: int) -> float:
    from scipy.special import stdtrit  # t's quantile; scipy.stats takes a second to import

    return float(stdtrit(freedom, 0.5 + CONFIDENCE / 2))
