"""Folds: each sequence once, classes as even as scikit-learn's stratified folds, groups whole."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedKFold

from seqsweep.seqmodels.data.errors import DataError
from seqsweep.seqmodels.data.splits import Labelled, folds


def labelled(label: Sequence[int], group: Sequence[int] | None = None) -> Labelled:
    numbers = np.array(label, np.int64)
    names = tuple(f"c{place}" for place in range(numbers.max() + 1))
    ids = [str(place) for place in range(len(numbers))]
    return Labelled("toy", numbers, names, ids, None if group is None else np.array(group, np.int64))


@given(st.lists(st.integers(10, 40), min_size=2, max_size=4), st.integers(2, 5), st.integers(0, 99))
def test_each_sequence_is_in_one_fold_and_classes_are_even(counts: list[int], count: int, seed: int) -> None:
    data = labelled(np.repeat(np.arange(len(counts)), counts).tolist())
    found = folds(data, count, seed=seed)
    assert sorted(np.concatenate(found).tolist()) == list(range(sum(counts)))
    theirs = StratifiedKFold(count).split(np.zeros(sum(counts)), data.label)
    for mine, (_, test) in zip(found, theirs, strict=True):
        ours, sklearns = (np.bincount(data.label[part], minlength=len(counts)) for part in (mine, test))
        assert np.abs(ours - sklearns).max() <= 2
        assert mine.tolist() == sorted(mine.tolist())
    again = folds(data, count, seed=seed)
    assert [each.tolist() for each in again] == [each.tolist() for each in found]


def test_groups_are_in_one_fold_each() -> None:
    draw = np.random.default_rng(0)
    group = draw.integers(0, 20, 400)
    data = labelled(draw.integers(0, 3, 400).tolist(), group.tolist())
    found = folds(data, 5, by="group")
    assert sorted(np.concatenate(found).tolist()) == list(range(400))
    homes = [set(group[each].tolist()) for each in found]
    assert sum(map(len, homes)) == len(set(group.tolist()))
    assert all(50 <= len(each) <= 110 for each in found)


def test_folds_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="`folds` is 1, but must be at least 2"):
        folds(labelled([0, 1] * 5), 1)
    with pytest.raises(DataError, match="has no groups"):
        folds(labelled([0, 1] * 5), 2, by="group")
