"""The `.ts` format: header, rows, pairs of files, and every fault with its line."""

import gzip
import lzma

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.preprocessing import StandardScaler

from seqsweep.seqmodels.data.errors import DataError
from seqsweep.seqmodels.data.files import list_files
from seqsweep.seqmodels.data.formats.ts import TS
from seqsweep.seqmodels.data.source import load
from seqsweep.seqmodels.data.splits import SplitRule
from tests.support.mutated import mutated, survive
from tests.support.reading import read
from tests.support.written import PLACES, write, write_folder

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
        read(TS, path, name="set", **options)
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
    check_toy(read(TS, path, name="set"))


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
    check_toy(read(TS, root / given.format(ending), name="set"))


def test_a_pair_may_be_named_file_by_file(tmp_path):
    root = write_folder(
        tmp_path, {"a": GOOD["Toy_TRAIN.ts"], "x/b.gz": gzip.compress(GOOD["Toy_TEST.ts"].encode())}
    )
    check_toy(read(TS, {"train": root / "a", "test": root / "x/b.gz"}, name="set"))
    gone = root / "x/c"
    assert problems_of({"train": root / "a", "test": gone}) == [(str(gone), "no such file")]


def test_classes_are_taken_in_the_order_asked_for(tmp_path):
    text = HEADER.replace("up Down", "up Down left") + "1:2:up\n1:3:left\n2:2:Down\n"
    root = write_folder(tmp_path, dict.fromkeys(GOOD, text))
    data = read(TS, root, name="set", classes=["up", "Down"])
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
    data = read(TS, root, name="set")
    mean, std = (np.array(data.normalization[key]) for key in ("mean", "std"))
    assert data.sequence_count == 2 * len(sequences)
    for index in range(data.sequence_count):
        expected = sequences[index % len(sequences)]
        assert data.sequence(index) * std + mean == pytest.approx(expected, rel=1e-4, abs=1e-4)


ROWS = {  # a second row, what is wrong with it
    "not a number": ("1,2:3,x:up", "channel 2, value 2 is `x`, but must be a number"),
    "missing": ("1,2:?,NaN:up", "channel 2 has no values at all, only missing ones"),
    "infinite": ("1,Inf:?,4:up", "channel 1, value 2 is `Inf`, but must be finite and fit float32"),
    "beside missing": ("1,x:?,4:up", "channel 1, value 2 is `x`, but must be a number"),
    "nothing": ("1,:3,4:up", "channel 1, value 2 is empty, but must be a number"),
    "ragged": ("1,2,3:3,4:up", "channel 2 has 2 values, but channel 1 has 3"),
    "too few channels": ("1,2:up", "has 1 channels, but most lines have 2"),
    "too many channels": ("1:2:3:up", "has 3 channels, but most lines have 2"),
    "no class": ("1:2:", "the class label is ``, but a sequence must have one"),
    "missing class": ("1:2:?", "the class label is `?`, but a sequence must have one"),
    "numbers for a class": (
        "1,2:3,4",
        "ends in numbers (`3,4`) where the class label must stand, after the last `:`",
    ),
    "late header": ("@missing true", "is a header line (`@missing true`), but `@data` stands before it"),
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
    "regression": ("@classLabel true up Down", "@targetLabel true", None,
                   "is a regression problem (`@targetLabel true`), with numbers for classes: seqsweep learns classes only"),
    "no classes": ("@classLabel true up Down", "@classLabel false", None,
                   "has no classes (`@classLabel false`), so nothing can be learnt from it"),
    "neither": ("@classLabel true up Down", "@classLabel up Down", 8,
                "`@classLabel` is `up Down`, but must be `true` and the classes, or `false`"),
    "no data": ("@data\n", "", None, "has no line `@data`, after which the sequences stand"),
    "data with a value": ("@data\n", "@data 1\n", 9, "`@data` is followed by `1`, but must stand alone"),
    "no text": ("# a comment", b"\0" * 400, None,
                "is no text, or UTF-16 without its mark: it is full of zero bytes, and must be UTF-8"),
    "utf-16": ("# a comment", b"", None, "is UTF-16 text, but must be UTF-8: save it as UTF-8"),
}  # fmt: skip


