"""Pen strokes: what is written is read, scaled like scikit-learn does, and every fault has its line."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from sklearn.preprocessing import MinMaxScaler

from seqsweep.seqmodels.data.errors import DataError
from seqsweep.seqmodels.data.formats.strokes import STROKES
from tests.support.reading import read
from tests.support.written import PLACES, write

GOOD = {
    "a/train/1.txt": "2 0.5 1 1.5 -1",
    "a/train/2.txt": "1 3 4\n",
    "a/dev/1.txt": "3 0 0 1e1 5 +20 .5\r\n\n",
    "b/train/1.txt": "2 1 1 2 2",
    "b/dev/9.txt": "\ufeff2 1 1 2 2",
    "notes.txt": "not a sample",
}


def problems_of(path, **options) -> list[tuple[str, str]]:
    with pytest.raises(DataError) as caught:
        read(STROKES, path, name="set", **options)
    return [(problem.where, problem.message) for problem in caught.value.problems]


@pytest.mark.parametrize("place", PLACES)
def test_every_place_gives_the_same_data(tmp_path, place):
    data = read(STROKES, write(place, tmp_path, GOOD)[0], name="set")
    assert data.class_names == ("a", "b")
    assert data.ids == ("a/train/1.txt", "a/train/2.txt", "a/dev/1.txt", "b/train/1.txt", "b/dev/9.txt")
    assert data.label.tolist() == [0, 0, 0, 1, 1]
    assert data.is_test.tolist() == [False, False, True, False, True]
    assert data.sequence(0).tolist() == [[0, 1], [1, 0]]
    assert data.sequence(1).tolist() == [[0, 0]]  # a dot has no extent
    assert data.sequence(2).tolist() == [[0, 0], [0.5, 1], [1, np.float32(0.1)]]
    assert data.normalization == {"kind": "per_sequence_minmax"}
    assert not data.synthetic
    reference = read(
        STROKES, write("folder", tmp_path / "again", {f"top/{k}": v for k, v in GOOD.items()})[0], name="x"
    )
    assert reference.fingerprint == data.fingerprint


def test_classes_are_taken_in_the_order_asked_for(tmp_path):
    tree = {f"{name}/{part}/1.txt": "1 2 3" for name in "abc" for part in ("train", "dev")}
    path, _ = write("folder", tmp_path, tree)
    data = read(STROKES, path, name="set", classes=["c", "a"])
    assert data.class_names == ("c", "a")
    assert data.ids[:2] == ("c/train/1.txt", "c/dev/1.txt")
    assert data.label.tolist() == [0, 0, 1, 1]


coordinates = st.integers(-30_000, 30_000).map(lambda value: value / 1000)
shapes = array_shapes(min_dims=2, max_dims=2, max_side=12).map(lambda shape: (shape[0], 2))
stroke = arrays(np.float64, shapes, elements=coordinates)


def line(points: np.ndarray) -> str:
    return " ".join([str(len(points)), *map(repr, points.ravel().tolist())])


@given(samples=st.lists(stroke, min_size=4, max_size=8))
@settings(max_examples=30)
def test_what_is_written_is_read_scaled_to_its_box(tmp_path_factory, samples):
    tree = {f"{'ab'[i % 2]}/{('train', 'dev')[i // 2 % 2]}/{i}.txt": line(s) for i, s in enumerate(samples)}
    data = read(STROKES, write("folder", tmp_path_factory.mktemp("strokes"), tree)[0], name="set")
    assert data.sequence_count == len(samples)
    for index, identity in enumerate(data.ids):
        expected = MinMaxScaler().fit_transform(samples[int(identity.rpartition("/")[2][:-4])])
        assert data.sequence(index) == pytest.approx(expected, abs=1e-6)
        assert data.sequence(index).min() >= 0
        assert data.sequence(index).max() <= 1


WORDS = ["abc", "nan", "inf", "-Infinity", "1e39", "1_0", "0x10", "--1", "1,5", "\u0663", "1e", "?", "\x00"]


@given(points=stroke, position=st.integers(0, 1000), word=st.sampled_from(WORDS))
@settings(max_examples=60)
def test_one_wrong_word_is_one_problem_at_its_place(tmp_path_factory, points, position, word):
    words = line(points).split()
    position = 1 + position % (len(words) - 1)
    words[position] = word
    tree = {**GOOD, "a/train/2.txt": " ".join(words)}
    path, prefix = write("folder", tmp_path_factory.mktemp("strokes"), tree)
    [(where, message)] = problems_of(path)
    assert where == f"{prefix}a/train/2.txt:1"
    assert message.startswith(f"value {position + 1} is `")


BAD = {  # what a file is replaced by, where the problem is, the problem
    "count too large": ("a/dev/1.txt", "3 1 2 3 4", ":1", "N is 3, so 6 coordinates must follow, but there are 4"),
    "count too small": ("a/dev/1.txt", "1 1 2 3 4", ":1", "N is 1, so 2 coordinates must follow, but there are 4"),
    "no points": ("a/dev/1.txt", "0", ":1", "value 1 is `0`, but must be the number of points, 1 or more"),
    "fractional count": ("a/dev/1.txt", "1.0 1 1", ":1", "value 1 is `1.0`, but must be the number of points, 1 or more"),
    "endless count": ("a/dev/1.txt", "9" * 5000 + " 1 1", ":1",
                      f"value 1 is `{'9' * 30}…`, but must be the number of points, 1 or more"),
    "not a number": ("a/dev/1.txt", "1 1 x", ":1", "value 3 is `x`, but must be a number"),
    "not finite": ("a/dev/1.txt", "1 nan 1", ":1", "value 2 is `nan`, but must be finite and fit float32"),
    "too large": ("a/dev/1.txt", "2 1 1e39 1 -1e39", ":1", "value 3 is `1e39`, but must be finite and fit float32"),
    "two lines": ("a/dev/1.txt", "1 1 1\n1 1 1\n", ":2", "there are 2 lines, but a stroke is one line"),
    "empty": ("a/dev/1.txt", "", "", "is empty"),
    "blank": ("a/dev/1.txt", " \n\n", "", "is empty"),
    "not utf-8": ("a/dev/1.txt", b"1 1 \xff", ":1", "is not UTF-8 text: invalid start byte"),
    "wrong ending": ("a/dev/1.dat", "1 1 1", "", "is unexpected: `dev` may hold only .txt files"),
    "too deep": ("a/dev/deep/1.txt", "1 1 1", None, "is unexpected: `dev` may hold only .txt files"),
}  # fmt: skip


@pytest.mark.parametrize("place", ["folder", "tar.xz"])
@pytest.mark.parametrize("kind", BAD)
def test_each_fault_is_one_clear_problem(tmp_path, kind, place):
    name, content, line_number, message = BAD[kind]
    path, prefix = write(place, tmp_path, {**GOOD, name: content})
    where = f"{prefix}a/dev/deep" if line_number is None else f"{prefix}{name}{line_number}"
    assert problems_of(path) == [(where, message)]


def test_all_problems_are_listed_together(tmp_path):
    tree = {**GOOD, "a/train/1.txt": "", "b/dev/9.txt": "1 1 x", "c/train/1.txt": "1 1", "d/": ""}
    path, prefix = write("tar.gz", tmp_path, tree)
    assert [where for where, _ in problems_of(path)] == [
        f"{prefix}{name}" for name in ("c", "d", "d", "a/train/1.txt", "b/dev/9.txt:1", "c/train/1.txt:1")
    ]


@pytest.mark.parametrize("place", ["folder", "tar"])
def test_missing_parts_are_said(tmp_path, place):
    tree = {
        "a/train/1.txt": "1 1 1", "a/dev/1.txt": "1 1 1",
        "empty/": "",
        "half/train/1.txt": "1 1 1", "half/dev/": "",
        "untested/train/1.txt": "1 1 1",
        "twice/train/1.txt": "1 1 1", "twice/dev/1.txt": "1 1 1", "twice/test/1.txt": "1 1 1",
    }  # fmt: skip
    path, prefix = write(place, tmp_path, tree)
    assert problems_of(path) == [
        (f"{prefix}empty", "class `empty` has no `train` folder, but must have one folder of train files"),
        (f"{prefix}empty", "class `empty` has no `dev` folder, but must have one folder of test files"),
        (
            f"{prefix}half/dev",
            "class `half` has no test files (.txt): add some, or leave the class out by naming the others in "
            "`classes`",
        ),
        (f"{prefix}twice", "class `twice` has `dev` and `test`, but must have one folder of test files"),
        (f"{prefix}untested", "class `untested` has no `dev` folder, but must have one folder of test files"),
    ]
    assert problems_of(path, classes=["a", "hlf"]) == [
        (str(path), "has no class `hlf` (did you mean `half`?); it has a, empty, half, twice, untested")
    ]


def test_a_place_without_or_with_several_roots_is_said(tmp_path):
    for number, (names, found) in enumerate(
        {
            ("a/1.txt",): "its 1 .txt file(s) lie elsewhere, the first as a/1.txt",
            ("train/1.txt", "dev/1.txt"): "this is one class, name the folder above it",
            (
                "train/a/1.txt",
                "dev/a/1.txt",
            ): "the parts lie outside the classes (dev/a, where a/dev is wanted)",
            ("x/y/", "z.csv"): "it holds x, z.csv, and below them x/y",
            ("",): "it holds nothing at all",
        }.items()
    ):
        path, _ = write("folder", tmp_path / f"none{number}", dict.fromkeys(filter(None, names), "1 1 1"))
        wanted = "holds no folders <class>/train and <class>/dev (the test part): "
        assert problems_of(path) == [(str(path), wanted + found)]
    path, _ = write(
        "folder", tmp_path / "two", {f"{top}/{name}": text for top in "xy" for name, text in GOOD.items()}
    )
    assert problems_of(path) == [
        (str(path), f"holds several data sets, name one of them: {path}/x, {path}/y")
    ]
    path, _ = write("folder", tmp_path / "single", {k: v for k, v in GOOD.items() if k.startswith("a")})
    assert problems_of(path) == [(str(path), "has 1 class(es), but at least 2 are needed")]
    missing = tmp_path / "missing"
    assert problems_of(missing) == [(str(missing), "no such file or folder")]


def test_an_endless_list_is_cut(tmp_path):
    tree = {**GOOD, **{f"a/train/{i}.txt": "x" for i in range(30, 60)}}
    path, _ = write("folder", tmp_path, tree)
    with pytest.raises(DataError) as caught:
        read(STROKES, path, name="set")
    assert len(caught.value.problems) == 30
    assert str(caught.value).endswith("\n... and 10 more")
