"""Macro F1 and balanced accuracy from counts, against scikit-learn's from the answers."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics

from seqsweep.class_averages import are_uneven, balanced_accuracy, macro_f1

ANSWERS = st.integers(1, 6).flatmap(
    lambda classes: st.lists(st.tuples(*[st.integers(0, classes - 1)] * 2), min_size=1, max_size=60)
)


def counted(pairs: list[tuple[int, int]], classes: int = 6) -> np.ndarray:
    counts = np.zeros((classes, classes), dtype=np.int64)
    for pair in pairs:
        counts[pair] += 1
    return counts


@given(st.lists(ANSWERS, min_size=1, max_size=3))
def test_they_are_scikit_learns_also_of_classes_that_never_occur_or_are_never_predicted(
    seeds: list[list[tuple[int, int]]],
) -> None:
    counts = np.stack([counted(pairs) for pairs in seeds])
    with warnings.catch_warnings():  # "y_pred contains classes not in y_true"
        warnings.simplefilter("ignore", UserWarning)
        theirs = [
            (
                metrics.f1_score(*zip(*pairs, strict=True), average="macro", zero_division=0),
                metrics.balanced_accuracy_score(*zip(*pairs, strict=True)),
            )
            for pairs in seeds
        ]
    f1, balanced = zip(*theirs, strict=True)
    assert macro_f1(counts) == pytest.approx(f1, abs=1e-12)
    assert balanced_accuracy(counts) == pytest.approx(balanced, abs=1e-12)


def test_of_no_sequences_there_is_no_figure() -> None:
    nothing = np.zeros((2, 3, 3), dtype=np.int64)
    assert np.isnan(macro_f1(nothing)).all()
    assert np.isnan(balanced_accuracy(nothing)).all()


@pytest.mark.parametrize(
    ("sizes", "uneven"),
    [([], False), ([0, 0], False), ([10, 14], False), ([10, 15], True), ([3, 0], True), ([7], False)],
)
def test_classes_are_uneven_from_one_and_a_half_times_on(sizes: list[int], uneven: bool) -> None:
    assert are_uneven(sizes) is uneven
