"""The `.ts` format: header, rows, pairs of files, and every fault with its line."""

import gzip
import lzma

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import StandardScaler
from written import PLACES, write, write_folder

from seqmodels.data.errors import DataError
from seqmodels.data.readers import ts

HEADER = """# a comment
@problemName Toy
@timeStamps false
@MISSING False
@univariate false
@dimensions 2
@equalLength false
@classLabel true up Down
@data
"""
GOOD = {
    "Toy_TRAIN.ts": HEADER + "1,2,3:4,5,6:up\n7:8:Down\n",
    "Toy_TEST.ts": HEADER + "1,1:2,2:Down\n3:3:up\n",
}


def problems_of(path, **options) -> list[tuple[str, str]]:
    with pytest.raises(DataError) as caught:
        ts.read(path, name="set", **options)
    return [(problem.where, problem.message) for problem in caught.value.problems]


def check_toy(data) -> None:
    assert data.class_names == ("Down", "up")
    assert data.ids == ("train/1", "train/2", "test/1", "test/2")
    assert data.label.tolist() == [1, 0, 0, 1]
    assert data.is_test.tolist() == [False, False, True, True]
    assert data.length.tolist() == [3, 1, 2, 1]
    train = np.array([[1, 4], [2, 5], [3, 6], [7, 8]])
    scaler = StandardScaler().fit(train)
    everything = np.concatenate([train, [[1, 2], [1, 2], [3, 3]]])
    assert data.tokens == pytest.approx(scaler.transform(everything), abs=1e-6)
    assert data.normalization["mean"] == pytest.approx(scaler.mean_)
    assert data.normalization["std"] == pytest.approx(scaler.scale_)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("top", ["", "deep/er/"])
def test_every_place_gives_the_same_data(tmp_path, place, top):
    path, _ = write(place, tmp_path, {**{top + name: text for name, text in GOOD.items()}, "notes.txt": ""})
    check_toy(ts.read(path, name="set"))


@pytest.mark.parametrize("given", ["Toy_TRAIN.ts{}", "Toy", "", "Toy_TEST.ts{}"])
@pytest.mark.parametrize(
    ("ending", "pack"),
    [("", bytes), (".gz", gzip.compress), (".xz", lzma.compress)],
    ids=["plain", "gz", "xz"],
)
def test_a_pair_is_found_by_file_stem_or_folder(tmp_path, given, ending, pack):
    other = {"Toy_eq_TRAIN.ts": "", "Toy_eq_TEST.ts": ""} if given else {}
    packed = {name + ending: pack(text.encode()) for name, text in GOOD.items()}
    root = write_folder(tmp_path / "set", {**packed, **other})
    check_toy(ts.read(root / given.format(ending), name="set"))


def test_a_pair_may_be_named_file_by_file(tmp_path):
    root = write_folder(
        tmp_path, {"a": GOOD["Toy_TRAIN.ts"], "x/b.gz": gzip.compress(GOOD["Toy_TEST.ts"].encode())}
    )
    check_toy(ts.read({"train": root / "a", "test": root / "x/b.gz"}, name="set"))
    gone = root / "x/c"
    assert problems_of({"train": root / "a", "test": gone}) == [(str(gone), "no such file")]


def test_classes_are_taken_in_the_order_asked_for(tmp_path):
    text = HEADER.replace("up Down", "up Down left") + "1:2:up\n1:3:left\n2:2:Down\n"
    root = write_folder(tmp_path, dict.fromkeys(GOOD, text))
    data = ts.read(root, name="set", classes=["up", "Down"])
    assert data.class_names == ("up", "Down")
    assert data.ids == ("train/1", "train/3", "test/1", "test/3")
    assert data.normalization["mean"] == pytest.approx([1.5, 2])
    [(where, message)] = problems_of(root, classes=["up", "down"])
    assert where == str(root / "Toy_TRAIN.ts")
    assert message == "has no class `down` (did you mean `Down`?); it has Down, left, up"


