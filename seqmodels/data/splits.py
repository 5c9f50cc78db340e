"""Train / validation / test, by the data's own parts, by seeded shares of classes or of whole groups, or by name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from seqsweep.seqmodels.data.collection import TEST, VALIDATION
from seqsweep.seqmodels.data.errors import DataError, Problem

if TYPE_CHECKING:
    from seqsweep.seqmodels.data.dataset import SequenceDataset

RESTARTS = 64
MOST_SWAPS = 50_000


BY = ("sequence", "group")
_TEST_STREAM = 2**32  # the draws for test are none of those for validation


@dataclass(frozen=True)
class SplitRule:
    """How sequences are shared out; equal rules give equal parts of equal data, on any machine.

    Args:
        test: `given`: the data's own test part; else a share of all sequences, whatever part the data give them.
        validation: share of what is not test, on which candidates are chosen; where the data have a validation part of
            their own, and `test` is `given`, that is taken.
        by: `group` keeps a group (speaker, writer) wholly in one part.
        seed: of the draws.
        test_groups, validation_groups: names of groups that make a part, instead of a share.
        test_ids, validation_ids: ids of sequences, likewise.

    Raises:
        ValueError: a share is not between 0 and 1, or the seed negative.
    """

    test: float | Literal["given"] = "given"
    validation: float = 0.2
    by: Literal["sequence", "group"] = "sequence"
    seed: int = 0
    test_groups: tuple[str, ...] = ()
    validation_groups: tuple[str, ...] = ()
    test_ids: tuple[str, ...] = ()
    validation_ids: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, share in (("test", self.test), ("validation", self.validation)):
            if not isinstance(share, str) and not 0 < share < 1:
                raise ValueError(f"`{name}` is {share:g}, but must be between 0 and 1")
        if self.seed < 0:
            raise ValueError(f"`seed` is {self.seed}, but must be at least 0")


@dataclass(frozen=True, eq=False)
class Labelled:
    """What a split goes by. S sequences, C classes."""

    name: str
    label: npt.NDArray[np.int64]  # [S]
    class_names: tuple[str, ...]
    ids: Sequence[str]
    group: npt.NDArray[np.int64] | None  # [S]
    group_names: Sequence[str] = ()  # of the groups' numbers; empty: the numbers themselves
    part: Sequence[str | None] = ()  # [S], as the data give it

    @property
    def class_count(self) -> int:
        """C."""
        return len(self.class_names)

    @classmethod
    def of(cls, dataset: SequenceDataset) -> Labelled:
        """Take from a data set what a split goes by, its test part as given."""
        part = [TEST if test else None for test in dataset.is_test.tolist()]
        return cls(dataset.name, dataset.label, dataset.class_names, dataset.ids, dataset.group, (), part)


@dataclass(frozen=True, eq=False)
class Splits:
    """Sequence indices (int64, sorted) of the three parts; together they are the whole data set, once."""

    train: npt.NDArray[np.int64]
    validation: npt.NDArray[np.int64]
    test: npt.NDArray[np.int64]

    @classmethod
    def of(cls, dataset: SequenceDataset) -> Splits:
        """Give the parts of a data set whose validation is decided."""
        assert dataset.is_validation is not None
        return _splits(dataset.is_test, dataset.is_validation)


def share_out(labelled: Labelled, rule: SplitRule) -> Splits:
    """Share out sequences to train, validation and test.

    Shares hold the classes in proportion: every class of two or more keeps at least one sequence on either side; a single
    one stays in train. By sequence the sizes are exact: the largest remainders decide which classes round up. By group
    the classes are balanced as well as whole groups allow (the aim of scikit-learn's StratifiedGroupKFold, for one fold
    of any size).

    Raises:
        DataError: no such split exists, or the rule names what is not there.
    """
    is_test = _is_test(labelled, rule)
    _check_classes(labelled, ~is_test, is_test)
    validation = _named(labelled, VALIDATION, rule.validation_groups, rule.validation_ids)
    if validation is None and rule.test == "given" and not (rule.test_groups or rule.test_ids):
        validation = _given(labelled, VALIDATION)
    if validation is None:
        return _hold_out_validation(labelled, is_test, rule)
    _check_classes(labelled, ~(is_test | validation), None)
    return _splits(is_test, validation & ~is_test)


def split(
    dataset: SequenceDataset, *, fraction: float = 0.2, seed: int = 0, by_group: bool = False
) -> Splits:
    """Hold out about `fraction` of the sequences that are not test for validation: see `share_out`.

    Raises ValueError for a fraction outside (0, 1) or a negative seed, DataError when no such split exists.
    """
    rule = SplitRule(validation=fraction, by="group" if by_group else "sequence", seed=seed)
    labelled = Labelled.of(dataset)
    _check_classes(labelled, ~dataset.is_test, None)
    return _hold_out_validation(labelled, dataset.is_test, rule)


def own_test(labelled: Labelled) -> npt.NDArray[np.bool_]:
    """Mark the test part that the data come with [S]. Raises DataError where they have none."""
    given = _given(labelled, TEST)
    if given is None:
        todo = "hold a part out by `test = 0.2` in [split]"
        raise DataError([Problem(labelled.name, f"has no test part of its own: {todo}")])
    return given


def folds(
    labelled: Labelled, count: int, *, by: str = "sequence", seed: int = 0
) -> list[npt.NDArray[np.int64]]:
    """Share out all sequences to `count` folds [int64, sorted], each once, the classes in proportion.

    By group a group lies wholly in one fold. Folds are made one after the other, each as a share of what is left.

    Raises:
        ValueError: fewer than two folds.
        DataError: no such folds exist.
    """
    if count < 2:
        raise ValueError(f"`folds` is {count}, but must be at least 2")
    left, found = np.arange(len(labelled.ids)), []
    for fold in range(count - 1):
        rule = SplitRule(by="group" if by == "group" else "sequence", seed=seed + fold)
        held = _held_out(labelled, left, 1 / (count - fold), rule, TEST)
        found.append(left[held])
        left = left[~held]
    return [*found, left]


def _hold_out_validation(labelled: Labelled, is_test: npt.NDArray[np.bool_], rule: SplitRule) -> Splits:
    rest = np.flatnonzero(~is_test)
    if np.bincount(labelled.label[rest]).max() < 2:
        reason = (
            "every class has 1 training sequence, so none is left for validation, on which candidates are chosen: "
            "give at least one class 2 or more"
        )
        raise DataError([Problem(labelled.name, reason)])
    validation = np.zeros(len(is_test), np.bool_)
    validation[rest] = _held_out(labelled, rest, rule.validation, rule, VALIDATION)
    return _splits(is_test, validation)


def _splits(is_test: npt.NDArray[np.bool_], is_validation: npt.NDArray[np.bool_]) -> Splits:
    return Splits(*map(np.flatnonzero, (~(is_test | is_validation), is_validation, is_test)))


def _is_test(labelled: Labelled, rule: SplitRule) -> npt.NDArray[np.bool_]:
    named = _named(labelled, TEST, rule.test_groups, rule.test_ids)
    if named is not None:
        return named
    if rule.test != "given":
        if np.bincount(labelled.label).max() < 2:
            raise DataError([Problem(labelled.name, "every class has 1 sequence, so none is left for test")])
        return _held_out(labelled, np.arange(len(labelled.label)), rule.test, rule, TEST)
    return own_test(labelled)


def _given(labelled: Labelled, part: str) -> npt.NDArray[np.bool_] | None:
    if part not in labelled.part:
        return None
    return np.array([each == part for each in labelled.part], np.bool_)


def _named(
    labelled: Labelled, part: str, groups: Sequence[str], ids: Sequence[str]
) -> npt.NDArray[np.bool_] | None:
    """Which sequences the rule puts into a part by their names; None where it names none."""
    if not groups and not ids:
        return None
    chosen = np.zeros(len(labelled.ids), np.bool_)
    problems = []
    for what, wanted, having in (
        ("groups", groups, _group_of_each(labelled) if groups else []),
        ("ids", ids, labelled.ids),
    ):
        known = set(having)
        for name in wanted:
            if name not in known:
                near = get_close_matches(name, sorted(known), 1)
                hint = f" (did you mean `{near[0]}`?)" if near else ""
                kind = "group" if what == "groups" else "sequence"
                problems.append(
                    Problem(labelled.name, f"has no {kind} `{name}`, which `{part}_{what}` names{hint}")
                )
        if wanted:
            chosen |= np.isin(np.array(having, object), np.array(list(wanted), object))
    if problems:
        raise DataError(problems)
    return chosen


def _group_of_each(labelled: Labelled) -> list[str]:
    if labelled.group is None:
        todo = "say by `group` in the data set's table where they are found"
        raise DataError([Problem(labelled.name, f"has no groups, but [split] names some: {todo}")])
    names = labelled.group_names
    return [names[each] if names else str(each) for each in labelled.group.tolist()]


def _check_classes(
    labelled: Labelled, rest: npt.NDArray[np.bool_], test: npt.NDArray[np.bool_] | None
) -> None:
    """Raise DataError unless each class is among the `rest`, which is trained on, and in `test`."""
    way_out = "add some, or leave the class out by naming the others in `classes` of the data set's table"
    counts = np.bincount(labelled.label[rest], minlength=labelled.class_count)
    problems = [
        Problem(labelled.name, f"class `{name}` has no training sequences, so it cannot be learnt: {way_out}")
        for name, count in zip(labelled.class_names, counts, strict=True)
        if not count
    ]
    if test is not None and not problems:
        tested = np.bincount(labelled.label[test], minlength=labelled.class_count)
        problems = [
            Problem(labelled.name, f"class `{name}` has no test sequences, so it cannot be judged: {way_out}")
            for name, count in zip(labelled.class_names, tested, strict=True)
            if not count
        ]
    if problems:
        raise DataError(problems)


def _held_out(
    labelled: Labelled, among: npt.NDArray[np.int64], share: float, rule: SplitRule, part: str
) -> npt.NDArray[np.bool_]:
    """Which of the sequences `among` make a share."""
    stream = _TEST_STREAM if part == TEST else 0
    if rule.by == "group":
        if labelled.group is None:
            todo = "say by `group` in the data set's table where they are, or leave `by` out of [split]"
            raise DataError(
                [Problem(labelled.name, f"has no groups, but a split by group is asked for: {todo}")]
            )
        return _held_out_groups(labelled, among, share, rule.seed, stream)
    counts = np.bincount(labelled.label[among], minlength=labelled.class_count)
    return _held_out_sequences(labelled.label[among], counts, share, rule.seed, stream)


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
    label: npt.NDArray[np.int64], counts: npt.NDArray[np.int64], fraction: float, seed: int, stream: int
) -> npt.NDArray[np.bool_]:
    chosen = np.zeros(len(label), np.bool_)
    for index, taken in enumerate(validation_counts(counts, fraction)):
        members = np.flatnonzero(label == index)
        order = np.argsort(_draws(seed, stream + index, len(members)), kind="stable")
        chosen[members[order[:taken]]] = True
    return chosen


def _held_out_groups(
    labelled: Labelled, rest: npt.NDArray[np.int64], fraction: float, seed: int, stream: int
) -> npt.NDArray[np.bool_]:
    assert labelled.group is not None
    names, member = np.unique(labelled.group[rest], return_inverse=True)
    counts = np.zeros((len(names), labelled.class_count), np.int64)  # [groups, C]
    np.add.at(counts, (member, labelled.label[rest]), 1)
    for start in _starts(counts.sum(1), fraction, seed, stream):
        chosen = _balance(counts, start, fraction)
        held = counts[chosen].sum(0)
        if held.min() > 0 and (counts.sum(0) - held).min() > 0:
            return np.asarray(chosen[member], np.bool_)
    message = (
        f"no choice of whole groups ({len(names)} here) was found that leaves every class on both sides of "
        f"{'test' if stream else 'validation'}: leave `by` out, or the classes of a single group by `classes`"
    )
    raise DataError([Problem(labelled.name, message)])


def _starts(
    sizes: npt.NDArray[np.int64], fraction: float, seed: int, stream: int
) -> Iterator[npt.NDArray[np.bool_]]:
    """Random choices of groups [groups] that hold roughly `fraction` of the sequences."""
    for attempt in range(RESTARTS):
        order = np.argsort(_draws(seed, stream + attempt, len(sizes)), kind="stable")
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
