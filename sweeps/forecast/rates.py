"""Measured seconds of training per unit of work, and the file that carries them from one machine to another.

A unit is what `seqsweep.seqmodels.cost.cost` counts: one recurrent weight applied to one time step of one sequence.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, median
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, ValidationError
from pydantic_core import PydanticCustomError

from seqsweep.seqmodels.cells import CELLS
from seqsweep.seqmodels.data.text import EncodingError, decode
from seqsweep.sweeps.errors import SpecError, did_you_mean, nearest
from seqsweep.sweeps.spec.wording import sentence

RATES_VERSION = 1
NEIGHBOURS = 4  # measured rates that an estimated one is made of
REACH = {"hidden": 2.0, "layers": 2.0, "batch_size": 4.0}
"""How far beyond what was measured (as a factor) a rate is still estimated."""


def _cell(value: Any) -> str:
    if not isinstance(value, str) or value not in CELLS:
        words = f"one of {', '.join(CELLS)}{did_you_mean(value, CELLS)}"
        raise PydanticCustomError("must", "{words}", {"words": words})
    return value


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Workload(_Section):
    """What a rate depends on."""

    backend: Literal["cpu", "cuda", "torch"]
    device: Literal["cpu", "cuda"] = "cpu"
    dataset: str = Field(min_length=1)
    features: Annotated[int, Field(ge=1)]
    cell: Annotated[str, PlainValidator(_cell)]
    layers: Annotated[int, Field(ge=1)]
    hidden: Annotated[int, Field(ge=1)]
    bidirectional: bool = False
    batch_size: Annotated[int, Field(ge=1)]


class Rate(Workload):
    """One measurement.

    `train` and `evaluate` are seconds a unit of one lane on one core (or GPU): a training step with its update; a pass
    forward. `spread` is the standard deviation of the logarithm of `train` from one repetition to the next.
    """

    train: Annotated[float, Field(gt=0)]
    evaluate: Annotated[float, Field(gt=0)]
    spread: Annotated[float, Field(ge=0, le=10)] = 0.0


class RateFile(_Section):
    """A rate file: where and when, and the rates. JSON."""

    schema_version: Annotated[int, Field(ge=1, le=RATES_VERSION)]
    machine: str = ""
    measured: str = ""
    versions: dict[str, str] = Field(default_factory=dict)
    rates: list[Rate] = Field(min_length=1)


_KEYS = {"": list(RateFile.model_fields), "rates": list(Rate.model_fields)}


def load_rates(path: Path) -> RateFile:
    """Read a rate file.

    Raises:
        SpecError: it cannot be read or breaks a rule; all problems are listed with file, field, value and rule.
    """
    try:
        text = decode(path.read_bytes())
    except FileNotFoundError:
        others = {each.name: each for each in path.parent.glob("*.json")} if path.parent.is_dir() else {}
        near = nearest(path.name, others)
        hint = f"; did you mean {others[near]}?" if near else ""
        raise SpecError([f"{path}: there is no such file{hint}"]) from None
    except EncodingError as error:
        place = path if error.line is None else f"{path}: line {error.line}"
        raise SpecError([f"{place}: {error}"]) from None
    except (OSError, ValueError) as error:  # ValueError: a null character in the path
        raise SpecError([f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}"]) from None
    return parse_rates(text, str(path))


def parse_rates(text: str, source: str) -> RateFile:
    """Check a rate file's text; `source` is what problems call it. Raises SpecError."""
    try:
        table = json.loads(text)
    except (ValueError, RecursionError) as error:  # besides JSONDecodeError: a number of thousands of digits
        raise SpecError([f"{source}: {error} (not valid JSON)"]) from None
    if not isinstance(table, dict):
        raise SpecError([f"{source}: must be a table with `schema_version` and `rates`"])
    try:
        return RateFile.model_validate(table)
    except ValidationError as error:
        raise SpecError(f"{source}: {sentence(each, table, _KEYS)}" for each in error.errors()) from None


def write_rates(rates: RateFile, path: Path) -> None:
    """Write a rate file. Raises SpecError where the disk refuses."""
    try:
        path.write_text(rates.model_dump_json(indent=1) + "\n", encoding="utf-8")
    except (OSError, ValueError) as error:
        raise SpecError([f"{path}: cannot be written: {getattr(error, 'strerror', None) or error}"]) from None


@dataclass(frozen=True)
class Estimate:
    """A rate for a workload: measured for just this one, or estimated from the nearest ones."""

    train: float
    evaluate: float
    spread: float
    measured: bool


