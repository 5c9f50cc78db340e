"""A dimension of the search space: the values of one hyperparameter, and how likely each is."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from itertools import accumulate
from statistics import NormalDist
from typing import Any

EVEN = ("uniform", "log_uniform", "int")
"""Ranges between two ends; they may have a step."""
BELLS = ("normal", "log_normal")
"""Ranges whose middle is likelier than their ends."""
RANGES = (*EVEN, *BELLS)
KINDS = ("choice", *RANGES)
OFF = "off"
"""What a spec writes for None, which TOML lacks."""
BELOW_ONE = math.nextafter(1.0, 0.0)


@dataclass(frozen=True)
class Dimension:
    """One hyperparameter's possible values.

    Args:
        kind: `constant` (one value), `choice` (its values), one of `EVEN` (the lower and the upper end), `normal` (mean and
            standard deviation) or `log_normal` (median, and the factor that is one standard deviation).
        values: plain Python values; numbers are float, None is "off".
        step: between neighbouring values of a range, which begin at its lower end; None: any number.
        weights: of a choice's values; empty: all alike.
        within: lower and upper end of a bell; empty for all others.
        when: names and values on which it depends; it is drawn only where each name has one of its values.
    """

    kind: str
    values: tuple[Any, ...]
    step: float | None = None
    weights: tuple[float, ...] = ()
    within: tuple[float, ...] = ()
    when: tuple[tuple[str, tuple[Any, ...]], ...] = ()

    @property
    def ends(self) -> tuple[float, float]:
        """The lower and the upper end of a range."""
        low, high = self.within or self.values
        return low, high

    @property
    def size(self) -> float:
        """How many different values there are; infinite for a continuous range."""
        if self.step is not None:
            return float(self._steps)
        if self.kind == "int":
            return float(self.values[1] - self.values[0] + 1)
        return math.inf if self.kind in RANGES else len(self.values)

    def all(self) -> Iterable[Any]:
        """Every value of a dimension of finite size, in order."""
        if self.step is not None:
            return (self._at_step(place) for place in range(self._steps))
        if self.kind == "int":
            return (float(value) for value in range(int(self.values[0]), int(self.values[1]) + 1))
        return self.values

    def at(self, quantile: float) -> Any:
        """The value at a quantile, 0 <= quantile < 1 (the inverse of the distribution function)."""
        if self.kind in ("constant", "choice"):
            if not self.weights:
                return self.values[int(quantile * len(self.values))]
            ends = list(accumulate(self.weights))
            return self.values[min(bisect_right(ends, quantile * ends[-1]), len(self.values) - 1)]
        low, high = self.ends
        if self.step is not None:
            if self.kind == "log_uniform":  # a step has the weight of the numbers from it to the next
                number = math.exp(math.log(low) + quantile * math.log((high + self.step) / low))
                place = math.floor((number - low) / self.step)
            else:
                place = math.floor(quantile * self._steps)
            return self._at_step(min(max(place, 0), self._steps - 1))
        if self.kind == "int":
            return min(low + math.floor(quantile * (high - low + 1)), high)
        if self.kind == "uniform":
            return min(low + quantile * (high - low), high)
        # rounding may step over an end by one unit
        if self.kind == "log_uniform":
            number = math.exp(math.log(low) + quantile * (math.log(high) - math.log(low)))
        else:
            bell, below, above = self._bell
            # at the very ends of the bell are no numbers
            share = min(max(below + quantile * (above - below), math.ulp(0.0)), BELOW_ONE)
            number = bell.inv_cdf(share)
            number = math.exp(number) if self.kind == "log_normal" else number
        return min(max(number, low), high)

    def quantile(self, value: Any) -> float:
        """The quantile of a value, and of one among finitely many the middle of its quantiles: 0 <= quantile < 1."""
        if self.kind in ("constant", "choice"):
            weights = self.weights or (1.0,) * len(self.values)
            place = self.values.index(value)
            found = (math.fsum(weights[:place]) + weights[place] / 2) / math.fsum(weights)
        else:
            low, high = self.ends
            if self.step is not None and self.kind == "log_uniform":
                found = math.log((value + self.step / 2) / low) / math.log((high + self.step) / low)
            elif self.step is not None:
                found = (round((value - low) / self.step) + 0.5) / self._steps
            elif self.kind == "int":
                found = (value - low + 0.5) / (high - low + 1)
            elif self.kind == "uniform":
                found = (value - low) / (high - low)
            elif self.kind == "log_uniform":
                found = math.log(value / low) / math.log(high / low)
            else:
                bell, below, above = self._bell
                found = bell.cdf(math.log(value) if self.kind == "log_normal" else value) - below
                found /= above - below
        return min(max(found, 0.0), BELOW_ONE)

    @property
    def bell_inside(self) -> float:
        """Share of the bell that lies between the ends."""
        _, below, above = self._bell
        return above - below

    def to_table(self) -> Any:
        """Give a dimension as the spec writes it: a constant, or a table with a key for its kind."""
        values = [
            OFF if value is None else int(value) if self.kind == "int" else value for value in self.values
        ]
        if self.kind == "constant":
            return values[0]
        table: dict[str, Any] = {self.kind: values}
        if self.step is not None:
            table["step"] = int(self.step) if self.kind == "int" else self.step
        for name in ("weights", "within"):
            if getattr(self, name):
                table[name] = list(getattr(self, name))
        if self.when:
            table["when"] = {
                name: [OFF if value is None else value for value in wanted] for name, wanted in self.when
            }
        return table

    @property
    def _steps(self) -> int:
        low, high = self.ends
        return round((high - low) / (self.step or 1.0)) + 1

    def _at_step(self, place: int) -> float:
        """Add in tens, not in twos: 3 steps of 0.05 are 0.15."""
        low, high = self.ends
        return min(float(Decimal(repr(low)) + place * Decimal(repr(self.step))), high)

    @property
    def _bell(self) -> tuple[NormalDist, float, float]:
        """The normal distribution (of the logarithm), and its shares below the lower and below the upper end."""
        middle, spread = self.values
        low, high = self.within
        if self.kind == "log_normal":
            middle, spread, low, high = (math.log(number) for number in (middle, spread, low, high))
        bell = NormalDist(middle, spread)
        return bell, bell.cdf(low), bell.cdf(high)
