"""Means and variances part by part: numpy's bits, whatever the parts' size."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from seqsweep.seqmodels.data.transforms import statistics
from seqsweep.seqmodels.data.transforms.pipeline import Changed
from seqsweep.seqmodels.data.transforms.standardize import STANDARDIZE
from seqsweep.seqmodels.data.transforms.statistics import moments


@given(
    lengths=st.lists(st.integers(1, 30), min_size=1, max_size=12),
    columns=st.integers(2, 5),
    part=st.sampled_from([1, 7, 50, 10**6]),
    seed=st.integers(0, 99),
)
def test_parts_change_no_bit(lengths, columns, part, seed):
    draw = np.random.default_rng(seed)
    sequences = [draw.normal(1e6, 1e-3, (length, columns)) for length in lengths]
    frames = np.concatenate(sequences)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(statistics, "PART", part)
        found = moments(sequences)
    assert found.count == len(frames)
    assert_array_equal(found.first, frames[0])
    assert_array_equal(found.low, frames.min(0))
    assert_array_equal(found.high, frames.max(0))
    assert_array_equal(found.mean, frames.mean(0))
    assert_array_equal(np.sqrt(found.variance), frames.std(0))


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=400))
def test_one_column_too_where_it_is_one_part(values):
    frames = np.array(values)[:, None]
    found = moments([frames[:3], frames[3:]] if len(frames) > 3 else [frames])
    assert_array_equal(found.mean, frames.mean(0))
    assert_array_equal(found.variance, frames.var(0))


def test_fitting_holds_a_part_at_a_time(monkeypatch):
    monkeypatch.setattr(statistics, "PART", 2**14)
    seeds = list(np.arange(400.0)[:, None])
    made = Changed(seeds, lambda seed: np.random.default_rng(int(seed[0])).normal(size=(1000, 4)))
    tracemalloc.start()
    record, _ = STANDARDIZE.record(made, ("1", "2", "3", "4"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert record["std"] == pytest.approx([1] * 4, abs=0.01)
    assert peak < 2**20 < 400 * 1000 * 4 * 8 / 10
