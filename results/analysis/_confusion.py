"""What a trial's chosen candidate takes for what, pooled over its seeds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from results.analysis._interval import Interval, interval
from results.analysis._lanes import Lane
from results.analysis._pick import pick
from results.analysis._trials import Trial
from results.errors import StoreError
from results.store import Sweep


@dataclass(frozen=True)
class Pair:
    """`count` sequences of class `true` were taken for `predicted`: `share` of them, over seeds."""

    true: str
    predicted: str
    count: int
    share: Interval


@dataclass(frozen=True)
class Confusion:
    """Confusion matrix of the chosen candidate, `seeds` seeds pooled.

    `counts` [C][C]: rows are true classes, columns predicted ones, in the order of `classes`; `n` is their sum.
    `recall`, `precision` [C]: None for a class without sequences or never predicted. `accuracy`: over seeds.
    `confused`: pairs of different classes, the most frequent share first.
    """

    sweep: str
    dataset: str
    synthetic: bool
    trial: str
    architecture: str
    candidate: int
    split: str
    seeds: int
    classes: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    recall: tuple[float | None, ...]
    precision: tuple[float | None, ...]
    n: int
    accuracy: Interval
    confused: tuple[Pair, ...]


def confusion(
    sweep: Sweep, dataset: str | None = None, trial: str | None = None, split: str = "test"
) -> Confusion:
    """Confusion matrix of a trial (its id, a prefix, or "lstm x 2 x 100"); None: the best on the data set.

    Raises `StoreError` when the data set, trial or split has no such results.
    """
    picked = pick(sweep, dataset, trial)
    if picked.candidate is None:
        raise StoreError(f"trial {picked.trial} has no chosen candidate: all of its lanes diverged")
    table = sweep.read(
        "confusions", ["candidate", "seed", "split", "true", "predicted", "count"], trials=[picked.trial]
    )
    mine = [cell for cell in table.to_pylist() if cell["candidate"] == picked.candidate]
    splits = sorted({cell["split"] for cell in mine})
    cells = [cell for cell in mine if cell["split"] == split]
    if not cells:
        found = f"it has {', '.join(splits)}" if splits else "no lane of it was scored"
        raise StoreError(f"trial {picked.trial} has no confusions of split `{split}`; {found}")
    classes = _classes(sweep, picked.dataset, cells)
    return _measure(sweep.id, picked, picked.candidate, split, classes, _counts(cells, classes))


def _classes(sweep: Sweep, dataset: str, cells: Sequence[Lane]) -> tuple[str, ...]:
    entries = [entry for entry in sweep.info.get("datasets") or () if entry["name"] == dataset]
    declared = tuple(entries[0].get("classes") or ()) if entries else ()
    seen = {cell["true"] for cell in cells} | {cell["predicted"] for cell in cells}
    return declared + tuple(sorted(seen.difference(declared)))


def _counts(cells: Sequence[Lane], classes: Sequence[str]) -> np.ndarray:
    """Counts of each seed, int64 [seeds, C, C]."""
    seeds = {seed: place for place, seed in enumerate(sorted({cell["seed"] for cell in cells}))}
    place = {name: index for index, name in enumerate(classes)}
    counts = np.zeros((len(seeds), len(classes), len(classes)), dtype=np.int64)
    for cell in cells:
        counts[seeds[cell["seed"]], place[cell["true"]], place[cell["predicted"]]] += cell["count"]
    return counts


def _measure(
    sweep: str, trial: Trial, candidate: int, split: str, classes: tuple[str, ...], each: np.ndarray
) -> Confusion:
    pooled = each.sum(axis=0)
    true, predicted, hit = pooled.sum(axis=1), pooled.sum(axis=0), np.diagonal(pooled)
    totals = each.sum(axis=(1, 2))
    correct = np.trace(each, axis1=1, axis2=2)
    pairs = []
    for row, column in zip(*np.nonzero(pooled), strict=True):
        if row != column:
            of = each[:, row].sum(axis=1)
            share = interval(each[of > 0, row, column] / of[of > 0])
            pairs.append(Pair(classes[row], classes[column], int(pooled[row, column]), share))
    pairs.sort(key=lambda pair: (-(pair.share.mean or 0.0), -pair.count, pair.true, pair.predicted))
    return Confusion(
        sweep=sweep,
        dataset=trial.dataset,
        synthetic=trial.synthetic,
        trial=trial.trial,
        architecture=trial.label,
        candidate=candidate,
        split=split,
        seeds=len(each),
        classes=classes,
        counts=tuple(tuple(map(int, row)) for row in pooled),
        recall=tuple(_share(part, whole) for part, whole in zip(hit, true, strict=True)),
        precision=tuple(_share(part, whole) for part, whole in zip(hit, predicted, strict=True)),
        n=int(pooled.sum()),
        accuracy=interval(correct[totals > 0] / totals[totals > 0]),
        confused=tuple(pairs),
    )


def _share(part: np.int64, whole: np.int64) -> float | None:
    return float(part / whole) if whole else None
