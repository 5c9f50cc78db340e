"""Metrics against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix as oracle

from seqsweep.seqmodels.metrics import confusion_matrix


@given(
    st.integers(2, 6).flatmap(
        lambda classes: st.tuples(
            st.just(classes),
            st.lists(
                st.tuples(st.integers(0, classes - 1), st.integers(0, classes - 1)), min_size=1, max_size=60
            ),
        )
    )
)
def test_confusion_matrix_equals_scikit_learn(case: tuple[int, list[tuple[int, int]]]) -> None:
    classes, pairs = case
    true, predicted = np.array(pairs).T
    np.testing.assert_array_equal(
        confusion_matrix(true, predicted, classes), oracle(true, predicted, labels=range(classes))
    )


def test_rows_are_the_true_class_and_nothing_gives_zeros() -> None:
    assert confusion_matrix(np.array([0, 0, 1]), np.array([1, 1, 1]), 3).tolist() == [
        [0, 2, 0],
        [0, 1, 0],
        [0, 0, 0],
    ]
    empty = np.zeros(0, dtype=np.int64)
    assert confusion_matrix(empty, empty, 2).tolist() == [[0, 0], [0, 0]]


@pytest.mark.parametrize("label", [-1, 3])
def test_a_label_outside_is_refused(label: int) -> None:
    with pytest.raises(ValueError, match=rf"`predicted` has the label {label}, but must be in 0 \.\. 2"):
        confusion_matrix(np.array([0]), np.array([label]), 3)
