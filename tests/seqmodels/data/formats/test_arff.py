"""ARFF: real files of the archives against scipy's reader, the suite, quoting, and damaged files."""

from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import arff

from seqsweep.seqmodels.data.errors import DataError
from seqsweep.seqmodels.data.formats.arff import ARFF, ArffOptions
from seqsweep.seqmodels.data.formats.arff_file import split_row
from seqsweep.seqmodels.data.numbers import NumberError
from seqsweep.seqmodels.data.source import collect
from seqsweep.seqmodels.testing.data_conformance import Data, FormatSuite
from tests.support.mutated import files_of, mutated, survive

UNIVARIATE = (
    "@relation x\n@attribute a1 numeric\n@attribute a2 real\n@attribute target {up,'d own'}\n@data\n1,2,up\n"
)
RELATIONAL = (
    "@relation x\n@attribute r relational\n@attribute a1 numeric\n@attribute a2 numeric\n@end r\n"
    "@attribute target {1,2}\n@data\n'1,2\\n3,4',1\n\"5,?\\n7,?\",2\n"
)


class TestArff(FormatSuite):
    format = ARFF

    def write(self, root: Path, data: Data) -> None:
        root.mkdir()
        longest = max(len(each) for sequences in data.values() for each in sequences)
        for part in ("train", "test"):
            lines = ["@relation x", "@attribute r relational"]
            lines += [f"@attribute a{number} numeric" for number in range(longest)]
            lines += ["@end r", "@attribute target {a,b}", "@data"]
            for (name, place), sequences in data.items():
                for values in sequences if place == part else ():
                    rows = [
                        ",".join([*map(repr, column), *"?" * (longest - len(values))])
                        for column in values.T.tolist()
                    ]
                    lines.append("'" + "\\n".join(rows) + f"',{name}")
            (root / f"X_{part.upper()}.arff").write_text("\n".join(lines) + "\n")


def gathered(text: str, **options: object):
    files = files_of({"X_TRAIN.arff": text.encode()})
    complete, _ = ARFF.complete(files, ArffOptions(**options))
    return ARFF.gather(files, complete)


REAL = {
    "ERing_TRAIN": (30, 65, 4, 7800, -1.59487819, -1.00504391, None, "3", [5] * 6),
    "Chinatown_TRAIN": (20, 24, 1, 480, 573, None, 305_436, None, [10, 10]),
    "ItalyPowerDemand_TRAIN": (67, 24, 1, 1608, -0.71051757, 1.1719652, None, None, [34, 33]),
}


@pytest.mark.parametrize("name", REAL)
def test_real_files(real_data, name):
    count, length, channels, numbers, first, last, total, label, classes = REAL[name]
    path = real_data / f"formats/uea-arff/{name}.arff"
    found, form, options = collect({"path": str(path)})
    assert form is ARFF
    assert options.target == "target"
    assert set(found.parts) == {"train"}
    assert len(found) == count
    assert {each.shape for each in found.sequences} == {(length, channels)}
    assert sum(each.size for each in found.sequences) == numbers
    assert found.sequences[0][0, 0] == first
    assert last is None or found.sequences[-1][-1, -1] == last
    assert total is None or sum(each.sum() for each in found.sequences) == total
    assert label is None or found.labels[0] == label
    assert sorted(map(found.labels.count, set(found.labels))) == sorted(classes)
    # the same by scipy's reader
    rows, _ = arff.loadarff(path)
    assert [row[-1].decode() for row in rows] == found.labels
    for row, values in zip(rows, found.sequences, strict=True):
        if channels > 1:
            np.testing.assert_array_equal([list(each) for each in row[0]], values.T)
        else:
            assert list(row)[:-1] == values[:, 0].tolist()


def test_a_file_without_classes_is_refused_but_read_by_a_model(real_data):
    with pytest.raises(DataError, match="has no nominal attribute, such as"):
        collect({"path": str(real_data / "formats/uea-arff/missing.arff")})
    files = files_of({"a.arff": (real_data / "formats/uea-arff/missing.arff").read_bytes()})
    found = [each.values.tolist() for each in ARFF.parse(files, "a.arff", ArffOptions(target="target"))]
    assert found[:2] == [[[1], [5]], [[2], [4]]]
    assert np.isnan(found[2]).all()


def test_relations_are_channels_by_steps_or_transposed():
    found = gathered(RELATIONAL)
    assert [each.tolist() for each in found.sequences] == [[[1, 3], [2, 4]], [[5, 7]]]
    assert found.labels == ["1", "2"]
    assert found.notes == ("1 sequence(s) end in missing values, which are taken for padding and cut off",)
    assert found.ids == ["X_TRAIN.arff/1", "X_TRAIN.arff/2"]
    assert found.places == ["set/X_TRAIN.arff:8", "set/X_TRAIN.arff:9"]
    assert gathered(RELATIONAL, transposed=True).sequences[0].tolist() == [[1, 2], [3, 4]]


