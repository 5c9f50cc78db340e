"""Missing values: filled as pandas fills them, refused unless asked, in files of the same kind by a trained model too."""

import json

import numpy as np
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.testing import assert_allclose, assert_array_equal

from seqsweep.seqmodels.data.asking import asked_transforms
from seqsweep.seqmodels.data.collection import Collection
from seqsweep.seqmodels.data.errors import DataError
from seqsweep.seqmodels.data.inputs import read_file
from seqsweep.seqmodels.data.preparing import prepare
from seqsweep.seqmodels.data.transforms.interpolate import Interpolate
from seqsweep.seqmodels.data.transforms.mask_missing import MaskMissing

NAN = np.nan
VALUES = arrays(
    np.float64, st.tuples(st.integers(1, 9), st.just(3)), elements=st.floats(-1e6, 1e6) | st.just(NAN)
)


def prepared(sequences, *asked, features=("x", "y")):
    ids = list(map(str, range(len(sequences))))
    parts = ["train"] * (len(ids) - 2) + ["test"] * 2
    found = Collection(sequences, ["a", "b"] * (len(ids) // 2), ids, ids, parts, features=features)
    return prepare(found, "set", asked_transforms(list(asked)))


TRAIN = [
    np.array([[1.0, 2], [NAN, 4], [3, 7]]),
    np.array([[NAN, 1.0], [NAN, 2]]),
    np.array([[4.0, 5]]),
    np.array([[8.0, 6]]),
]


@given(VALUES)
def test_interpolation_is_that_of_pandas(sequence):
    record = {"kind": "interpolate", "mean": [1.0, 2.0, 3.0]}
    expected = (
        pandas.DataFrame(sequence).interpolate(limit_direction="both").fillna(pandas.Series(record["mean"]))
    )
    assert_allclose(Interpolate().apply(sequence, record), expected.to_numpy(), rtol=1e-9, atol=1e-6)
    assert Interpolate().altered(sequence, record) == pandas.DataFrame(sequence).isna().to_numpy().sum()


@given(st.lists(VALUES, min_size=1, max_size=4))
def test_the_mean_is_that_of_what_is_there(sequences):
    record, notes = Interpolate().record(sequences, ("a", "b", "c"))
    expected = pandas.DataFrame(np.concatenate(sequences)).mean().fillna(0)
    assert_allclose(record["mean"], expected, rtol=1e-9, atol=1e-6)
    absent = pandas.DataFrame(np.concatenate(sequences)).isna().all()
    assert len(notes) == absent.any()
    assert all((f"`{name}`" in notes[0]) == gone for name, gone in zip("abc", absent, strict=True) if notes)


@given(st.lists(VALUES, min_size=1, max_size=4))
def test_masks_are_those_of_scikit_learn(sequences):
    from sklearn.impute import MissingIndicator

    made = MaskMissing()
    record, _ = made.record(sequences, ("a", "b", "c"))
    indicator = MissingIndicator(error_on_new=False).fit(np.concatenate(sequences))
    assert record["masked"] == indicator.features_.tolist()
    for each in sequences:
        found = made.apply(each, record)
        assert_array_equal(found[:, 3:], indicator.transform(each))
        assert_array_equal(found[:, :3][~np.isnan(each)], each[~np.isnan(each)])


def test_what_is_filled_is_counted_and_said():
    data = prepared(TRAIN, "interpolate")
    assert data.sequence(0).tolist() == [[1, 2], [2, 4], [3, 7]]
    assert data.sequence(1)[:, 0].tolist() == [2, 2]  # the mean of what is there in training
    assert data.notes == ("interpolate fills 3 missing value(s) of 2 sequence(s)",)
    masked = prepared(TRAIN, {"features": {"drop": ["y"]}}, "mask_missing", "standardize")
    assert masked.feature_count == 2
    assert masked.notes == ("mask_missing fills 3 missing value(s) of 2 sequence(s)",)


@pytest.mark.parametrize(
    "asked", [[], ["standardize"], ["standardize", "interpolate"], [{"features": {"keep": [1]}}]]
)
def test_they_are_refused_unless_filled_first(asked):
    with pytest.raises(
        DataError, match=r'token 2 has no value for `x`: fill them by `transforms = \["interpolate"'
    ):
        prepared(TRAIN, *asked)


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"keep": ["z"]}, "there is no column `z`; there are x, y"),
        ({"keep": [3]}, "there is no column 3: they are numbered from 1 to 2"),
        ({"drop": [1, "x"]}, "the column 'x' is named twice"),
        ({"drop": ["x", "y"]}, "features drops every column"),
    ],
)
def test_columns_that_are_not_there_are_told_of(settings, fault):
    with pytest.raises(DataError, match=fault):
        prepared(TRAIN[2:] * 2, {"features": settings})


def test_json_may_have_null_where_the_model_fills_it(tmp_path):
    path = tmp_path / "x.jsonl"
    path.write_text(json.dumps({"values": [[1, None], [2, 3]]}) + "\n")
    [found] = read_file(path, "strokes", missing_allowed=True)
    assert_array_equal(found.values, [[1, NAN], [2, 3]])
    [problem] = read_file(path, "strokes")
    assert "row 1 has null at place 2" in str(problem)
