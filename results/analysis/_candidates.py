"""Every hyperparameter set that was tried, with what validation said of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from results.analysis._interval import Interval, interval
from results.analysis._lanes import Lane, architecture_label, varying_hyperparameters
from results.schema import HYPERPARAMETERS
from results.store import Sweep

SHAPE = ("cell", "layers", "hidden", "bidirectional", "readout", "head_hidden", "batch_size")


@dataclass(frozen=True)
class Candidate:
    """One setting of one architecture. `settings`: what differs within the data set, by name.

    `validation`: accuracy over the seeds that did not diverge; `diverged` of `seeds` did.
    """

    trial: str
    architecture: str
    number: int
    settings: dict[str, Any]
    chosen: bool
    seeds: int
    diverged: int
    validation: Interval


@dataclass(frozen=True)
class Candidates:
    """All candidates of a data set. `axes`: names of what differs between them, the architecture's first."""

    dataset: str
    axes: tuple[str, ...]
    candidates: tuple[Candidate, ...]


def candidates(sweep: Sweep) -> tuple[Candidates, ...]:
    """The candidates of each data set that has results, in no particular order of data sets."""
    columns = [
        *("trial", "dataset", *SHAPE, *HYPERPARAMETERS),
        *("candidate", "seed", "chosen", "stopped", "validation_accuracy"),
    ]
    found: dict[str, list[Lane]] = {}
    for lane in sweep.read("lanes", columns).to_pylist():
        found.setdefault(lane["dataset"], []).append(lane)
    return tuple(_of(name, lanes) for name, lanes in found.items())


def _of(dataset: str, lanes: Sequence[Lane]) -> Candidates:
    shape = [name for name in SHAPE if len({lane[name] for lane in lanes}) > 1]
    axes = (*shape, *varying_hyperparameters(lanes))
    groups: dict[tuple[str, int], list[Lane]] = {}
    for lane in lanes:
        groups.setdefault((lane["trial"], lane["candidate"]), []).append(lane)
    return Candidates(dataset, axes, tuple(_candidate(group, axes) for group in groups.values()))


def _candidate(lanes: Sequence[Mapping[str, Any]], axes: Sequence[str]) -> Candidate:
    first = lanes[0]
    sound = [lane for lane in lanes if lane["stopped"] != "diverged"]
    return Candidate(
        trial=first["trial"],
        architecture=architecture_label(first),
        number=first["candidate"],
        settings={name: first[name] for name in axes},
        chosen=any(lane["chosen"] for lane in lanes),
        seeds=len(lanes),
        diverged=len(lanes) - len(sound),
        validation=interval(lane["validation_accuracy"] for lane in sound),
    )