@pytest.mark.parametrize("kind", HEADERS)
def test_each_wrong_header_line_is_one_clear_problem(tmp_path, kind):
    old, new, line, message = HEADERS[kind]
    new = new if isinstance(new, bytes) else new.encode()
    content = GOOD["Toy_TRAIN.ts"].encode().replace(old.encode(), new)
    if kind == "utf-16":
        content = GOOD["Toy_TRAIN.ts"].encode("utf-16")
    root = write_folder(tmp_path, {**GOOD, "Toy_TRAIN.ts": content})
    where = f"{root}/Toy_TRAIN.ts" + (f":{line}" if line else "")
    assert problems_of(root) == [(where, message)]


ACCEPTED = {  # what aeon or sktime read of a file, too: a piece of the training file, what it becomes, what is noted
    "percent comments": ("# a comment", "% a comment\n%# more\n%", []),
    "tabs and blanks": ("@timeStamps false", "  @timeStamps \t  false \t", []),
    "blank lines": ("@data\n", "\n@data\n \n\t\n", []),
    "comments in the data": ("7:8:Down", "% a comment\n 7:8:Down", []),
    "free text": ("# a comment", "A data set\nof toys", ["2 lines from 1 to 2 are free text before `@data`, and passed over"]),
    "any case and order": ("@problemName Toy\n@timeStamps false", "@TIMESTAMPS FALSE\n@PROBLEMNAME Toy", []),
    "a long name": ("@problemName Toy", "@problemName a toy: for all", []),
    "no name": ("@problemName Toy", "@problemName", []),
    "a mark": ("# a comment", "\ufeff# a comment", []),
    "windows": ("\n", "\r\n", []),
    "old macintosh": ("\n", "\r", []),
    "unknown key": ("@dimensions 2", "@dimensoins 2",
                    ["line 6: `@dimensoins` is unknown (did you mean `@dimensions`?), and passed over"]),
    "no switch": ("@univariate false", "@univariate no",
                  ["line 5: `@univariate` is `no`, neither true nor false, and passed over"]),
    "no count": ("@dimensions 2", "@dimensions two", ["line 6: `@dimensions` is `two`, no whole number, and passed over"]),
    "untrue dimensions": ("@dimensions 2", "@dimensions 3", ["the header says 3 channel(s), but the sequences have 2"]),
    "untrue univariate": ("@univariate false", "@univariate true", ["the header says 1 channel(s), but the sequences have 2"]),
    "untrue equal length": ("@equalLength false", "@equalLength true",
                            ["`@equalLength` is true, but the sequences have 1 to 3 steps"]),
    "given again": ("@univariate false", "@univariate true\n@univariate false",
                    ["line 6: `@univariate` is given again, and the last one counts"]),
    "no class label": ("@classLabel true up Down\n", "",
                       ["the header has no `@classLabel`: what follows the last `:` is taken for the class"]),
    "classes not listed": ("@classLabel true up Down", "@classLabel true",
                           ["`@classLabel` lists no classes: they are taken from the sequences"]),
    "class twice": ("@classLabel true up Down", "@classLabel true up Down up", ["`@classLabel` names a class twice"]),
    "unused class": ("@classLabel true up Down", "@classLabel true up Down left",
                     ["`@classLabel` lists classes of which there is no sequence, and they are left out: `left`"]),
    "class of another case": ("@classLabel true up Down", "@classLabel true UP Down",
                              ["the label `up` is taken for the class `UP` of the header",
                               "the test file's label `up` is taken for the class `UP` of the training file"]),
    "class not listed": ("@classLabel true up Down", "@classLabel true up left",
                         ["`@classLabel` does not list `Down` (line 11), which is taken for a class all the same",
                          "`@classLabel` lists classes of which there is no sequence, and they are left out: `left`"]),
    "quotes": ("7:8:Down", '7:8: "Down"', []),
    "target and class": ("@MISSING False", "@targetLabel true",
                         ["`@targetLabel` is true too, and passed over, since `@classLabel` lists classes"]),
    "latin-1": ("# a comment", b"# Andr\xe9", ["line 1 is not UTF-8 text, so the file is read as Latin-1"]),
    "timestamps": ("@timeStamps false\n", None, ["timestamps are left out: one pair is one step, however long it took"]),
    "padding": ("1,2,3:4,5,6:up", "1,2,3,NaN:4,5,6,?:up",
                ["1 sequence ends in missing values, which are taken for padding and cut off"]),
    "gap": ("1,2,3:4,5,6:up", "1, nan ,3:?,5,6:up",
            ["2 missing value(s) in 1 sequence(s) are filled in on the line between their neighbours"]),
}  # fmt: skip


