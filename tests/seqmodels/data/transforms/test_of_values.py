"""Transforms of single sequences' values against scikit-learn, scipy and numpy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import zscore
from sklearn.preprocessing import StandardScaler

from seqsweep.seqmodels.data.asking import asked_transforms
from seqsweep.seqmodels.data.collection import Collection
from seqsweep.seqmodels.data.preparing import prepare
from seqsweep.seqmodels.data.transforms.clip import Clip

NAMES = ("x", "y", "pen_up")
VALUES = arrays(
    np.float64, st.tuples(st.integers(1, 12), st.just(3)), elements=st.integers(-50, 50).map(float)
)


def changed(sequence, name, train=None, **settings):
    [made] = asked_transforms([{name: settings}])
    record, _ = made.record([sequence] if train is None else train, NAMES)
    return made.apply(sequence, record)


@given(VALUES)
def test_a_sequence_is_standardised_as_scikit_learn_and_scipy_do(sequence):
    found = changed(sequence, "standardize_sequence")
    assert_allclose(found, StandardScaler().fit_transform(sequence), atol=1e-9)
    varied = sequence.min(0) < sequence.max(0)
    assert_allclose(found[:, varied], zscore(sequence[:, varied], axis=0), atol=1e-9)
    assert not found[:, ~varied].any()


@given(VALUES, VALUES)
def test_both_are_side_by_side(train, sequence):
    found = changed(sequence, "standardize_both", [train])
    assert_array_equal(found[:, :3], changed(sequence, "standardize", [train]))
    assert_array_equal(found[:, 3:], changed(sequence, "standardize_sequence"))


@given(VALUES)
def test_the_middle_or_the_first_step_becomes_nothing(sequence):
    assert_allclose(
        changed(sequence, "center")[:, :2],
        StandardScaler(with_std=False).fit_transform(sequence[:, :2]),
        atol=1e-12,
    )
    assert_array_equal(changed(sequence, "center")[:, 2], sequence[:, 2])  # not the lifted pen
    assert_array_equal(
        changed(sequence, "center", at="first", columns=[3])[:, 2], sequence[:, 2] - sequence[0, 2]
    )


@given(st.lists(VALUES, min_size=1, max_size=4), VALUES, st.floats(0.1, 5))
def test_outliers_are_drawn_in_to_scikit_learns_deviations(train, sequence, deviations):
    scaler = StandardScaler(with_std=True).fit(np.concatenate(train))
    reach = deviations * np.sqrt(scaler.var_)
    expected = sequence.clip(scaler.mean_ - reach, scaler.mean_ + reach)
    assert_allclose(changed(sequence, "clip", train, deviations=deviations), expected, atol=1e-9)


@given(VALUES, st.integers(1, 14))
def test_what_is_cropped_is_a_slice(sequence, length):
    over = max(0, len(sequence) - length)
    for keep, begin in (("first", 0), ("middle", over // 2), ("last", over)):
        found = changed(sequence, "crop", length=length, keep=keep)
        assert_array_equal(found, sequence[begin : len(sequence) - (over - begin)])


def test_what_is_lost_is_counted_and_said():
    draw = np.random.default_rng(0)
    sequences = [draw.normal(size=(length, 2)) for length in (3, 5, 9, 4)]
    sequences[3][0, 1] = 1e6
    found = Collection(
        sequences, ["a", "b", "a", "b"], list("1234"), list("1234"), ["train"] * 2 + ["test"] * 2
    )
    data = prepare(found, "set", asked_transforms([{"crop": {"length": 4}}, {"clip": {"deviations": 10}}]))
    assert data.notes == (
        "crop cuts 6 step(s) of 2 sequence(s)",
        "clip draws in 1 value(s) of 1 sequence(s), which lie beyond 10 training deviations",
    )
    assert data.length.tolist() == [3, 4, 4, 4]


def test_bounds_of_somebody_else_are_checked():
    made = Clip()
    made.check({"low": [0, 1], "high": [0, 2]}, 2)
    with pytest.raises(ValueError, match=r"`normalization\.low` must be at most"):
        made.check({"low": [0, 3], "high": [0, 2]}, 2)
