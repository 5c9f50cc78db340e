"""Which architectures win on each data set, and how sure that is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from results.analysis._interval import Interval, interval
from results.analysis._lanes import (
    Lane,
    architecture_extras,
    architecture_label,
    by_trial,
    dataset_order,
    pick_dataset,
    varying_hyperparameters,
)
from results.analysis._summary import DatasetSummary, Summary, summary
from results.store import Sweep

UNSTABLE_DEVIATION = (
    0.03  # standard deviation of test accuracy over seeds above which a row is called unstable
)


@dataclass(frozen=True)
class Row:
    """One architecture on one data set: the candidate chosen on validation, over its seeds.

    `train`, `validation`, `test`: accuracy, 0..1. `seconds`: training time of all its lanes together.
    `chosen`: the searched hyperparameters of the chosen candidate (`candidate`; None when every lane diverged).
    `diverged` of `lanes` lanes diverged; `diverged_seeds` of them are the chosen candidate's.
    """

    rank: int
    label: str
    extras: str
    trial: str
    cell: str
    layers: int
    hidden: int
    bidirectional: bool
    readout: str
    head_hidden: int
    batch_size: int
    parameters: int
    seconds: float
    train: Interval
    validation: Interval
    test: Interval
    candidates: int
    seeds: int
    candidate: int | None
    chosen: dict[str, Any]
    refit: bool
    lanes: int
    diverged: int
    diverged_seeds: int
    unstable: bool


@dataclass(frozen=True)
class DatasetVerdict:
    """Architectures on one data set, by mean test accuracy, then by fewer parameters."""

    dataset: DatasetSummary
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Verdict:
    """The outcome of a sweep so far. `seeds`: most seeds of a chosen candidate; `lanes`, `diverged`: lanes finished."""

    summary: Summary
    seeds: int
    lanes: int
    diverged: int
    backends: tuple[str, ...]
    datasets: tuple[DatasetVerdict, ...]


def verdict(sweep: Sweep, dataset: str | None = None) -> Verdict:
    """Rank the architectures of a sweep on each data set, or on one. Without a finished trial `datasets` is empty.

    Raises `StoreError` for an unknown data set or a damaged file.
    """
    lanes = sweep.read("lanes").to_pylist()
    names = dataset_order(sweep, lanes) if dataset is None else [pick_dataset(sweep, lanes, dataset)]
    overall = summary(sweep)
    known = {entry.name: entry for entry in overall.datasets}
    blocks = []
    for name in names:
        here = [lane for lane in lanes if lane["dataset"] == name]
        unknown = DatasetSummary(name, here[0]["synthetic"], (), None, None, None)
        blocks.append(DatasetVerdict(known.get(name, unknown), rank(here)))
    rows = [row for block in blocks for row in block.rows]
    return Verdict(
        summary=overall,
        seeds=max((row.seeds for row in rows), default=0),
        lanes=sum(row.lanes for row in rows),
        diverged=sum(row.diverged for row in rows),
        backends=tuple(sorted({lane["backend"] for lane in lanes})),
        datasets=tuple(blocks),
    )


def rank(lanes: Sequence[Lane]) -> tuple[Row, ...]:
    """Rows of one data set's trials, best first."""
    searched = varying_hyperparameters(lanes)
    rows = [_row(trial, searched, tied_batch=_one_batch(lanes)) for trial in by_trial(lanes).values()]
    rows.sort(key=lambda row: (_descending(row.test), row.parameters, row.label))
    return tuple(Row(**{**vars(row), "rank": place}) for place, row in enumerate(rows, start=1))


def _one_batch(lanes: Sequence[Lane]) -> bool:
    return len({lane["batch_size"] for lane in lanes}) == 1


def _descending(test: Interval) -> float:
    # Rounded, so that equal accuracies summed in another order stay equal.
    return math.inf if test.mean is None else -round(test.mean, 9)


def _row(lanes: Sequence[Lane], searched: Sequence[str], *, tied_batch: bool) -> Row:
    first = lanes[0]
    chosen = [lane for lane in lanes if lane["chosen"]]
    # a lane that diverged was not tested: all three figures are over the same seeds
    sound = [lane for lane in chosen if lane["stopped"] != "diverged"]
    test = interval(lane["test_accuracy"] for lane in sound)
    diverged = [lane for lane in lanes if lane["stopped"] == "diverged"]
    batch = "" if tied_batch else f" batch {first['batch_size']}"
    return Row(
        rank=0,
        label=architecture_label(first) + batch,
        extras=(architecture_extras(first) + batch).lstrip(),
        trial=first["trial"],
        cell=first["cell"],
        layers=first["layers"],
        hidden=first["hidden"],
        bidirectional=first["bidirectional"],
        readout=first["readout"],
        head_hidden=first["head_hidden"],
        batch_size=first["batch_size"],
        parameters=first["parameters"],
        seconds=math.fsum(lane["seconds"] for lane in lanes),
        train=interval(lane["train_accuracy"] for lane in sound),
        validation=interval(lane["validation_accuracy"] for lane in sound),
        test=test,
        candidates=len({lane["candidate"] for lane in lanes}),
        seeds=len(chosen),
        candidate=chosen[0]["candidate"] if chosen else None,
        chosen={name: chosen[0][name] for name in searched} if chosen else {},
        refit=any(lane["refit"] for lane in chosen),
        lanes=len(lanes),
        diverged=len(diverged),
        diverged_seeds=sum(lane["chosen"] for lane in diverged),
        unstable=_deviation([lane["test_accuracy"] for lane in chosen]) > UNSTABLE_DEVIATION,
    )


def _deviation(values: Sequence[float | None]) -> float:
    finite = [value for value in values if value is not None and math.isfinite(value)]
    if len(finite) < 2:
        return 0.0
    mean = math.fsum(finite) / len(finite)
    return math.sqrt(math.fsum((value - mean) ** 2 for value in finite) / (len(finite) - 1))
