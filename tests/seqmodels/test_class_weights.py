"""Weights of classes, against scikit-learn's."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight

from seqsweep.seqmodels.class_weights import balanced_weights


@given(st.lists(st.integers(0, 11), min_size=1, max_size=60))
def test_balanced_weights_are_scikit_learns(labels: list[int]) -> None:
    label = np.array(labels)
    found = balanced_weights(torch.from_numpy(label), 12)
    there = np.unique(label)
    expected = np.zeros(12)
    expected[there] = compute_class_weight("balanced", classes=there, y=label)
    np.testing.assert_allclose(found, expected, rtol=1e-15)
