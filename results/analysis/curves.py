"""How the error of every hyperparameter set of a trial fell."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from seqsweep.results.analysis.pick import pick
from seqsweep.results.analysis.reading import Reading
from seqsweep.results.architecture import Lane
from seqsweep.results.schema import HYPERPARAMETERS
from seqsweep.results.store import Sweep

_Records = dict[tuple[int, int], dict[int, Lane]]
"""Rows of `epochs` by candidate and seed, then by epoch."""
Errors = tuple[float | None, ...]
"""Cross-entropy in nats after each epoch, from the first; None where no seed has a finite one."""


@dataclass(frozen=True)
class Band:
    """An error against epochs over seeds: mean, least and greatest."""

    mean: Errors
    least: Errors
    greatest: Errors


@dataclass(frozen=True)
class Curve:
    """One candidate's mean training error over its `seeds`, `errors[i]` after epoch i + 1, and the `least` and `greatest`.

    A seed that stopped early keeps its last error, as it keeps its weights; one that diverged counts as long as its
    error is finite. `hyperparameters`: the searched ones only. `validation`: likewise; None where it was not measured.
    """

    candidate: int
    hyperparameters: dict[str, Any]
    chosen: bool
    seeds: int
    diverged: int
    errors: Errors
    least: Errors = ()
    greatest: Errors = ()
    validation: Band | None = None


@dataclass(frozen=True)
class Curves:
    """Curves of a trial's candidates, by number. `searched`: names of the hyperparameters that differ between them."""

    sweep: str
    dataset: str
    synthetic: bool
    trial: str
    architecture: str
    searched: tuple[str, ...]
    curves: tuple[Curve, ...]


def curves(source: Sweep | Reading, dataset: str | None = None, trial: str | None = None) -> Curves:
    """Mean training error against epochs for every candidate of a trial; None: the best on the data set.

    Only the search counts, neither a refit nor a training from fresh seeds. `trial` is an id, its prefix or an architecture.

    Raises `StoreError` when the data set or trial has no results.
    """
    reading = Reading.of(source)
    sweep, picked = reading.sweep, pick(reading, dataset, trial)
    mine = [
        lane for lane in sweep.read("lanes", trials=[picked.trial]).to_pylist() if lane["stage"] == "search"
    ]
    searched = _varying(mine)
    columns = ["candidate", "seed", "epoch", "phase", "train_loss", "validation_loss"]
    records: _Records = {}
    for row in sweep.read("epochs", columns, trials=[picked.trial]).to_pylist():
        if row["phase"] == "search":
            records.setdefault((row["candidate"], row["seed"]), {})[row["epoch"]] = row
    candidates: dict[int, list[Lane]] = {}
    for lane in mine:
        candidates.setdefault(lane["candidate"], []).append(lane)
    return Curves(
        sweep=sweep.id,
        dataset=picked.dataset,
        synthetic=picked.synthetic,
        trial=picked.trial,
        architecture=picked.label,
        searched=searched,
        curves=tuple(_curve(candidates[number], searched, records) for number in sorted(candidates)),
    )


def _curve(lanes: Sequence[Lane], searched: Sequence[str], records: _Records) -> Curve:
    training, validation = (_band(lanes, records, name) for name in ("train_loss", "validation_loss"))
    return Curve(
        candidate=lanes[0]["candidate"],
        hyperparameters={name: lanes[0][name] for name in searched},
        chosen=any(lane["chosen"] for lane in lanes),
        seeds=len(lanes),
        diverged=sum(lane["stopped"] == "diverged" for lane in lanes),
        errors=training.mean,
        least=training.least,
        greatest=training.greatest,
        validation=validation if any(error is not None for error in validation.mean) else None,
    )


def _band(lanes: Sequence[Lane], records: _Records, column: str) -> Band:
    seen = [records.get((lane["candidate"], lane["seed"]), {}) for lane in lanes]
    length = max(max(epochs, default=0) for epochs in seen)
    errors = np.full((len(lanes), length), np.nan)
    for row, (epochs, lane) in enumerate(zip(seen, lanes, strict=True)):
        for epoch, record in epochs.items():
            errors[row, epoch - 1] = math.nan if record[column] is None else record[column]
        if epochs and lane["stopped"] != "diverged":
            errors[row, max(epochs) :] = errors[row, max(epochs) - 1]
    finite = [values[np.isfinite(values)] for values in errors.T]
    return Band(*(_over_seeds(finite, measure) for measure in (np.mean, np.min, np.max)))


def _over_seeds(finite: Sequence[np.ndarray], measure: Callable[[np.ndarray], Any]) -> Errors:
    return tuple(float(measure(values)) if len(values) else None for values in finite)


def _varying(rows: Iterable[Lane]) -> tuple[str, ...]:
    """Name the hyperparameters that were searched: those with more than one value."""
    seen: dict[str, set[Any]] = {name: set() for name in HYPERPARAMETERS}
    for row in rows:
        for name, values in seen.items():
            values.add(row[name])
    return tuple(name for name, values in seen.items() if len(values) > 1)
