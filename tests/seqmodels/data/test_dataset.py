"""SequenceDataset: its invariants, its fingerprint, and its problems."""

import dataclasses
import pickle

import numpy as np
import pytest

from seqsweep.seqmodels.data.dataset import SequenceDataset
from seqsweep.seqmodels.data.errors import DataError, Problem

SEQUENCES = [np.arange(6, dtype=np.float64).reshape(3, 2), np.array([[7.0, 8.0]])]


def small(**changes) -> SequenceDataset:
    arguments = {
        "label": [1, 0],
        "class_names": ["x", "y"],
        "ids": ["first", "second"],
        "is_test": [False, True],
    }
    return SequenceDataset.from_sequences("small", SEQUENCES, **{**arguments, **changes})


def test_sequences_lie_one_behind_the_other():
    data = small(group=[4, 5])
    assert data.tokens.dtype == np.float32
    assert data.tokens.tolist() == [[0, 1], [2, 3], [4, 5], [7, 8]]
    assert (data.start.tolist(), data.length.tolist()) == ([0, 3], [3, 1])
    assert (data.feature_count, data.class_count, data.sequence_count) == (2, 2, 2)
    for index, sequence in enumerate(SEQUENCES):
        assert np.array_equal(data.sequence(index), sequence)
        assert np.shares_memory(data.sequence(index), data.tokens)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tokens": np.zeros((0, 2), np.float32)}, "reaches outside"),
        ({"tokens": np.zeros((2, 4), np.float32).T}, "C-contiguous"),
        ({"tokens": np.zeros((4, 0), np.float32)}, "C-contiguous"),
        ({"tokens": np.full((4, 2), np.nan, np.float32)}, "NaN"),
        ({"start": np.array([0, -1])}, "reaches outside"),
        ({"start": np.array([0, 4])}, "reaches outside"),
        ({"start": np.array([0])}, "`start` must be an int64 array of 2"),
        ({"length": np.array([3, 0])}, "no tokens"),
        ({"label": np.array([0, 2])}, r"label is outside 0\.\.1"),
        ({"label": np.array([0, -1])}, r"label is outside 0\.\.1"),
        ({"class_names": ("x", "x")}, "class name occurs twice"),
        ({"ids": ("first", "first")}, "id occurs twice"),
        ({"ids": ()}, "holds no sequences"),
        ({"is_test": np.array([True])}, "`is_test` must be a bool array of 2"),
        ({"group": np.array([1])}, "`group` must be an int64 array of 2"),
    ],
)
def test_parts_that_do_not_fit_are_refused(changes, message):
    with pytest.raises(ValueError, match=f"data set 'small': .*{message}"):
        dataclasses.replace(small(), **changes)


def test_no_sequences_are_refused():
    with pytest.raises(ValueError, match="holds no sequences"):
        SequenceDataset.from_sequences("none", [], label=[], class_names=["x"], ids=[], is_test=[])


def test_the_fingerprint_follows_the_content():
    data = small()
    # fixed here because trial ids, and so resuming, hang on it
    assert data.fingerprint == "19805bd2ef3d3df362a3d9d2bde314c9aa87bcee689a47bde530690135208d6a"
    assert dataclasses.replace(data, name="other", synthetic=True).fingerprint == data.fingerprint
    assert pickle.loads(pickle.dumps(data)).fingerprint == data.fingerprint
    tokens = data.tokens.copy()
    tokens[3, 1] = np.nextafter(tokens[3, 1], np.float32(9))
    changed = [
        {"tokens": tokens},
        {"start": np.array([1, 3])},
        {"length": np.array([2, 1])},
        {"label": np.array([0, 1])},
        {"class_names": ("x", "z")},
        {"ids": ("first", "third")},
        {"is_test": np.array([True, False])},
        {"group": np.array([0, 0])},
    ]
    prints = {dataclasses.replace(data, **change).fingerprint for change in changed}
    assert len(prints | {data.fingerprint}) == len(changed) + 1


def test_a_data_error_lists_twenty_problems_and_survives_pickling():
    error = DataError(Problem(f"file:{i}", "is wrong") for i in range(23))
    assert isinstance(error, ValueError)
    lines = str(error).splitlines()
    assert lines[0] == "file:0: is wrong"
    assert lines[20:] == ["... and 3 more"]
    assert pickle.loads(pickle.dumps(error)).problems == error.problems
    assert str(DataError([Problem("a", "b")])) == "a: b"
