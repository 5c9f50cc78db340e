"""How the training error of every hyperparameter set of a trial fell."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from results.analysis._lanes import Lane, varying_hyperparameters
from results.analysis._pick import pick
from results.store import Sweep


@dataclass(frozen=True)
class Curve:
    """One candidate's mean training error over its `seeds`, `errors[i]` after epoch i + 1.

    A seed that stopped early keeps its last error, as it keeps its weights; one that diverged counts as long as its
    error is finite. None where no seed has a finite error. `hyperparameters`: the searched ones only.
    """

    candidate: int
    hyperparameters: dict[str, Any]
    chosen: bool
    seeds: int
    diverged: int
    errors: tuple[float | None, ...]


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


def curves(sweep: Sweep, dataset: str | None = None, trial: str | None = None) -> Curves:
    """Mean training error against epochs for every candidate of a trial; None: the best on the data set.

    Only the search phase counts, not a refit of the chosen candidate. `trial` is an id, its prefix or an architecture.

    Raises `StoreError` when the data set or trial has no results.
    """
    picked = pick(sweep, dataset, trial)
    mine = sweep.read("lanes", trials=[picked.trial]).to_pylist()
    searched = varying_hyperparameters(mine)
    epochs = sweep.read(
        "epochs", ["candidate", "seed", "epoch", "phase", "train_loss"], trials=[picked.trial]
    )
    records: dict[tuple[int, int], dict[int, float]] = {}
    for row in epochs.to_pylist():
        if row["phase"] == "search":
            records.setdefault((row["candidate"], row["seed"]), {})[row["epoch"]] = row["train_loss"]
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


def _curve(
    lanes: Sequence[Lane], searched: Sequence[str], records: dict[tuple[int, int], dict[int, float]]
) -> Curve:
    series = []
    for lane in lanes:
        seen = records.get((lane["candidate"], lane["seed"]), {})
        series.append(
            ([seen.get(epoch, math.nan) for epoch in range(1, max(seen, default=0) + 1)], lane["stopped"])
        )
    length = max(len(errors) for errors, _ in series)
    for errors, stopped in series:
        tail = math.nan if stopped == "diverged" or not errors else errors[-1]
        errors.extend([tail] * (length - len(errors)))
    return Curve(
        candidate=lanes[0]["candidate"],
        hyperparameters={name: lanes[0][name] for name in searched},
        chosen=any(lane["chosen"] for lane in lanes),
        seeds=len(lanes),
        diverged=sum(lane["stopped"] == "diverged" for lane in lanes),
        errors=tuple(_mean([errors[epoch] for errors, _ in series]) for epoch in range(length)),
    )


def _mean(values: Sequence[float]) -> float | None:
    finite = [value for value in values if math.isfinite(value)]
    return math.fsum(finite) / len(finite) if finite else None