class Rates:
    """Answers for any workload near those that were measured.

    Between measurements the logarithms are averaged, weighted by the inverse square of the distance (in doublings of hidden,
    layers, batch size and features). How wrong that is, is known: it is tried on each measurement with that one left out.
    """

    def __init__(self, rates: Sequence[Rate], source: str) -> None:
        self.source = source
        self._by_cell: dict[tuple[str, str, str], list[Rate]] = defaultdict(list)
        for rate in rates:
            self._by_cell[rate.backend, rate.device, rate.cell].append(rate)
        self._errors: dict[tuple[str, str, str], float] = {}
        self._found: dict[Workload, Estimate] = {}

    def backends(self, device: str) -> set[str]:
        """List the backends that were measured on this kind of device."""
        return {backend for backend, where, _ in self._by_cell if where == device}

    def of(self, wanted: Workload) -> Estimate:
        """The rate of a workload.

        Raises:
            SpecError: nothing near enough was measured.
        """
        if wanted not in self._found:
            self._found[wanted] = self._estimate(wanted)
        return self._found[wanted]

    def _estimate(self, wanted: Workload) -> Estimate:
        key = (wanted.backend, wanted.device, wanted.cell)
        known = self._by_cell.get(key, [])
        self._check_reach(wanted, known)
        train, evaluate, exact = _average(wanted, known)
        if exact is not None:
            return Estimate(train, evaluate, exact, True)
        if key not in self._errors:
            self._errors[key] = self._left_out(known)
        return Estimate(
            train, evaluate, math.hypot(fmean(rate.spread for rate in known), self._errors[key]), False
        )

    def _check_reach(self, wanted: Workload, known: Sequence[Rate]) -> None:
        what = f"{wanted.cell} on {wanted.device} with the {wanted.backend} backend"
        remedy = "measure it there with `seqsweep plan SPEC --write-rates FILE`"
        if not known:
            others = ", ".join(
                sorted({f"{cell} on {device} ({backend} backend)" for backend, device, cell in self._by_cell})
            )
            raise SpecError([f"{self.source}: has no rate for {what}, only {others}: {remedy}"])
        for name, factor in REACH.items():
            value = getattr(wanted, name)
            there = [getattr(rate, name) for rate in known]
            low, high = min(there), max(there)
            if not low / factor <= value <= high * factor:
                raise SpecError(
                    [
                        f"{self.source}: has no rate near `{name}` {value} for {what}, only for {low} to {high}: {remedy}"
                    ]
                )

    @staticmethod
    def _left_out(known: Sequence[Rate]) -> float:
        """A typical error of an estimate, as a difference of logarithms."""
        if len(known) < 3:
            return math.log(1.5)  # nothing to try it on
        errors = []
        for place, rate in enumerate(known):
            others = [*known[:place], *known[place + 1 :]]
            errors.append(abs(math.log(_average(rate, others)[0] / rate.train)))
        return 1.48 * median(errors)  # of a normal distribution, the standard deviation


def _average(wanted: Workload, known: Sequence[Rate]) -> tuple[float, float, float | None]:
    """Seconds of training and of evaluation; and the spread where it was measured for this very workload."""
    near = sorted(((_distance(wanted, rate), rate) for rate in known), key=lambda each: each[0])[:NEIGHBOURS]
    same = [rate for distance, rate in near if distance == 0]
    if same:
        return (
            _mean((rate.train, 1.0) for rate in same),
            _mean((rate.evaluate, 1.0) for rate in same),
            fmean(rate.spread for rate in same),
        )
    weights = [1 / max(distance, 1e-6) for distance, _ in near]
    pairs = list(zip(near, weights, strict=True))
    return (
        _mean((rate.train, weight) for (_, rate), weight in pairs),
        _mean((rate.evaluate, weight) for (_, rate), weight in pairs),
        None,
    )


def _distance(one: Workload, two: Workload) -> float:
    """Squared, in doublings; what matters less for the speed counts less."""
    return (
        math.log2(one.hidden / two.hidden) ** 2
        + math.log2(one.layers / two.layers) ** 2
        + (0.5 * math.log2(one.batch_size / two.batch_size)) ** 2
        + (0.25 * math.log2(one.features / two.features)) ** 2
        + 0.25 * (one.bidirectional != two.bidirectional)
        + 0.01 * (one.dataset != two.dataset)
    )


def _mean(weighted: Iterable[tuple[float, float]]) -> float:
    """Geometric."""
    pairs = list(weighted)
    return math.exp(
        sum(weight * math.log(value) for value, weight in pairs) / sum(weight for _, weight in pairs)
    )
