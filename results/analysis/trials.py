"""The `lanes` table as one `Trial` each: what its lanes amount to, and the chosen candidate's figures seed by seed."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seqsweep.results.analysis.arrays import names_equal, numbers, positions
from seqsweep.results.architecture import (
    ARCHITECTURE,
    ArchitectureRow,
    architecture_extras,
    architecture_label,
)
from seqsweep.results.collecting import uncollected
from seqsweep.results.errors import Damaged
from seqsweep.results.schema import HYPERPARAMETERS
from seqsweep.results.statistics.rank_correlation import kendall
from seqsweep.results.store import Sweep

_FIXED = ("trial", "dataset", "synthetic", *ARCHITECTURE, "parameters")
_FIGURES = ("train_accuracy", "validation_accuracy", "test_accuracy")
LEAST_RANKED = 4
"""Candidates that must have gone on for their order to be compared."""
_COLUMNS = (
    *(*_FIXED, *_FIGURES, *HYPERPARAMETERS),
    *(
        "candidate",
        "seed",
        "stage",
        "chosen",
        "refit",
        "stopped",
        "score",
        "rung_score",
        "seconds",
        "backend",
    ),
)


@dataclass(frozen=True)
class Trial(ArchitectureRow):
    """One architecture on one data set.

    `diverged` of `lanes` lanes diverged, `cut` were dropped in the middle of the search; `seconds` are those of all lanes
    together. The rest is about the chosen candidate (`candidate`; None when every lane diverged): its `settings` (all
    hyperparameters) and its accuracies, 0..1, by seed. `validation` is that of the search. `train` and `test` are those of
    `seeds`: fresh ones (`fresh`), or, of a sweep without final seeds, the search's. `lost` of these diverged and have no
    accuracies here: a lane that diverged was not tested; `search_lost` are the search's. `agreement`: Kendall's tau between the
    order of the candidates that went on, when others were dropped, and theirs at the end; None where too few did.
    """

    trial: str
    dataset: str
    synthetic: bool
    parameters: int
    lanes: int
    candidates: int
    diverged: int
    cut: int
    agreement: float | None
    seconds: float
    candidate: int | None
    settings: dict[str, Any]
    refit: bool
    fresh: bool
    seeds: tuple[int, ...]
    lost: tuple[int, ...]
    search_lost: tuple[int, ...]
    train: dict[int, float]
    validation: dict[int, float]
    test: dict[int, float | None]

    @cached_property
    def extras(self) -> str:
        """What is not default about the architecture."""
        return architecture_extras(vars(self))

    @cached_property
    def label(self) -> str:
        """ "lstm x 2 x 100 bi last+max"."""
        return architecture_label(vars(self))


@dataclass(frozen=True)
class Trials:
    """The finished trials of a sweep by data set, in the spec's order; `searched` hyperparameters of each, that vary."""

    datasets: dict[str, tuple[Trial, ...]]
    searched: dict[str, tuple[str, ...]]
    backends: tuple[str, ...]


@uncollected()
def read_trials(sweep: Sweep, trials: Sequence[str] | None = None) -> Trials:
    """All finished trials, or only `trials`: one pass over the columns of `lanes` that this takes.

    Raises `StoreError` for a damaged file, or one of `trials` that is not finished.
    """
    found: list[Trial] = []
    seen: dict[str, dict[str, set[Any]]] = {}
    backends: set[str] = set()
    for table in sweep.each("lanes", _COLUMNS, trials):
        some = _trials(table)
        _look(table, some, seen)
        backends.update(table["backend"].unique().to_pylist())
        found += some
    _check_twins(sweep, found)
    names = _declared_order(sweep, seen)
    return Trials(
        datasets={name: tuple(trial for trial in found if trial.dataset == name) for name in names},
        searched={
            name: tuple(each for each in HYPERPARAMETERS if len(seen[name][each]) > 1) for name in names
        },
        backends=tuple(sorted(backends)),
    )


def _check_twins(sweep: Sweep, trials: Sequence[Trial]) -> None:
    """Raise `Damaged` where two trials are of one architecture on one data set: their lanes would count twice."""
    seen: dict[tuple[Any, ...], Trial] = {}
    for trial in trials:
        key = (trial.dataset, *(getattr(trial, name) for name in ARCHITECTURE))
        other = seen.setdefault(key, trial)
        if other is not trial:
            raise Damaged(
                f"{sweep.folder} is damaged: trials `{other.trial}` and `{trial.trial}` are both {trial.label} "
                f"(batch {trial.batch_size}) on {trial.dataset}; move the files of one of them away"
            )


