"""Kendall's tau against scipy's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau

from seqsweep.results.statistics.rank_correlation import kendall

FIGURES = st.sampled_from([0.0, 0.25, 0.5, 0.9, 1.0])


@given(st.lists(st.tuples(FIGURES, FIGURES), max_size=12))
def test_it_is_scipys(pairs: list[tuple[float, float]]) -> None:
    first, second = (np.array([pair[side] for pair in pairs]) for side in (0, 1))
    found = kendall(first, second)
    if len(set(first)) < 2 or len(set(second)) < 2:
        assert found is None
    else:
        assert found == pytest.approx(kendalltau(first, second).statistic)