@given(
    values=st.data(),
    dimensions=st.integers(1, 4),
    lengths=st.lists(st.integers(1, 9), min_size=2, max_size=6),
)
@settings(max_examples=30)
def test_what_is_written_is_read(tmp_path_factory, values, dimensions, lengths):
    number = st.floats(-100, 100, width=32)
    sequences = [
        np.array([[values.draw(number) for _ in range(dimensions)] for _ in range(length)])
        for length in lengths
    ]
    lines = [
        ":".join(",".join(map(repr, channel)) for channel in sequence.T.tolist()) + f":{i % 2}"
        for i, sequence in enumerate(sequences)
    ]
    text = f"@dimension {dimensions}\n@classLabel true 0 1\n\n@data\n" + "\n\n".join(lines)
    root = write_folder(tmp_path_factory.mktemp("ts"), dict.fromkeys(GOOD, text))
    data = ts.read(root, name="set")
    mean, std = (np.array(data.normalization[key]) for key in ("mean", "std"))
    assert data.sequence_count == 2 * len(sequences)
    for index in range(data.sequence_count):
        expected = sequences[index % len(sequences)]
        assert data.sequence(index) * std + mean == pytest.approx(expected, rel=1e-4, abs=1e-4)


ROWS = {  # a second row, what is wrong with it
    "not a number": ("1,2:3,x:up", "channel 2, value 2 is `x`, but must be a number"),
    "missing": ("1,?:3,4:up", "channel 1, value 2 is `?`, but missing values are not supported"),
    "nan": ("1,NaN:3,4:up", "channel 1, value 2 is `NaN`, but must be finite and fit float32"),
    "nothing": ("1,:3,4:up", "channel 1, value 2 is empty, but must be a number"),
    "ragged": ("1,2,3:3,4:up", "channel 2 has 2 values, but channel 1 has 3"),
    "too few channels": ("1,2:up", "has 1 channels, but the header or the other lines have 2"),
    "too many channels": ("1:2:3:up", "has 3 channels, but the header or the other lines have 2"),
    "unknown class": ("1:2:Up", "the class label is `Up`, but the header has up, Down"),
    "no class": ("1:2:", "the class label is ``, but the header has up, Down"),
    "no colon": ("1,2", "has no `:` and so no class label"),
}


@pytest.mark.parametrize("kind", ROWS)
@pytest.mark.parametrize("dimensions", ["@dimensions 2\n", ""], ids=["stated", "majority"])
def test_each_wrong_row_is_one_clear_problem(tmp_path, kind, dimensions):
    row, message = ROWS[kind]
    text = HEADER.replace("@dimensions 2\n", dimensions) + f"1:2:Down\n{row}\n1:2:up\n"
    line = text.splitlines().index(row) + 1
    path, prefix = write("tar.xz", tmp_path, {**GOOD, "Toy_TEST.ts": text})
    assert problems_of(path) == [(f"{prefix}Toy_TEST.ts:{line}", message)]


HEADERS = {  # a header line is replaced; its number, what is wrong
    "unknown key": ("@dimensions 2", "@dimensoins 2", 6, "unknown key `@dimensoins` (did you mean `@dimensions`?)"),
    "no switch": ("@univariate false", "@univariate no", 5, "`@univariate` is `no`, but must be true or false"),
    "no count": ("@dimensions 2", "@dimensions two", 6, "`@dimensions` is `two`, but must be a whole number, 1 or more"),
    "zero": ("@dimensions 2", "@dimensions 0", 6, "`@dimensions` is `0`, but must be a whole number, 1 or more"),
    "timestamps": ("@timeStamps false", "@timeStamps true", 3,
                   "`@timestamps` is true, but only plain class-labelled values are supported"),
    "regression": ("@MISSING False", "@targetLabel true", 4,
                   "`@targetlabel` is true, but only plain class-labelled values are supported"),
    "no classes": ("@classLabel true up Down", "@classLabel false", 8,
                   "`@classLabel` is `false`, but must be `true` and at least 2 classes"),
    "one class": ("@classLabel true up Down", "@classLabel true up", 8,
                  "`@classLabel` is `true up`, but must be `true` and at least 2 classes"),
    "class twice": ("@classLabel true up Down", "@classLabel true up up", 8, "`@classLabel` names a class twice"),
    "no class label": ("@classLabel true up Down\n", "", None, "the header has no `@classLabel true <class> <class> ...`"),
    "no data": ("@data\n", "", 9, "is neither `@key value` nor `#`, but `@data` is still to come"),
    "not text": ("# a comment", b"\xff", 1, "is not UTF-8 text: invalid start byte"),
}  # fmt: skip