def _trials(table: pa.Table) -> list[Trial]:
    """`table` holds a trial's lanes together, as `Sweep.read` gives them."""
    ids = table["trial"]
    changes = numbers(pc.not_equal(ids.slice(1), ids.slice(0, len(ids) - 1)))
    starts = np.concatenate(([0], np.flatnonzero(changes) + 1))
    lanes = np.diff(starts, append=len(ids))
    diverged = names_equal(table["stopped"], "diverged")
    candidate = numbers(table["candidate"])
    width = int(candidate.max()) + 1
    keys = np.sort(np.repeat(np.arange(len(starts)), lanes) * width + candidate, kind="stable")  # nearly is
    different = keys[np.diff(keys, prepend=-1) != 0]
    chosen = np.flatnonzero(numbers(table["chosen"]))
    begins = np.searchsorted(chosen, [*starts, len(ids)])  # of each trial's lanes in `chosen`
    has = begins[:-1] < begins[1:]
    # the chosen candidate's settings stand in each of its lanes; a trial without one gives any, which is not used
    leads = starts.copy()
    leads[has] = chosen[begins[:-1][has]]
    final = names_equal(table["stage"], "final")[chosen].tolist()
    own = table.select(["seed", "refit", *_FIGURES]).take(positions(chosen)).to_pydict()
    lost = diverged[chosen].tolist()
    rows = table.select([*_FIXED, "candidate", *HYPERPARAMETERS]).take(positions(leads)).to_pylist()
    sums = zip(
        lanes.tolist(),
        np.bincount(different // width).tolist(),
        np.add.reduceat(diverged, starts, dtype=np.int64).tolist(),
        np.add.reduceat(names_equal(table["stopped"], "cut"), starts, dtype=np.int64).tolist(),
        np.add.reduceat(numbers(table["seconds"]), starts).tolist(),
        strict=True,
    )
    found = []
    for place, (row, (count, candidates, gone, cut, seconds)) in enumerate(zip(rows, sums, strict=True)):
        mine = range(begins[place], begins[place + 1])
        searched = [each for each in mine if not final[each]]
        judged = [each for each in mine if final[each]] or searched
        sound = [each for each in judged if not lost[each]]
        found.append(
            Trial(
                **{name: row[name] for name in _FIXED},
                lanes=count,
                candidates=candidates,
                diverged=gone,
                cut=cut,
                agreement=_agreement(table.slice(starts[place], count)) if cut else None,
                seconds=seconds,
                candidate=row["candidate"] if mine else None,
                settings={name: row[name] for name in HYPERPARAMETERS} if mine else {},
                # a seed that diverged in the search was not trained again
                refit=any(own["refit"][each] for each in mine),
                fresh=judged is not searched,
                seeds=tuple(own["seed"][each] for each in judged),
                lost=tuple(own["seed"][each] for each in judged if lost[each]),
                search_lost=tuple(own["seed"][each] for each in searched if lost[each]),
                train={own["seed"][each]: own["train_accuracy"][each] for each in sound},
                validation={
                    own["seed"][each]: own["validation_accuracy"][each] for each in searched if not lost[each]
                },
                test={own["seed"][each]: own["test_accuracy"][each] for each in sound},
            )
        )
    return found


def _agreement(lanes: pa.Table) -> float | None:
    """Compare the order at the rung with that at the end, over the lanes of a trial that went on."""
    went_on = ~names_equal(lanes["stopped"], "cut") & ~names_equal(lanes["stopped"], "diverged")
    scores = [numbers(lanes[name].fill_null(math.nan)) for name in ("rung_score", "score")]
    known = went_on & np.isfinite(scores[0]) & np.isfinite(scores[1])
    return kendall(*(score[known] for score in scores)) if known.sum() >= LEAST_RANKED else None


def _look(table: pa.Table, trials: Sequence[Trial], seen: dict[str, dict[str, set[Any]]]) -> None:
    """Note two different values of each hyperparameter in `seen`, by data set. `trials` in the order of `table`."""
    lanes = [trial.lanes for trial in trials]
    for dataset in dict.fromkeys(trial.dataset for trial in trials):
        known = seen.setdefault(dataset, {name: set() for name in HYPERPARAMETERS})
        mine = np.repeat([trial.dataset == dataset for trial in trials], lanes)
        rows = None if mine.all() else positions(np.flatnonzero(mine))
        for name, values in known.items():
            if len(values) < 2:
                column = table[name] if rows is None else table[name].take(rows)
                values.update(column.unique().slice(0, 2).to_pylist())


def _declared_order(sweep: Sweep, present: Collection[str]) -> list[str]:
    """Data sets that have results, in the order of the spec."""
    declared = [entry["name"] for entry in sweep.info.get("datasets") or ()]
    return [name for name in declared if name in present] + sorted(set(present).difference(declared))
