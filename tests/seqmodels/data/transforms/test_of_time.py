"""Transforms of steps and paths against numpy, scipy and the equations of the books."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal
from scipy.ndimage import correlate1d

from seqsweep.seqmodels.data.asking import asked_transforms
from seqsweep.seqmodels.data.transforms.arc_length import ArcLength

NAMES = ("x", "y", "pen_up")
VALUES = arrays(np.float64, st.tuples(st.integers(1, 12), st.just(3)), elements=st.floats(-100, 100))


def changed(sequence, name, names=NAMES, **settings):
    [made] = asked_transforms([{name: settings}])
    record, _ = made.record([sequence], names)
    return made.apply(sequence, record)


@given(VALUES, st.integers(1, 4))
def test_deltas_are_the_equation_of_the_htk_book(sequence, window):
    found = changed(sequence, "deltas", order=2, window=window)

    def deltas(c):
        T, d = len(c), np.zeros_like(c)
        for t in range(T):
            for n in range(1, window + 1):
                d[t] += n * (c[min(t + n, T - 1)] - c[max(t - n, 0)])
        return d / (2 * sum(n**2 for n in range(1, window + 1)))

    assert_allclose(found, np.hstack([sequence, deltas(sequence), deltas(deltas(sequence))]), atol=1e-9)
    reach = np.arange(-window, window + 1)
    theirs = correlate1d(sequence, reach / (reach**2).sum(), axis=0, mode="nearest")
    assert_allclose(found[:, 3:6], theirs, atol=1e-9)


@given(VALUES, st.integers(2, 30))
def test_a_length_is_reached_as_numpy_interpolates(sequence, length):
    found = changed(sequence, "resample", length=length)
    places = np.linspace(0, len(sequence) - 1, length)
    steps = np.arange(len(sequence))
    assert_allclose(found, np.transpose([np.interp(places, steps, each) for each in sequence.T]), atol=1e-9)
    assert_array_equal(found[[0, -1]], sequence[[0, -1]])


@pytest.mark.parametrize(("factor", "length"), [(0.5, 3), (2.0, 9), (0.3, 2), (1.0, 5), (0.001, 1)])
def test_a_rate_is_reached_as_numpy_interpolates(factor, length):
    sequence = np.random.default_rng(0).normal(size=(5, 2))
    found = changed(sequence, "resample", NAMES[:2], factor=factor)
    places = np.arange(length) / factor
    assert_allclose(found, np.transpose([np.interp(places, np.arange(5), each) for each in sequence.T]))


@given(VALUES)
def test_velocity_is_numpys_gradient(sequence):
    found = changed(sequence, "velocity")
    expected = np.gradient(sequence[:, :2], axis=0) if len(sequence) > 1 else np.zeros((1, 2))
    assert_array_equal(found[:, :3], sequence)
    assert_allclose(found[:, 3:], expected, atol=1e-12)


def test_angles_on_a_circle_are_known():
    turn = np.linspace(0, 2 * np.pi, 41)[:-1]
    circle = np.stack([7 + 3 * np.cos(turn), 3 * np.sin(turn), 0 * turn], 1)
    found = changed(circle, "angle", curvature=True)[1:-1]
    assert_allclose(found[:, 3], -np.sin(turn[1:-1]), atol=1e-12)
    assert_allclose(found[:, 4], np.cos(turn[1:-1]), atol=1e-12)
    assert_allclose(found[:, 5:], [[np.cos(turn[1]), np.sin(turn[1])]] * 38, atol=1e-12)
    assert changed(np.ones((4, 3)), "angle", curvature=True)[:, 3:].tolist() == [[0] * 4] * 4


@given(
    arrays(np.float64, st.tuples(st.integers(2, 20), st.just(2)), elements=st.integers(-9, 9).map(float)),
    st.integers(2, 40),
)
def test_arc_length_is_numpys_interpolation_over_the_way(path, points):
    apart = np.r_[True, (np.diff(path, axis=0) != 0).any(1)]
    path = path[apart]
    way = np.r_[0, np.cumsum(np.hypot(*np.diff(path, axis=0).T))]
    found = changed(path, "arc_length", NAMES[:2], points=points)
    expected = np.transpose([np.interp(np.linspace(0, way[-1], points), way, each) for each in path.T])
    assert_allclose(found, expected, atol=1e-9)


def test_the_lifted_pens_way_does_not_count_and_its_column_stays_whole():
    strokes = np.array([[0.0, 0, 0], [4, 0, 0], [8, 0, 1], [8, 90, 0], [8, 98, 1], [50, 50, 0], [50, 58, 1]])
    found = changed(strokes, "arc_length", points=13)
    assert_allclose(found[:5, :2], [[0, 0], [2, 0], [4, 0], [6, 0], [8, 90]])
    assert_allclose(np.diff(found[4:8, 1]), 2)
    assert np.flatnonzero(found[:, 2]).tolist() == [3, 7, 12]
    assert set(found[:, 2].tolist()) == {0, 1}
    coarse = changed(strokes, "arc_length", points=2)
    assert coarse.tolist() == [[0, 0, 1], [50, 58, 1]]


@given(VALUES, st.integers(2, 20))
def test_any_ink_is_taken(sequence, points):
    sequence[:, 2] = sequence[:, 2] > 0
    found = changed(sequence, "arc_length", points=points)
    assert found.shape == (points, 3)
    assert np.isfinite(found).all()
    assert set(found[:, 2].tolist()) <= {0, 1}
    assert (found[:, :2] >= sequence[:, :2].min(0) - 1e-9).all()
    assert (found[:, :2] <= sequence[:, :2].max(0) + 1e-9).all()


@pytest.mark.parametrize(
    ("settings", "names", "fault"),
    [
        ({"points": 9}, ("a",), "a path needs two columns, but there is a"),
        ({"points": 9, "pen": "x"}, NAMES, "arc_length takes one column for the path and for the lifted pen"),
        ({"points": 9, "columns": ["x", "z"]}, NAMES, "there is no column `z`"),
    ],
)
def test_a_path_that_is_not_there_is_told_of(settings, names, fault):
    [made] = asked_transforms([{"arc_length": settings}])
    with pytest.raises(ValueError, match=fault):
        made.record([np.zeros((3, len(names)))], names)


@pytest.mark.parametrize(
    "damage", [{"plane": [0]}, {"plane": [0, 3]}, {"plane": "01"}, {"pens": [0, 1]}, {"pens": None}]
)
def test_a_record_of_a_path_is_checked(damage):
    record = {"kind": "arc_length", "points": 9, "plane": [0, 1], "pens": [2]}
    made = ArcLength.of(record)
    made.check(record, 3)
    with pytest.raises(ValueError, match=r"`normalization\.p"):
        made.check({**record, **damage}, 3)
