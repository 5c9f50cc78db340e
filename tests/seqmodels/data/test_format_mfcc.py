"""MFCC segments: what is written is read, standardised like scikit-learn does, and every fault has its line."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.preprocessing import StandardScaler

from seqsweep.seqmodels.data.errors import DataError
from seqsweep.seqmodels.data.formats.mfcc import MFCC
from tests.support.reading import read
from tests.support.written import PLACES, write

GOOD = {
    "ka/Train/07_ka_1_2.mfcc": "1.0e+00 5 -2 \n3 5 0\n",
    "ka/Test/1_ka.mfcc": "5 6 7\n5 7 7",
    "sa/Train/12_sa.mfcc": "2 5 -1\n",
    "sa/Test/07_sa.mfcc": "0 0 0\n",
}


def problems_of(path, **options) -> list[tuple[str, str]]:
    with pytest.raises(DataError) as caught:
        read(MFCC, path, name="set", **options)
    return [(problem.where, problem.message) for problem in caught.value.problems]


@pytest.mark.parametrize("place", PLACES)
def test_every_place_gives_the_same_data(tmp_path, place):
    data = read(MFCC, write(place, tmp_path, GOOD)[0], name="set", group="prefix")
    assert data.class_names == ("ka", "sa")
    assert data.ids == tuple(GOOD)
    assert data.group is not None
    assert data.group.tolist() == [7, 1, 12, 7]
    assert data.is_test.tolist() == [False, True, False, True]
    std = (2 / 3) ** 0.5
    assert data.normalization["kind"] == "standardize"
    assert data.normalization["mean"] == pytest.approx([2, 5, -1])
    assert data.normalization["std"] == pytest.approx([std, 1, std])  # the constant column is not stretched
    assert data.sequence(0) == pytest.approx(np.array([[-1 / std, 0, -1 / std], [1 / std, 0, 1 / std]]))
    assert data.sequence(1) == pytest.approx(np.array([[3 / std, 1, 8 / std], [3 / std, 2, 8 / std]]))
    assert read(MFCC, write("folder", tmp_path / "again", GOOD)[0], name="set").group is None


def rows(segment: np.ndarray) -> str:
    return "".join(" ".join(map(repr, row)) + " \n" for row in segment.tolist())


@given(
    columns=st.integers(1, 5),
    lengths=st.lists(st.integers(1, 6), min_size=4, max_size=8),
    scale=st.sampled_from([1e-30, 1e-3, 1, 1e20]),
    values=st.data(),
)
@settings(max_examples=30)
def test_what_is_written_is_read_standardised(tmp_path_factory, columns, lengths, scale, values):
    elements = st.integers(-50, 50).map(lambda value: value * scale)
    segments = [values.draw(arrays(np.float64, (length, columns), elements=elements)) for length in lengths]
    names = [f"{'ks'[i % 2]}/{('Train', 'Test')[i // 2 % 2]}/{i}.mfcc" for i in range(len(lengths))]
    path, _ = write(
        "tar", tmp_path_factory.mktemp("mfcc"), dict(zip(names, map(rows, segments), strict=True))
    )
    data = read(MFCC, path, name="set")
    train = np.concatenate([s for s, name in zip(segments, names, strict=True) if "Train" in name])
    scaler = StandardScaler().fit(train / scale)
    constant = train.min(0) == train.max(0)
    for index, identity in enumerate(data.ids):
        expected = scaler.transform(segments[names.index(identity)] / scale)
        got = data.sequence(index)
        assert got[:, ~constant] == pytest.approx(expected[:, ~constant], rel=1e-4, abs=1e-4)
        if not data.is_test[index]:
            assert (got[:, constant] == 0).all()


@pytest.mark.parametrize("value", ["0.1", "1e-320", "3e38", "-7"])
def test_a_constant_column_becomes_exactly_zero(tmp_path, value):
    frame = f"{value} {value}1\n" if "e" not in value else f"{value} 1\n"
    tree = {f"{c}/{part}/{i}.mfcc": frame * 7 for c in "ks" for part in ("Train", "Test") for i in range(3)}
    data = read(MFCC, write("folder", tmp_path, tree)[0], name="set")
    assert (data.tokens == 0).all()
    assert data.normalization["std"] == [1, 1]


def test_a_spread_too_small_for_a_variance_is_left_alone(tmp_path):
    tree = {**GOOD, "ka/Train/07_ka_1_2.mfcc": "1e-300 5 -2\n0 5 0", "sa/Train/12_sa.mfcc": "0 5 1"}
    data = read(MFCC, write("folder", tmp_path, tree)[0], name="set")
    assert data.normalization["std"][0] == 1


def test_a_test_value_beyond_all_scale_is_said(tmp_path):
    tree = {**GOOD, "ka/Train/07_ka_1_2.mfcc": "1e-20 5 -2\n0 5 0", "sa/Train/12_sa.mfcc": "0 5 1",
            "sa/Test/07_sa.mfcc": "1e30 0 0"}  # fmt: skip
    assert problems_of(write("folder", tmp_path, tree)[0]) == [
        (
            "set",
            "a validation or test value is so far from the training values that it cannot be standardised in float32",
        )
    ]


BAD = {  # what a file is replaced by, where the problem is, the problem
    "not a number": ("5 6 7\n5 x 7", ":2", "value 2 is `x`, but must be a number"),
    "nan": ("5 nan 7\n5 7 7", ":1", "value 2 is `nan`, but must be finite and fit float32"),
    "inf": ("5 6 7\n5 7 -inf", ":2", "value 3 is `-inf`, but must be finite and fit float32"),
    "missing": ("5 6 7\n5 ? 7", ":2", "value 2 is `?`, but missing values are not supported"),
    "ragged": ("5 6 7\n5 7\n5 6 7", ":2", "has 2 columns, but the other rows have 3"),
    "too wide": ("5 6 7\n5 6 7\n5 6 7 8\n", ":3", "has 4 columns, but the other rows have 3"),
    "hole": ("5 6 7\n\n5 6 7", ":2", "has 0 columns, but the other rows have 3"),
    "other width": ("5 6\n5 7", "", "has 2 columns, but the other files have 3"),
    "empty": ("", "", "is empty"),
    "not utf-8": (b"5 6 7\n5 6 7\n\xfe\xff", ":3", "is not UTF-8 text: invalid start byte"),
    "utf-16": ("5 6 7".encode("utf-16"), "", "is UTF-16 text, but must be UTF-8: save it as UTF-8"),
    "utf-32": ("5 6 7".encode("utf-32"), "", "is UTF-32 text, but must be UTF-8: save it as UTF-8"),
}


@pytest.mark.parametrize("place", ["folder", "tar.gz"])
@pytest.mark.parametrize("kind", BAD)
def test_each_fault_is_one_clear_problem(tmp_path, kind, place):
    content, line, message = BAD[kind]
    path, prefix = write(place, tmp_path, {**GOOD, "ka/Test/1_ka.mfcc": content})
    assert problems_of(path) == [(f"{prefix}ka/Test/1_ka.mfcc{line}", message)]


def test_all_problems_are_listed_together(tmp_path):
    tree = {
        **GOOD,
        "ka/Train/07_ka_1_2.mfcc": "1 2 3\nx 2 3\n1 2 nan",
        "sa/Test/07_sa.mfcc": "1 2",
        "ta/Test/x.mfcc": "1",
    }
    path, prefix = write("tar.xz", tmp_path, tree)
    assert [where.removeprefix(prefix) for where, _ in problems_of(path, group="prefix")] == [
        "ta", "ta/Test/x.mfcc", "ka/Train/07_ka_1_2.mfcc:2", "ka/Train/07_ka_1_2.mfcc:3",
        "sa/Test/07_sa.mfcc", "ta/Test/x.mfcc",
    ]  # fmt: skip


def test_a_name_without_a_speaker_is_said(tmp_path):
    path, prefix = write("folder", tmp_path, {**GOOD, "sa/Train/sa_3.mfcc": "1 2 3"})
    rule = "the file name does not begin with a number, so `group` cannot be read from it"
    assert problems_of(path, group="prefix") == [(f"{prefix}sa/Train/sa_3.mfcc", rule)]


@given(row=st.integers(0, 5), column=st.integers(0, 2), change=st.sampled_from(["drop", "add", "word"]))
@settings(max_examples=40)
def test_one_mutation_is_one_problem_on_its_line(tmp_path_factory, row, column, change):
    frames = [["1.5", "-2", "3e0"] for _ in range(6)]
    if change == "drop":
        del frames[row][column]
    else:
        frames[row].insert(column, "4") if change == "add" else frames[row].__setitem__(column, "4,0")
    tree = {**GOOD, "sa/Train/3.mfcc": "\n".join(map(" ".join, frames))}
    path, prefix = write("folder", tmp_path_factory.mktemp("mfcc"), tree)
    [(where, message)] = problems_of(path)
    assert where == f"{prefix}sa/Train/3.mfcc:{row + 1}"
    wanted = {"drop": "has 2 columns", "add": "has 4 columns", "word": f"value {column + 1} is `4,0`"}
    assert message.startswith(wanted[change])