@pytest.mark.parametrize("kind", ACCEPTED)
def test_what_aeon_or_sktime_read_is_read_and_said(tmp_path, kind):
    old, new, notes = ACCEPTED[kind]
    content = GOOD["Toy_TRAIN.ts"]
    if kind == "timestamps":
        stamped = (
            "(0,1),(2,2),(7,3):(0,4),(2,5),(7,6):up\n(2011-01-01 10:00:00,7):(2011-01-01 10:00:00,8):Down\n"
        )
        content = HEADER.replace("timeStamps false", "timeStamps true") + stamped
    else:
        assert old in content
        content = content.encode().replace(old.encode(), new if isinstance(new, bytes) else new.encode())
    root = write_folder(tmp_path, {**GOOD, "Toy_TRAIN.ts": content})
    data = read(TS, root, name="set")
    assert [note.removeprefix("Toy_TRAIN.ts: ") for note in data.notes] == notes
    if kind == "gap":
        assert data.sequence(0) * data.normalization["std"] + data.normalization["mean"] == pytest.approx(
            np.array([[1, 5], [2, 5], [3, 6]])
        )
    else:
        assert data.length.tolist() == [3, 1, 2, 1]
        assert [data.class_names[label].lower() for label in data.label] == ["up", "down", "down", "up"]
        assert data.normalization["mean"] == pytest.approx([13 / 4, 23 / 4])


def test_classes_of_several_words_numbers_and_accents_are_known_again(tmp_path):
    header = "@classLabel true walking fast 1 caf\u00e9\n@data\n"
    rows = ["1:walking fast", "2:1.0", "3:cafe\u0301"]
    text = header + "\n".join(rows) + "\n"
    root = write_folder(tmp_path, dict.fromkeys(GOOD, text))
    data = read(TS, root, name="set", classes=["cafe\u0301", "walking fast"])
    assert data.class_names == ("caf\u00e9", "walking fast")
    assert data.ids == ("train/1", "train/3", "test/1", "test/3")
    assert read(TS, root, name="set").class_names == ("1", "caf\u00e9", "walking fast")


def test_letters_of_either_case_may_be_two_classes(tmp_path):
    root = write_folder(tmp_path, dict.fromkeys(GOOD, "@classLabel true a A\n@data\n1:a\n2:A\n"))
    assert read(TS, root, name="set").class_names == ("A", "a")


def test_stamps_that_make_no_rows_are_said(tmp_path):
    head = "@timeStamps true\n@classLabel true a b\n@data\n(0,1):(0,1):a\n"
    for row, rule in {
        "(0,1),(1,2):(0,1),(3,2):b": "channel 2 has other times than channel 1, so they are no rows of one sequence",
        "1,2:3,4:b": "channel 1 must be `(time,value)` pairs, as `@timeStamps` is true",
        "(0,1),:(0,1):b": "channel 1 must be `(time,value)` pairs, as `@timeStamps` is true",
    }.items():
        root = write_folder(tmp_path, {**GOOD, "Toy_TRAIN.ts": head + row})
        assert problems_of(root) == [(f"{root}/Toy_TRAIN.ts:5", rule)]


def test_all_problems_of_both_files_are_listed_together(tmp_path):
    root = write_folder(
        tmp_path,
        {"Toy_TRAIN.ts": HEADER + "1:x:up\n1:2:3:up\n?:1:up\n1:2:up\n1:3:Down", "Toy_TEST.ts": HEADER},
    )
    assert [where.removeprefix(f"{root}/") for where, _ in problems_of(root)] == [
        "Toy_TRAIN.ts:10", "Toy_TRAIN.ts:11", "Toy_TRAIN.ts:12", "Toy_TEST.ts",
    ]  # fmt: skip


def test_files_that_do_not_fit_together_are_said(tmp_path):
    one = HEADER.replace("@dimensions 2", "@dimensions 1")
    root = write_folder(tmp_path, {**GOOD, "Toy_TEST.ts": one + "1:up\n2:up\n"})
    assert problems_of(root) == [
        (
            f"{root}/Toy_TEST.ts",
            "class `Down` has no test sequences: add some, as a data set needs two classes with training "
            "and test sequences each",
        ),
        (f"{root}/Toy_TEST.ts", "has 1 channels, but the training file has 2"),
    ]


