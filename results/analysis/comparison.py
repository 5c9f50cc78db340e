"""Named architectures of one sweep against one another, and the architectures of one sweep against those of others."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any, Literal

import numpy as np

from seqsweep.results.analysis.confusion_contrast import contrast
from seqsweep.results.analysis.pick import by_test, pick_architecture, pick_dataset
from seqsweep.results.analysis.reading import Reading
from seqsweep.results.analysis.summary import DatasetSummary, Summary
from seqsweep.results.analysis.trials import Trial
from seqsweep.results.errors import Invalid, NotFound
from seqsweep.results.statistics.differences import (
    ALPHA,
    Difference,
    holm,
    least_deviation,
    number,
    paired,
    welch,
)
from seqsweep.results.statistics.interval import Interval, interval
from seqsweep.results.store import Sweep

Test = Literal["paired", "Welch"]


@dataclass(frozen=True)
class Side:
    """One architecture that is compared: the candidate chosen on validation, over its seeds, `lost` of which diverged.

    `validation`, `test`: accuracy, 0..1. `seconds`: training time of all its lanes. `chosen`: the searched hyperparameters.
    """

    sweep: str
    trial: str
    label: str
    parameters: int
    seconds: float
    seeds: int
    lost: int
    chosen: dict[str, Any]
    validation: Interval
    test: Interval


@dataclass(frozen=True)
class Compared:
    """Two of them: test accuracy of the first minus that of the second.

    `test`: "paired" over common seeds (Student's), or "Welch" where fewer than two are common or the data are others.
    `p_sequences`: would other sequences say so too? McNemar's test with a sequence's seeds taken together; None where the
    store has no predictions of both on the same sequences. `difference.p` is over seeds alone; `p_holm`, here, is the larger of
    both, corrected for all pairs of the data set: it is small only where seeds and sequences say so.
    `apart`: p_holm < 0.05, and the better one lost no seed.
    """

    first: Side
    second: Side
    difference: Difference
    test: Test
    p_sequences: float | None
    p_holm: float | None
    apart: bool


@dataclass(frozen=True)
class DatasetComparison:
    """Comparisons on one data set, of architectures (`sides`, in the given order) or of sweeps (without `sides`).

    `same`: all sweeps have the same content of it, as far as they recorded it.
    """

    dataset: DatasetSummary
    same: bool
    sides: tuple[Side, ...]
    pairs: tuple[Compared, ...]


@dataclass(frozen=True)
class SpecDifference:
    """A field of the specs, such as `training.epochs`, and its value in each sweep; None where it is absent."""

    field: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Comparison:
    """Differences of architectures (one sweep, every pair) or of sweeps (every later one is the second, the first one the first).

    `specs`: where they differ. `alone`: labels of architectures that not all sweeps have, by data set.
    """

    sweeps: tuple[Summary, ...]
    specs: tuple[SpecDifference, ...]
    alpha: float
    datasets: tuple[DatasetComparison, ...]
    alone: dict[str, tuple[str, ...]]


def compare_architectures(
    source: Sweep | Reading, names: Sequence[str], dataset: str | None = None
) -> Comparison:
    """Compare architectures (labels, trial ids or their beginnings) pair by pair on each data set that has them, or on one.

    Raises `StoreError` where a name fits none or several, or two fit the same one.
    """
    reading = Reading.of(source)
    sweep = reading.sweep
    ids = all(map(sweep.is_finished, names))  # then no need to look at 10,000 others
    found = reading.some_trials(names) if ids else reading.trials
    known = [pick_dataset(sweep, list(found.datasets), dataset)] if dataset else list(found.datasets)
    if not known:
        raise NotFound(f"sweep {sweep.id} has no finished trial yet")
    blocks, complaints = [], []
    for name in known:
        try:
            picked = [pick_architecture(found.datasets[name], each) for each in names]
        except NotFound as error:
            complaints.append(error)
            continue
        if len({trial.trial for trial in picked}) < len(picked):
            raise Invalid(f"`{'` and `'.join(names)}` name one architecture twice: name different ones")
        pairs = [_within(reading, *pair, found.searched[name]) for pair in combinations(picked, 2)]
        sides = tuple(_side(sweep, trial, found.searched[name]) for trial in picked)
        blocks.append(DatasetComparison(_entry(reading, name, picked[0]), True, sides, _corrected(pairs)))
    if not blocks:
        raise complaints[0]
    return Comparison((reading.summary,), (), ALPHA, tuple(blocks), {})


def compare_sweeps(sweeps: Sequence[Sweep], dataset: str | None = None) -> Comparison:
    """Compare each architecture of the first sweep with the same one of every other sweep, on each common data set.

    Raises `StoreError` where one has no results yet, or no data set, or no architecture on any, is common.
    """
    readings = [Reading(sweep) for sweep in sweeps]
    every = [reading.trials for reading in readings]
    for sweep, trials in zip(sweeps, every, strict=True):
        if not trials.datasets:
            raise NotFound(f"sweep {sweep.id} has no finished trial yet")
    common = [name for name in every[0].datasets if all(name in each.datasets for each in every)]
    if dataset is not None:
        common = [pick_dataset(sweeps[0], common, dataset)] if common else []
    if not common:
        raise NotFound(f"{' and '.join(sweep.id for sweep in sweeps)} have no data set in common")
    blocks, alone = [], {}
    for name in common:
        known = [{_key(trial): trial for trial in each.datasets[name]} for each in every]
        shared = [
            trial for trial in by_test(every[0].datasets[name]) if all(_key(trial) in each for each in known)
        ]
        union = {key: trial for each in reversed(known) for key, trial in each.items()}
        batches = len({trial.batch_size for trial in union.values()}) > 1
        alone[name] = tuple(
            sorted(_label(t, batches) for key, t in union.items() if not all(key in each for each in known))
        )
        same = len({_fingerprint(sweep, name) for sweep in sweeps}) == 1
        pairs = []
        for first in shared:
            floor = least_deviation(_entry(readings[0], name, first).test)
            side = _side(sweeps[0], first, every[0].searched[name])
            for sweep, each, trials in zip(sweeps[1:], known[1:], every[1:], strict=True):
                second = each[_key(first)]
                other = _side(sweep, second, trials.searched[name])
                pairs.append(_compared(side, other, first.test, second.test, floor, None, same=same))
        if pairs:
            blocks.append(
                DatasetComparison(_entry(readings[0], name, shared[0]), same, (), _corrected(pairs))
            )
    if not blocks:
        raise NotFound(f"{' and '.join(sweep.id for sweep in sweeps)} have no architecture in common")
    return Comparison(
        tuple(reading.summary for reading in readings), _specs(sweeps), ALPHA, tuple(blocks), alone
    )


def _within(reading: Reading, first: Trial, second: Trial, searched: Sequence[str]) -> Compared:
    floor = least_deviation(_entry(reading, first.dataset, first).test)
    try:
        by_sequences = contrast(reading, first.dataset, first.trial, second.trial).accuracy.p_sequences
    except NotFound:  # one has no test figure, or no predictions are kept
        by_sequences = None
    sides = _side(reading.sweep, first, searched), _side(reading.sweep, second, searched)
    return _compared(*sides, first.test, second.test, floor, by_sequences, same=True)


def _compared(
    first: Side,
    second: Side,
    a: Mapping[int, float | None],
    b: Mapping[int, float | None],
    floor: float,
    by_sequences: float | None,
    *,
    same: bool,
) -> Compared:
    """`a`, `b`: test accuracies by seed."""
    common = [seed for seed in a if a[seed] is not None and b.get(seed) is not None]
    if same and len(common) > 1:
        test: Test = "paired"
        figures = paired(
            np.array([a[seed] for seed in common]), np.array([b[seed] for seed in common]), floor
        )
        mean, half, n, p = map(float, figures)
    else:
        test = "Welch"
        own, others = ([value for value in each.values() if value is not None] for each in (a, b))
        mean, half, p = welch(own, others, floor)
        n = min(len(own), len(others))
    return Compared(
        first=first,
        second=second,
        difference=Difference(number(mean), number(half), int(n), number(p), None),
        test=test,
        p_sequences=by_sequences,
        p_holm=None,
        apart=False,
    )


def _corrected(pairs: Sequence[Compared]) -> tuple[Compared, ...]:
    """Fill in what the family of all pairs decides."""
    over_seeds = [math.nan if pair.difference.p is None else pair.difference.p for pair in pairs]
    both = [max(p, pair.p_sequences or 0.0) for p, pair in zip(over_seeds, pairs, strict=True)]
    filled = []
    for pair, seeds, larger in zip(pairs, holm(np.array(over_seeds)), holm(np.array(both)), strict=True):
        better = pair.first if (pair.difference.mean or 0.0) > 0 else pair.second
        filled.append(
            replace(
                pair,
                difference=replace(pair.difference, p_holm=number(seeds)),
                p_holm=number(larger),
                apart=bool(larger < ALPHA) and not better.lost,
            )
        )
    return tuple(filled)


def _side(sweep: Sweep, trial: Trial, searched: Sequence[str]) -> Side:
    return Side(
        sweep=sweep.id,
        trial=trial.trial,
        label=trial.label,
        parameters=trial.parameters,
        seconds=trial.seconds,
        seeds=len(trial.seeds),
        lost=len(trial.lost),
        chosen={name: trial.settings[name] for name in searched if name in trial.settings},
        validation=interval(trial.validation.values()),
        test=interval(trial.test.values()),
    )


def _key(trial: Trial) -> tuple[str, int]:
    return trial.label, trial.batch_size


def _label(trial: Trial, with_batch: bool) -> str:
    return f"{trial.label} batch {trial.batch_size}" if with_batch else trial.label


def _entry(reading: Reading, dataset: str, trial: Trial) -> DatasetSummary:
    known = {entry.name: entry for entry in reading.summary.datasets}
    return known.get(dataset) or DatasetSummary(dataset, trial.synthetic, (), None, None, None)


def _fingerprint(sweep: Sweep, dataset: str) -> Any:
    entries = sweep.info.get("datasets") or ()
    return next((entry.get("fingerprint") for entry in entries if entry["name"] == dataset), None)


def _specs(sweeps: Sequence[Sweep]) -> tuple[SpecDifference, ...]:
    flat = [dict(_flat(sweep.info.get("spec") or {})) for sweep in sweeps]
    fields = sorted(set().union(*flat) - {"name"})
    values = {field: tuple(each.get(field) for each in flat) for field in fields}
    return tuple(
        SpecDifference(field, each)
        for field, each in values.items()
        if len({json.dumps(value, sort_keys=True) for value in each}) > 1
    )


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Fields of a spec by their dotted names; a table with one value or range of a hyperparameter is one value."""
    for name, value in table.items():
        if isinstance(value, Mapping) and prefix != "hyperparameters.":
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value