@pytest.mark.parametrize("kind", HEADERS)
def test_each_wrong_header_line_is_one_clear_problem(tmp_path, kind):
    old, new, line, message = HEADERS[kind]
    new = new if isinstance(new, bytes) else new.encode()
    root = write_folder(
        tmp_path, {**GOOD, "Toy_TRAIN.ts": GOOD["Toy_TRAIN.ts"].encode().replace(old.encode(), new)}
    )
    where = f"{root}/Toy_TRAIN.ts" + (f":{line}" if line else "")
    assert problems_of(root) == [(where, message)]


def test_equal_lengths_are_checked_when_promised(tmp_path):
    text = HEADER.replace("@equalLength false", "@equalLength true") + "1,2:1,2:up\n1:2:Down\n1,2:3,4:up\n"
    root = write_folder(tmp_path, {**GOOD, "Toy_TRAIN.ts": text})
    rule = "has {} steps, but all must have {}, since `@equalLength` is true"
    assert problems_of(root) == [(f"{root}/Toy_TRAIN.ts:11", rule.format(1, 2))]
    write_folder(tmp_path, {"Toy_TRAIN.ts": text.replace("@data", "@seriesLength 1\n@data")})
    assert problems_of(root) == [(f"{root}/Toy_TRAIN.ts:{n}", rule.format(2, 1)) for n in (11, 13)]


def test_univariate_means_one_channel(tmp_path):
    text = HEADER.replace("@univariate false", "@univariate true").replace("@dimensions 2\n", "")
    root = write_folder(tmp_path, dict.fromkeys(GOOD, text + "1,2:up\n1:Down"))
    assert ts.read(root, name="set").feature_count == 1
    write_folder(tmp_path, {"Toy_TEST.ts": text + "1,2:up\n1:2:Down"})
    assert problems_of(root) == [
        (f"{root}/Toy_TEST.ts:10", "has 2 channels, but the header or the other lines have 1")
    ]


def test_all_problems_of_both_files_are_listed_together(tmp_path):
    root = write_folder(
        tmp_path, {"Toy_TRAIN.ts": HEADER + "1:x:up\n1:2:3:up\n?:1:up", "Toy_TEST.ts": HEADER}
    )
    assert [where.removeprefix(f"{root}/") for where, _ in problems_of(root)] == [
        "Toy_TRAIN.ts:10", "Toy_TRAIN.ts:11", "Toy_TRAIN.ts:12", "Toy_TEST.ts",
    ]  # fmt: skip


def test_files_that_do_not_fit_together_are_said(tmp_path):
    one = HEADER.replace("@dimensions 2", "@dimensions 1")
    root = write_folder(tmp_path, {**GOOD, "Toy_TEST.ts": one + "1:up\n2:up\n"})
    assert problems_of(root) == [
        (f"{root}/Toy_TEST.ts", "class `Down` has no test sequences"),
        (f"{root}/Toy_TEST.ts", "has 1 channels, but the training file has 2"),
    ]


def test_pairs_that_are_not_one_pair_are_said(tmp_path):
    root = write_folder(tmp_path / "set", {"Toy_TRAIN.ts": "", "x/": ""})
    assert problems_of(root) == [(f"{root}/Toy", "has no test file Toy_TEST.ts (or .ts.gz, .ts.xz)")]
    nothing = "no file ..._TRAIN.ts (or .ts.gz, .ts.xz) is found here"
    for place in (root / "x", root / "Tyo", root / "none" / "Toy_TRAIN.ts"):
        assert problems_of(place) == [(str(place), nothing)]
    write_folder(root, {"Yot_TEST.ts": ""})
    several = f"holds several data sets, name one of them: {root}/Toy, {root}/Yot"
    assert problems_of(root) == [(str(root), several)]
    damaged = write_folder(
        tmp_path / "cut", {n + ".gz": gzip.compress(t.encode())[:-9] for n, t in GOOD.items()}
    )
    assert [where for where, _ in problems_of(damaged)] == [f"{damaged}/{name}.gz" for name in GOOD]
    empty = write_folder(tmp_path / "empty", dict.fromkeys(GOOD, ""))
    assert [message for _, message in problems_of(empty)] == ["is empty", "is empty"]