def test_pairs_that_are_not_one_pair_are_said(tmp_path):
    root = write_folder(tmp_path / "set", {"Toy_TRAIN.ts": "", "x/": ""})
    assert problems_of(root) == [(f"{root}/Toy_TRAIN.ts", "is empty")]
    nothing = "no file ..._TRAIN.ts, or else one .ts (or .ts.gz, .ts.xz), is found here"
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


@pytest.mark.parametrize(
    ("name", "part"), [("Toy_TRAIN.ts", "train"), ("Toy_TEST.ts.gz", "test"), ("Toy.ts", None)]
)
@pytest.mark.parametrize("by", ["file", "folder"])
def test_a_file_without_a_pair_is_read_with_the_part_that_its_name_says(tmp_path, name, part, by):
    text = (GOOD["Toy_TRAIN.ts"] + "1:2:up\n3:4:Down\n" * 2).encode()
    root = write_folder(tmp_path, {name: gzip.compress(text) if name.endswith("gz") else text})
    path = root / name if by == "file" else root
    found, _ = TS.collect(path)
    assert found.parts == [part] * 6
    assert found.ids[:2] == ([f"{part}/1", f"{part}/2"] if part else ["1", "2"])
    assert any("file beside it" in note for note in found.notes) == bool(part)
    data = load({"path": str(path), "format": "ts", "name": "toy"}, rule=SplitRule(test=0.5))
    assert 0 < data.is_test.sum() < 6


def test_other_files_called_ts_are_not_recognised(tmp_path):
    script = write_folder(tmp_path / "script", {"main.ts": "export const x: number = 1;\n"})
    assert TS.recognise(list_files(script)) is None
    text = "# free text\n" * 2000 + GOOD["Toy_TRAIN.ts"]
    assert TS.recognise(list_files(write_folder(tmp_path / "toy", {"Toy.ts": text}))) is not None


REAL = {  # cases, lengths, dimensions, the sum, the first value, counts of classes
    "UnitTest_TRAIN": (20, (24, 24), 1, 305_436, 573, [10, 10]),
    "UnitTest_TEST": (22, (24, 24), 1, 347_122, 501, [10, 12]),
    "MinimalChinatown_TRAIN": (20, (24, 24), 1, 305_436, 573, [10, 10]),
    "MinimalChinatown_TEST": (20, (24, 24), 1, 316_621, None, [10, 10]),
    "UnequalMinimalChinatown_TRAIN": (20, (20, 24), 1, 284_538, None, [10, 10]),
    "UnequalMinimalChinatown_TEST": (20, (18, 24), 1, 296_483, None, [10, 10]),
    "MinimalJapaneseVowels_TRAIN": (20, (10, 26), 12, -64.6645, 1.860936, [2] * 7 + [3, 3]),
    "MinimalJapaneseVowels_TEST": (20, (10, 23), 12, -43.7295, 1.635533, [2] * 7 + [3, 3]),
    "PickupGestureWiimoteZ_TRAIN": (50, (29, 361), 1, 6394.829, None, [5] * 10),
    "UnitTestTimeStamps_TRAIN": (4, (4, 4), 1, None, 241.97, [2, 2]),
}


@pytest.mark.parametrize("name", REAL)
def test_real_files(real_data, name):
    count, lengths, dimensions, total, first, classes = REAL[name]
    found = TS.read_labelled(real_data / f"formats/ts/{name}.ts", "all")
    assert set(found.parts) == {name.rpartition("_")[2].lower()}
    assert len(found) == count
    found_lengths = [len(each) for each in found.sequences]
    assert (min(found_lengths), max(found_lengths)) == lengths
    assert {each.shape[1] for each in found.sequences} == {dimensions}
    assert total is None or sum(each.sum() for each in found.sequences) == pytest.approx(total, abs=1e-4)
    assert first is None or found.sequences[0][0, 0] == first
    assert sorted(map(found.labels.count, set(found.labels))) == classes


@given(content=st.one_of(mutated([each.encode() for each in GOOD.values()]), st.binary(max_size=200)))
@settings(max_examples=150)
def test_damaged_files_are_refused_or_read(content):
    survive(TS, {"Toy_TRAIN.ts": content, "Toy_TEST.ts": GOOD["Toy_TEST.ts"].encode()})
    survive(TS, {"Toy.ts": content})
