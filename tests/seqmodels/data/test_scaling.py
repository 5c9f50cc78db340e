"""Scaling: a constant that rounding has touched stays a constant, and values that are far off are found."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import StandardScaler

from seqsweep.seqmodels.data.dataset import SequenceDataset
from seqsweep.seqmodels.data.formats.mfcc import MFCC
from seqsweep.seqmodels.data.formats.strokes import STROKES
from seqsweep.seqmodels.data.formats.ts import TS
from seqsweep.seqmodels.data.outliers import FarValues, far_values
from seqsweep.seqmodels.data.splits import Splits
from seqsweep.seqmodels.data.transforms.minmax import minmax
from seqsweep.seqmodels.data.transforms.standardize import STANDARDIZE
from tests.support.reading import read
from tests.support.written import write_folder

RISING = np.linspace(-1, 1, 6)


def scaled(column: np.ndarray) -> tuple[np.ndarray, dict, tuple[str, ...]]:
    """The second feature of one training sequence, beside one that rises."""
    frames = np.stack([RISING, column], 1)
    normalization, notes = STANDARDIZE.record([frames], ("1", "2"))
    return STANDARDIZE.apply(frames, normalization)[:, 1], normalization, notes


@given(
    constant=st.floats(-1e30, 1e30, allow_subnormal=False),
    steps=st.lists(st.integers(-1, 1), min_size=2, max_size=40),
)
def test_a_constant_but_for_its_last_bit_is_scaled_as_scikit_learn_does(constant, steps):
    column = constant + np.array(steps) * np.spacing(abs(constant))
    frames = np.stack([np.arange(len(steps), dtype=float), column], 1)
    normalization, notes = STANDARDIZE.record([frames], ("1", "2"))
    sequence = STANDARDIZE.apply(frames, normalization)
    scaler = StandardScaler().fit(frames)
    if abs(constant) < 1e5:
        assert normalization["std"] == pytest.approx(scaler.scale_.tolist())
    assert np.abs(sequence[:, 1]).max() < 1e-6
    assert len(notes) == (column.min() < column.max())


@pytest.mark.parametrize("signal", [1e-9, 1e-6, 1.0, 1e6])
def test_small_signals_on_large_offsets_are_kept(signal):
    column = signal * (1e6 + RISING)
    sequence, normalization, notes = scaled(column)
    assert notes == ()
    assert normalization["std"][1] == pytest.approx(StandardScaler().fit(column[:, None]).scale_[0])
    assert sequence == pytest.approx(RISING / RISING.std(), rel=1e-4)


def test_float32s_rounding_is_a_constant_too_but_neighbouring_whole_numbers_are_none():
    third = np.float32(0.3)
    for near in (float(np.nextafter(third, np.float32(1))), 0.300000042):
        _, normalization, [note] = scaled(np.array([0.3, near] * 3))
        assert normalization["std"][1] == 1
        assert note == "feature 2 is constant in training but for rounding, and is not scaled up"
    for column in (np.array([20_000_001.0, 20_000_002.0] * 3), 2459000.5 + RISING / 100):
        sequence, _, notes = scaled(column)
        assert not notes
        assert sequence.std() == pytest.approx(1)


def test_every_reader_is_protected(tmp_path):
    rounded = "0.3 0.30000000000000004"
    parts = {"mfcc": ("Train", "Test"), "txt": ("train", "dev")}
    for ending, text in (
        ("mfcc", "1 0.3\n2 0.30000000000000004"),
        ("txt", f"2 1 0.3 2 {rounded.split()[1]}"),
    ):
        tree = {f"{c}/{part}/1.{ending}": text for c in "ks" for part in parts[ending]}
        reader = MFCC if ending == "mfcc" else STROKES
        data = read(reader, write_folder(tmp_path / ending, tree), name="set")
        assert np.abs(data.tokens[:, 1]).max() < 1e-15
        assert np.abs(data.tokens[:, 0]).max() == 1
    rows = f"1,2:{rounded.replace(' ', ',')}:"
    text = f"@classLabel true a b\n@data\n{rows}a\n{rows}b\n"
    data = read(TS, write_folder(tmp_path / "ts", {"X_TRAIN.ts": text, "X_TEST.ts": text}), name="set")
    assert np.abs(data.tokens[:, 1]).max() < 1e-15
    assert data.notes == ("feature 2 is constant in training but for rounding, and is not scaled up",)


def test_a_stroke_is_flat_where_its_range_is_rounding():
    far = np.array([[1e30, 5.0], [1e30 * (1 + 1e-15), 5.001]])
    assert minmax(far).tolist() == [[0, 0], [0, 1]]
    assert minmax(np.zeros((3, 2))).tolist() == [[0, 0]] * 3


def dataset(train: float, validation: float, test: float) -> tuple[SequenceDataset, Splits]:
    """Three sequences: feature 1 is 0 and `train`, or what is given; feature 2 is 7 in all of them."""
    sequences = [np.array([[0, 7], [value, 7]]) for value in (train, validation, test)]
    data = SequenceDataset.from_sequences(
        "set",
        sequences,
        label=[0, 1, 1],
        class_names=["a", "b"],
        ids=["1", "2", "3"],
        is_test=[False, False, True],
    )
    return data, Splits(np.array([0]), np.array([1]), np.array([2]))


def test_values_far_from_training_are_found_by_the_stated_rule():
    # training: 0 and 2, so mean and deviation are 1
    assert far_values(*dataset(2, -999, 1001)) == []
    assert far_values(*dataset(2, -1000, 1002)) == [
        FarValues("validation", 1, 1, 1001.0),
        FarValues("test", 1, 1, 1001.0),
    ]


def test_what_is_constant_in_training_is_far_off_everywhere_else():
    data, splits = dataset(2, 2, 2)
    changed = data.tokens.copy()
    changed[-1, 1] = 7.001
    assert far_values(data, splits) == []
    assert far_values(replace(data, tokens=changed), splits) == [FarValues("test", 1, 2, None)]