def test_missing_values_within_stay_missing():
    found = gathered(UNIVARIATE + "?,4,'d own'\n% a comment\n\n5\t6\tup\n")
    assert found.labels == ["up", "d own", "up"]
    assert np.isnan(found.sequences[1][0, 0])
    assert found.sequences[1][1, 0] == 4
    assert found.sequences[2].tolist() == [[5], [6]]


def test_the_class_may_be_anywhere_and_called_anything():
    text = (
        "@RELATION 'a b'\n@ATTRIBUTE\tkind\t{a,b}\n@Attribute 'x y' REAL\n@attribute  z{c,d}\n@DATA\na,1,c\n"
    )
    with pytest.raises(DataError, match="all attributes must be numeric, a step each, but `kind` is nominal"):
        gathered(text)
    found = gathered(text.replace("@attribute  z{c,d}\n", "").replace(",c", ""))
    assert found.labels == ["a"]
    assert found.sequences[0].tolist() == [[1]]


def test_a_file_for_each_channel_beside_the_whole_is_no_second_data_set():
    tree = {
        f"X{each}_{part}.arff": RELATIONAL.encode()
        for each in ("", "Dimension1", "Dimension2")
        for part in ("TRAIN", "TEST")
    }
    found = ARFF.gather(files_of(tree), ArffOptions(target="target"))
    assert sorted(found.ids) == [f"X_{part}.arff/{n}" for part in ("TEST", "TRAIN") for n in (1, 2)]
    with pytest.raises(DataError, match="holds several data sets, name one of them: set/X, set/Y"):
        ARFF.gather(files_of({**tree, "Y.arff": b""}), ArffOptions(target="target"))


BAD = {
    "sparse": (UNIVARIATE + "{0 1, 2 up}\n", 7, "is sparse"),
    "short": (UNIVARIATE + "1,up\n", 7, "has 2 values, but there are 3 attributes"),
    "words": (UNIVARIATE + "1,x,up\n", 7, "value 2 is `x`, but must be a number"),
    "other class": (UNIVARIATE + "1,2,left\n", 7, "the class is `left`, but `target` may be up, d own"),
    "no class": (UNIVARIATE + "1,2,?\n", 7, r"has no class \(`\?`\)"),
    "open quote": (UNIVARIATE + "1,2,'up\n", 7, "has a quote that is not closed"),
    "text": (UNIVARIATE.replace("a1 numeric", "a1 string"), 0, "but `a1` is string"),
    "strange type": (UNIVARIATE.replace("a1 numeric", "a1 complex"), 2, "the type of `a1` is `complex`"),
    "open relation": (RELATIONAL.replace("@end r\n", ""), 6, "the relational attribute `r` has no `@end`"),
    "short relation": (
        RELATIONAL.replace("3,4", "3"),
        8,
        "row 2 of the relation has 1 values, but `r` has 2",
    ),
    "no data": ("@relation x\n@attribute a numeric\n", 0, "has no line `@data`"),
    "no rows": (UNIVARIATE.replace("1,2,up\n", ""), 0, "has no rows after `@data`"),
    "no attributes": ("@relation x\n@data\n", 2, "no `@attribute` stands before"),
    "other text": ("1,2,3\n", 1, "before `@data` only"),
}


@pytest.mark.parametrize("kind", BAD)
def test_each_fault_is_one_problem_of_its_line(kind):
    text, line, message = BAD[kind]
    with pytest.raises(DataError, match=message) as caught:
        gathered(text)
    assert [each.where for each in caught.value.problems] == ["set/X_TRAIN.arff" + f":{line}" * bool(line)]


def test_endless_blanks_cost_no_time():
    with pytest.raises(NumberError, match="a quote that is not closed"):
        split_row("'a'," + " " * 200_000 + "b" + " " * 200_000 + "'")


word = st.text(st.characters(codec="ascii", exclude_characters="\0\r\n"), max_size=6)


@given(words=st.lists(word, min_size=1, max_size=5))
def test_quoted_words_come_back(words):
    row = ",".join("'" + each.replace("\\", "\\\\").replace("'", "\\'") + "'" for each in words)
    assert split_row(row) == words


@given(values=st.lists(st.floats(-1e30, 1e30), min_size=2, max_size=5))
def test_numbers_are_those_that_scipy_reads(values):
    header = "".join(f"@attribute a{n} numeric\n" for n in range(len(values)))
    text = f"@relation x\n{header}@attribute target {{u,v}}\n@data\n{','.join(map(repr, values))},u\n"
    rows, _ = arff.loadarff(StringIO(text))
    assert gathered(text).sequences[0][:, 0].tolist() == list(rows[0])[:-1]


WORDS = [
    b"?",
    b"'",
    b'"',
    b"\\n",
    b"{",
    b"}",
    b"\n@end r\n",
    b"\n@data\n",
    b"nan",
    b"1e999",
    b"@attribute b relational\n",
]


@given(content=st.one_of(mutated([UNIVARIATE.encode(), RELATIONAL.encode()], WORDS), st.binary(max_size=200)))
@settings(max_examples=200)
def test_damaged_files_are_refused_or_read(content):
    survive(ARFF, {"X_TRAIN.arff": content})
    survive(ARFF, {"X_TRAIN.arff": content}, ArffOptions(target="target"))
