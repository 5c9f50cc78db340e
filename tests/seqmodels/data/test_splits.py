"""Splits: nothing lost, nothing twice, classes in proportion, groups whole."""

import itertools

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedGroupKFold

from seqsweep.seqmodels.data.dataset import SequenceDataset
from seqsweep.seqmodels.data.errors import DataError
from seqsweep.seqmodels.data.splits import split


def dataset(label, is_test=None, group=None, classes=None) -> SequenceDataset:
    count = len(label)
    classes = max(label) + 1 if classes is None else classes
    return SequenceDataset.from_sequences(
        "toy",
        [np.full((1 + i % 3, 2), i, np.float32) for i in range(count)],
        label=label,
        class_names=[f"c{i}" for i in range(classes)],
        ids=[f"s{i}" for i in range(count)],
        is_test=[False] * count if is_test is None else is_test,
        group=group,
    )


@given(
    counts=st.lists(st.integers(2, 40), min_size=2, max_size=6),
    tested=st.integers(0, 10),
    fraction=st.floats(0.01, 0.99),
    seed=st.integers(0, 2**63),
)
@settings(max_examples=60)
def test_a_split_keeps_everything_once_and_every_class_on_both_sides(counts, tested, fraction, seed):
    label = [c for c, n in enumerate(counts) for _ in range(n)] + [0] * tested
    is_test = [False] * sum(counts) + [True] * tested
    data = dataset(label, is_test)
    parts = split(data, fraction=fraction, seed=seed)
    assert sorted(np.concatenate([parts.train, parts.validation, parts.test])) == list(range(len(label)))
    assert list(parts.test) == list(range(sum(counts), len(label)))
    for part in (parts.train, parts.validation):
        assert part.dtype == np.int64
        assert (np.diff(part) > 0).all()
        assert set(data.label[part]) == set(range(len(counts)))
    held = np.bincount(data.label[parts.validation], minlength=len(counts))
    quota = np.array(counts) * fraction
    proper = np.clip(held, np.floor(quota), np.ceil(quota)) == held
    assert (proper | (held == 1) | (held == np.array(counts) - 1)).all()


def test_largest_remainders_decide_who_rounds_up():
    # quotas 1.4, 1.8, 2.8 of 6 in all: the two largest remainders round up
    data = dataset([0] * 7 + [1] * 9 + [2] * 14)
    parts = split(data, fraction=0.2)
    assert np.bincount(data.label[parts.validation]).tolist() == [1, 2, 3]


def test_the_seed_alone_decides():
    data = dataset([0, 1] * 30)
    first, again, other = split(data, seed=1), split(data, seed=1), split(data, seed=2)
    assert first.validation.tolist() == again.validation.tolist()
    assert first.validation.tolist() != other.validation.tolist()
    # fixed here so that a new numpy cannot silently change everybody's splits
    assert split(dataset([0, 1] * 8), seed=3, fraction=0.25).validation.tolist() == [2, 7, 12, 15]


@given(
    member=st.lists(st.tuples(st.integers(0, 2), st.integers(0, 5)), min_size=6, max_size=40),
    fraction=st.floats(0.1, 0.6),
    seed=st.integers(0, 100),
)
@settings(max_examples=60)
def test_groups_stay_whole_and_a_split_is_found_whenever_there_is_one(member, fraction, seed):
    label, group = np.array([m[0] for m in member]), np.array([m[1] for m in member])
    assume((np.bincount(label, minlength=3) >= 2).all())
    data = dataset(label.tolist(), group=group * 7)
    groups = np.unique(group)
    possible = any(
        len(set(label[inside])) == 3 and len(set(label[~inside])) == 3
        for size in range(1, len(groups))
        for choice in itertools.combinations(groups, size)
        for inside in [np.isin(group, choice)]
    )
    if not possible:
        with pytest.raises(DataError, match="whole groups"):
            split(data, fraction=fraction, seed=seed, by_group=True)
        return
    parts = split(data, fraction=fraction, seed=seed, by_group=True)
    assert not set(group[parts.train]) & set(group[parts.validation])
    assert sorted(np.concatenate([parts.train, parts.validation])) == list(range(len(label)))
    assert set(label[parts.train]) == set(label[parts.validation]) == {0, 1, 2}


def imbalance(label: np.ndarray, held: np.ndarray) -> float:
    share = np.bincount(label[held], minlength=label.max() + 1) / np.bincount(label)
    return float(((share - 0.2) ** 2).sum())


@pytest.mark.parametrize("seed", range(5))
def test_classes_are_balanced_at_least_as_well_as_scikit_learn_does(seed):
    random = np.random.default_rng(seed)
    group = random.integers(0, 19, 600)
    label = (group // 4 + random.integers(0, 3, 600)) % 5
    parts = split(dataset(label.tolist(), group=group), seed=seed, by_group=True)
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=seed).split(label, label, group)
    theirs = np.median([imbalance(label, held) for _, held in folds])
    assert imbalance(label, parts.validation) <= theirs


@pytest.mark.parametrize("fraction", [0.01, 0.2, 0.99])
def test_a_class_of_one_sequence_stays_in_train(fraction):
    parts = split(dataset([0] * 5 + [1] + [2] * 2), fraction=fraction)
    assert 5 in parts.train
    assert {0, 2} == set(np.array([0] * 5 + [1] + [2] * 2)[parts.validation])


def test_impossible_splits_say_why():
    with pytest.raises(DataError) as caught:
        split(dataset([0, 0, 1, 2], classes=4))
    assert str(caught.value) == (
        "toy: class `c3` has no training sequences, so it cannot be learnt: add some, or leave the class out by naming the "
        "others in `classes` of the data set's table"
    )
    with pytest.raises(
        DataError, match=r"toy: every class has 1 training sequence, .*: give at least one class 2 or more"
    ):
        split(dataset([0, 1]))
    with pytest.raises(DataError, match="toy: has no groups"):
        split(dataset([0, 0, 1, 1]), by_group=True)
    with pytest.raises(DataError, match=r"whole groups \(1 here\)"):
        split(dataset([0, 0, 1, 1], group=[3] * 4), by_group=True)


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5, float("nan")])
def test_a_senseless_fraction_is_refused(fraction):
    with pytest.raises(ValueError, match=r"`validation` is .*, but must be between 0 and 1"):
        split(dataset([0, 0, 1, 1]), fraction=float(fraction))


def test_a_negative_seed_is_refused():
    with pytest.raises(ValueError, match="`seed` is -1, but must be at least 0"):
        split(dataset([0, 0, 1, 1]), seed=-1)
