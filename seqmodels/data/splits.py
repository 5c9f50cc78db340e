"""Train / validation / test: the given test split is kept, validation is a seeded part of the rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seqsweep.seqmodels.data.dataset import SequenceDataset
from seqsweep.seqmodels.data.errors import DataError, Problem

RESTARTS = 64
MOST_SWAPS = 50_000


@dataclass(frozen=True, eq=False)
class Splits:
    """Sequence indices (int64, sorted) of the three parts; together they are the whole data set, once."""

    train: npt.NDArray[np.int64]
    validation: npt.NDArray[np.int64]
    test: npt.NDArray[np.int64]


def split(
    dataset: SequenceDataset, *, fraction: float = 0.2, seed: int = 0, by_group: bool = False
) -> Splits:
    """Hold out about `fraction` of the training sequences for validation, with the classes in proportion.

    Every class of two or more keeps at least one sequence in train and in validation;
    a single one stays in train. Without groups the sizes are exact:
    the largest remainders decide which classes round up. With `by_group` a group (speaker, writer) lies
    wholly on one side, and the classes are balanced as well as whole groups allow (the aim of scikit-learn's
    StratifiedGroupKFold, for one fold of any size). Equal arguments give equal splits, on any machine.

    Raises ValueError for a fraction outside (0, 1) or a negative seed, DataError when no such split exists.
    """
    if not 0 < fraction < 1:
        raise ValueError(f"`fraction` is {fraction:g}, but must be between 0 and 1")
    if seed < 0:
        raise ValueError(f"`seed` is {seed}, but must be at least 0")
    rest = np.flatnonzero(~dataset.is_test)
    counts = np.bincount(dataset.label[rest], minlength=dataset.class_count)
    way_out = "add some, or leave the class out by naming the others in `classes` of the data set's table"
    absent = [dataset.class_names[index] for index in np.flatnonzero(counts < 1)]
    if absent:
        rule = "class `{}` has no training sequences, so it cannot be learnt: {}"
        raise DataError(Problem(dataset.name, rule.format(name, way_out)) for name in absent)
    if counts.max() < 2:
        rule = (
            "every class has 1 training sequence, so none is left for validation, on which candidates are chosen: "
            "give at least one class 2 or more"
        )
        raise DataError([Problem(dataset.name, rule)])
    if by_group:
        chosen = _held_out_groups(dataset, rest, fraction, seed)
    else:
        chosen = _held_out_sequences(dataset.label[rest], counts, fraction, seed)
    return Splits(rest[~chosen], rest[chosen], np.flatnonzero(dataset.is_test))


def validation_counts(counts: npt.NDArray[np.int64], fraction: float) -> npt.NDArray[np.int64]:
    """How many of each class's `counts` go to validation: largest remainders, at least 1 on either side.

    Of a class of one, none.
    """
    quota = counts * fraction
    taken = np.floor(quota).astype(np.int64)
    left_over = int(np.floor(quota.sum() + 0.5)) - int(taken.sum())
    largest_first = np.argsort(taken - quota, kind="stable")
    taken[largest_first[: max(left_over, 0)]] += 1
    return np.asarray(np.minimum(np.maximum(taken, 1), counts - 1), np.int64)


def _draws(seed: int, stream: int, count: int) -> npt.NDArray[np.uint64]:
    # Raw Philox output is the same in every numpy version; Generator.permutation promises no such thing.
    bits = np.random.Philox(key=np.array([seed & (2**64 - 1), stream], np.uint64))
    return np.asarray(bits.random_raw(count), np.uint64)


def _held_out_sequences(
    label: npt.NDArray[np.int64], counts: npt.NDArray[np.int64], fraction: float, seed: int
) -> npt.NDArray[np.bool_]:
    chosen = np.zeros(len(label), np.bool_)
    for index, taken in enumerate(validation_counts(counts, fraction)):
        members = np.flatnonzero(label == index)
        order = np.argsort(_draws(seed, index, len(members)), kind="stable")
        chosen[members[order[:taken]]] = True
    return chosen


def _held_out_groups(
    dataset: SequenceDataset, rest: npt.NDArray[np.int64], fraction: float, seed: int
) -> npt.NDArray[np.bool_]:
    if dataset.group is None:
        raise DataError(
            [Problem(dataset.name, "has no groups, but a split by group is asked for: leave `by_group` out")]
        )
    names, member = np.unique(dataset.group[rest], return_inverse=True)
    counts = np.zeros((len(names), dataset.class_count), np.int64)  # [groups, C]
    np.add.at(counts, (member, dataset.label[rest]), 1)
    for start in _starts(counts.sum(1), fraction, seed):
        chosen = _balance(counts, start, fraction)
        held = counts[chosen].sum(0)
        if held.min() > 0 and (counts.sum(0) - held).min() > 0:
            return np.asarray(chosen[member], np.bool_)
    message = (
        f"no choice of whole groups ({len(names)} in train) was found that leaves every class in both "
        "train and validation: leave `by_group` out, or the classes of a single group by naming the others in `classes`"
    )
    raise DataError([Problem(dataset.name, message)])


def _starts(sizes: npt.NDArray[np.int64], fraction: float, seed: int) -> Iterator[npt.NDArray[np.bool_]]:
    """Random choices of groups [groups] that hold roughly `fraction` of the sequences."""
    for attempt in range(RESTARTS):
        order = np.argsort(_draws(seed, attempt, len(sizes)), kind="stable")
        before = np.cumsum(sizes[order]) - sizes[order]
        chosen = np.zeros(len(sizes), np.bool_)
        chosen[order[before < fraction * sizes.sum()]] = True
        yield chosen


def _cost(
    held: npt.NDArray[np.int64], total: npt.NDArray[np.int64], fraction: float
) -> npt.NDArray[np.float64]:
    """Squared distance of the held-out shares [..., C] from `fraction`, after the number of classes lost."""
    lost = ((held == 0) | (held == total)).sum(-1)
    return np.asarray(((held / total - fraction) ** 2).sum(-1) + 1e6 * lost)


def _balance(
    counts: npt.NDArray[np.int64], start: npt.NDArray[np.bool_], fraction: float
) -> npt.NDArray[np.bool_]:
    """Move or swap groups, the best step first, until no step brings the shares closer to `fraction`."""
    chosen, total = start.copy(), counts.sum(0)
    cost = _cost(counts[chosen].sum(0), total, fraction)
    while True:
        held = counts[chosen].sum(0)
        inside, outside = np.flatnonzero(chosen), np.flatnonzero(~chosen)
        moves = _cost(held + np.where(chosen, -1, 1)[:, None] * counts, total, fraction)
        step, best = [int(moves.argmin())], moves.min()
        if 0 < len(inside) * len(outside) <= MOST_SWAPS:
            swaps = _cost(held - counts[inside][:, None] + counts[outside][None], total, fraction)
            if swaps.min() < best:
                out, into = np.unravel_index(swaps.argmin(), swaps.shape)
                step, best = [int(inside[out]), int(outside[into])], swaps.min()
        if best >= cost - 1e-12:
            return chosen
        chosen[step] ^= True
        cost = best
