"""UNIPEN: real digits in three files, the suite, digits as UCI has them, and damaged files."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqsweep.seqmodels.data.errors import DataError
from seqsweep.seqmodels.data.formats.unipen import UNIPEN, UnipenOptions
from seqsweep.seqmodels.data.formats.unipen_file import read_ink
from seqsweep.seqmodels.data.inputs import read_file
from seqsweep.seqmodels.data.source import collect
from seqsweep.seqmodels.testing.data_conformance import Data
from tests.seqmodels.data.formats.ink_suite import InkSuite
from tests.support.mutated import files_of, mutated, survive

DIGITS = """ .INCLUDE dene.doc
.LEXICON "0" "1"
.HIERARCHY DIGIT
.SEGMENT DIGIT 0 ? "1"
.COMMENT 1 91 22
.PEN_DOWN
8 3
8 3
2 9
.PEN_UP
.DT 100
.SEGMENT DIGIT 1-2 ? "0"
.COMMENT 0 92 23
.PEN_DOWN
1 2
3 4
.PEN_UP
.DT 100
.PEN_DOWN
9 8
7 6
.PEN_UP
.DT 100
"""  # as UCI's pendigits-orig.tra is written


class TestUnipen(InkSuite):
    format = UNIPEN

    def files(self, root: Path) -> list[Path]:
        return sorted(root.rglob("*.unipen"))

    def write(self, root: Path, data: Data) -> None:
        for part in ("train", "test"):
            (root / part).mkdir(parents=True)
            for name in ("a", "b"):
                lines = [".VERSION 1.0"]
                for values in data[name, part]:
                    lines += [f'.SEGMENT CHARACTER ? "{name}"', ".PEN_DOWN"]
                    lines += [" ".join(map(repr, row)) for row in values.tolist()]
                    lines += [".PEN_UP"]
                (root / part / f"{name}.unipen").write_text("\n".join(lines) + "\n")


def gathered(text: str, name: str = "a.dat", /, **options: object):
    options = {"segment": "DIGIT", **options}
    return UNIPEN.gather(files_of({name: text.encode()}), UnipenOptions(**options))


def test_real_digits(real_data):
    found, form, options = collect({"path": str(real_data / "formats/unipen"), "group": "writer"})
    assert form is UNIPEN
    assert options.segment == "CHARACTER"
    assert found.features == ("x", "y", "pen_up")
    assert [sum(each.startswith(f"app00{n}") for each in found.ids) for n in (32, 34, 43)] == [20, 20, 6]
    assert found.labels[:20] == list("98765432109876543210")
    assert found.labels[40:] == list("123456")
    assert set(found.groups) == {"ArloReeves"}
    assert [int(each[:, -1].sum()) for each in found.sequences[:4]] == [1, 2, 2, 1]
    assert sum(map(len, found.sequences[:20])) == 1042  # all ink is in one segment
    assert sum(map(len, found.sequences[20:40])) == 1065


@pytest.mark.parametrize(("number", "components", "points"), [(32, 28, 1042), (34, 28, 1065), (43, 22, 671)])
def test_real_ink(real_data, number, components, points):
    for folder in ("data/1a", "include/apa/data"):
        path = real_data / f"formats/unipen/{folder}" / ("apa/apa00" if "1a" in folder else "apa00")
        found = read_ink(files_of_disk(path / f"app00{number}.dat"), str(path / f"app00{number}.dat"))
        assert len(found.components) == components
        assert sum(map(len, found.components)) == points
        assert len(found.segments) == {32: 20, 34: 20, 43: 6}[number] * ("1a" in folder)


def files_of_disk(path: Path):
    from seqsweep.seqmodels.data.files import Files

    return Files("", "", {str(path): path}, frozenset({""}))


def test_a_model_reads_one_file_whose_ink_is_elsewhere(real_data):
    path = real_data / "formats/unipen/data/1a/apa/apa00/app0043.dat"
    found = list(read_file(path, "unipen", UnipenOptions(segment="CHARACTER")))
    assert len(found) == 6
    path = real_data / "formats/unipen/include/apa/data/apa00/app0043.dat"
    [whole] = read_file(path, "unipen", UnipenOptions(segment="CHARACTER"))
    assert whole.values.shape == (671, 3)
    assert whole.values[0].tolist() == [93, 418, 0]
    assert whole.values[21].tolist() == [94, 386, 1]


@pytest.mark.parametrize("numbers", ["0 1-2", "7 8-9", " ", "0,1:0 1:1-2"])
def test_digits_of_uci(numbers):
    first, _, second = numbers.partition(" ")
    text = DIGITS.replace("DIGIT 0 ", f"DIGIT {first} ").replace("1-2", second)
    if numbers == "0,1:0 1:1-2":
        found = gathered(text)
        assert [each.tolist() for each in found.sequences] == [
            [[8, 3, 0], [8, 3, 0], [2, 9, 1], [1, 2, 1]],
            [[3, 4, 1], [9, 8, 0], [7, 6, 1]],
        ]
        return
    found = gathered(text, "digits.tra", group=r"^\d+ (\d+)")
    assert found.labels == ["1", "0"]
    assert found.groups == ["91", "92"]
    assert found.parts == ["train", "train"]
    assert found.sequences[0].tolist() == [[8, 3, 0], [8, 3, 0], [2, 9, 1]]
    assert found.sequences[1].tolist() == [[1, 2, 0], [3, 4, 1], [9, 8, 0], [7, 6, 1]]
    assert found.places == ["set/digits.tra:4", "set/digits.tra:12"]
    assert "1 file(s) include dene.doc, which is not there" in found.notes
    assert any("the strokes that follow them" in each for each in found.notes) == (numbers != "0 1-2")


def test_other_channels_and_hovering_pens():
    text = (
        '.COORD X Y T\n.SEGMENT WORD 0-2 OK "a \\"b\\""\n.SEGMENT WORD 0 BAD\n.PEN_DOWN 1 2 3\n4 5 6\n'
        ".PEN_UP\n7 7 7\n.PEN_DOWN\n.5 -1e1 8\n"
    )
    found = gathered(text, segment="WORD", channels=("X", "Y", "T"))
    assert found.labels == ['a "b"']
    assert found.sequences[0].tolist() == [[1, 2, 3, 0], [4, 5, 6, 1], [0.5, -10, 8, 1]]
    assert found.features == ("x", "y", "time", "pen_up")
    assert sorted(found.notes) == [
        "1 path(s) of the lifted pen are left out",
        "1 segment(s) without a label are left out",
    ]
    assert gathered(text, segment="WORD").sequences[0].shape == (3, 3)


BAD = {
    "no such stroke": (DIGITS.replace("1-2", "1-3").replace('.SEGMENT DIGIT 0 ? "1"\n', ""), 11,
                       "is of strokes 1 to 3, but there are 3; it includes dene.doc, which is not there"),
    "words": (DIGITS.replace("9 8", "9 x"), 19, "value 2 is `x`, but must be a number"),
    "half a point": (DIGITS.replace("9 8", "9"), 19, r"has 1 number\(s\) in the line \+1, but each point must have 2 \(X Y\)"),
    "open label": (DIGITS.replace('"0"\n.COM', '"0\n.COM'), 12, "has no closing quote"),
    "no level": (DIGITS + ".SEGMENT\n", 24, "must say its level"),
    "no x": (".COORD Y T\n" + DIGITS, 1, "must name X, Y"),
    "outside": (DIGITS.replace("dene.doc", "../dene.doc"), 1, "must name a file below a folder `include`"),
    "absolute": (DIGITS.replace("dene.doc", "/etc/passwd"), 1, "must name a file below a folder `include`"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
def test_each_fault_is_one_problem_of_its_line(kind):
    text, line, message = BAD[kind]
    with pytest.raises(DataError, match=message) as caught:
        gathered(text)
    assert [each.where for each in caught.value.problems] == [f"set/a.dat:{line}"]


def test_files_that_include_one_another_are_refused():
    tree = {"include/a": b".INCLUDE b\n", "include/b": b".INCLUDE a\n.PEN_DOWN\n1 1\n"}
    with pytest.raises(DataError, match="which includes it"):
        UNIPEN.gather(files_of(tree), UnipenOptions(segment="DIGIT"))
    tree = {"a": b".INCLUDE b\n.INCLUDE b\n", "b": b".PEN_DOWN\n1 1\n"}
    with pytest.raises(DataError, match="so its strokes would be there twice"):
        UNIPEN.gather(files_of(tree), UnipenOptions(segment="DIGIT"))
    tree = {
        "a": b'.SEGMENT DIGIT 0 ? "1"\n.INCLUDE c\n.INCLUDE c\n.INCLUDE b\n',
        "b": b".PEN_DOWN\n1 1\n",
        "c": b"",
    }
    tree["c"] = b".COMMENT said twice\n"
    assert len(UNIPEN.gather(files_of(tree), UnipenOptions(segment="DIGIT"))) == 1


def test_no_writer_is_said():
    with pytest.raises(DataError, match="has no writer"):
        gathered(DIGITS, group="writer")
    with pytest.raises(DataError, match="holds no sequences with a class; 1 file"):
        gathered(DIGITS, segment="WORD")


WORDS = [
    b'.SEGMENT DIGIT 0-99999 ? "1"\n',
    b"\n.INCLUDE a.dat\n",
    b"\n.COORD X Y P\n",
    b"nan",
    b"1e999",
    b"\n.PEN_UP\n",
    b'"',
]


@given(
    content=st.one_of(mutated([DIGITS.encode()], WORDS), st.binary(max_size=300)),
    other=mutated([DIGITS.encode()]),
)
@settings(max_examples=100)
def test_damaged_files_are_refused_or_read(content, other):
    survive(UNIPEN, {"a.dat": content, "dene.doc": other})
    survive(UNIPEN, {"a.dat": content}, UnipenOptions(segment="DIGIT"))


def test_components_have_the_numbers_that_were_written():
    draw = np.random.default_rng(1)
    strokes = [draw.integers(-99, 99, (int(n), 2)) for n in draw.integers(1, 9, 30)]
    text = '.SEGMENT DIGIT 4-9 ? "x"\n' + "".join(
        ".PEN_DOWN\n" + "".join(f"{x}\t{y}\r\n" for x, y in each) + ".PEN_UP\n" for each in strokes
    )
    [found] = gathered(text).sequences
    np.testing.assert_array_equal(found[:, :2], np.concatenate(strokes[4:10]))
