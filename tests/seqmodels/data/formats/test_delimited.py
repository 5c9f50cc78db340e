"""Text of numbers in columns, read as pandas reads it, whatever way it is written."""

from io import BytesIO
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqsweep.seqmodels.data.errors import DataError
from seqsweep.seqmodels.data.formats.delimited import read_numbers

NUMBERS = np.array([[1.5, -2.0, 3e-7], [0.1, 1e22, 7.0], [5e-324, 123456.789, -0.25]])


def written(delimiter: str, decimal: str, header: bool, end: str, quote: bool, before: bytes) -> bytes:
    text = pd.DataFrame(NUMBERS, columns=["x one", "y", "z"]).to_csv(
        sep=delimiter,
        decimal=decimal,
        header=header,
        index=False,
        lineterminator=end,
        quoting=1 if quote else 0,
    )
    return before + text.encode()


def can_be_read(delimiter: str, decimal: str, header: bool, quote: bool) -> bool:
    """Tell whether anybody could."""
    return (delimiter != decimal or quote) and not (delimiter == " " and (quote or header))


WRITTEN = [
    (delimiter, decimal, header, quote)
    for delimiter, decimal, header, quote in product(",;\t| ", ".,", (True, False), (True, False))
    if can_be_read(delimiter, decimal, header, quote)
]


@pytest.mark.parametrize(("delimiter", "decimal", "header", "quote"), WRITTEN)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("before", [b"", b"\xef\xbb\xbf", b"\n\n", b"# by hand\n"])
def test_however_it_is_written_the_numbers_are_the_same(
    delimiter: str, decimal: str, header: bool, quote: bool, end: str, before: bytes
) -> None:
    found = read_numbers(written(delimiter, decimal, header, end, quote, before), "file")
    np.testing.assert_array_equal(found.values, NUMBERS)
    assert found.names == (("x one", "y", "z") if header else ())
    assert found.notes == ()


@pytest.mark.parametrize(
    "name", ["hline-left/rep13", "hline-left/rep5", "vline-up/rep36", "hline-right/rep20"]
)
def test_recordings_of_a_phone(name: str, real_data: Path) -> None:
    data = (real_data / f"formats/csv-folders/{name}.csv").read_bytes()
    found, oracle = read_numbers(data, name), pd.read_csv(BytesIO(data), dtype=str)
    np.testing.assert_array_equal(found.values, oracle.to_numpy(np.float64))
    assert found.names == tuple(oracle.columns)
    assert [found.names[place] for place in found.times] == ["t", "tRel"]
    if name == "hline-left/rep13":
        assert found.values[0, 2] == 0.063576914624944247
    if name == "vline-up/rep36":
        assert found.values[0, 2] == float("-0.0026388689407538363")
        assert found.values[-1, 1] == 1.082


def test_decimal_commas_and_missing_values_of_air(real_data: Path) -> None:
    data = (real_data / "formats/csv-decimal-comma/AirQualityUCI-first481.csv").read_bytes()
    found = read_numbers(data, "air")
    assert found.values.shape == (480, 14)
    carbon, humidity, label = (
        found.values[:, found.names.index(name)] for name in ("CO(GT)", "AH", "CO_HIGH")
    )
    assert carbon[0] == 2.6
    assert (humidity[0], humidity[-1]) == (0.7578, 0.6788)
    assert humidity.sum() == pytest.approx(377.8707)
    assert [int((label == each).sum()) for each in (1, 0)] == [398, 64]
    assert int(np.isnan(label).sum()) == 18
    assert carbon[~np.isnan(label)].sum() == pytest.approx(1070.2)
    assert found.times == ()  # T is a temperature
    assert found.notes == ("columns of texts are passed over: `Date`, `Time`",)
    oracle = pd.read_csv(BytesIO(data), sep=";", decimal=",")[list(found.names)]
    np.testing.assert_allclose(found.values, oracle.to_numpy(np.float64))


def test_an_export_with_units_in_its_header(real_data: Path) -> None:
    found = read_numbers((real_data / "formats/csv-decimal-comma/Raw Data.csv").read_bytes(), "raw")
    assert found.names[0] == "Time (s)"
    assert found.values.shape == (424, 4)
    assert found.values[0, 1] == 3.413188457e-1
    assert found.values[-1, 0] == 10.4434988
    assert found.times == (0,)


def test_no_header_and_a_first_column_that_grows(real_data: Path) -> None:
    found = read_numbers((real_data / "formats/csv-long/d1p10F").read_bytes(), "d1p10F")
    assert found.values.shape == (61, 9)
    assert (found.names, found.times) == ((), (0,))
    assert found.values[-1, 0] == 221.5


@pytest.mark.parametrize(
    ("text", "names", "values", "notes"),
    [
        (b"1, 2\n NA, 4\n", (), [[1, 2], [np.nan, 4]], ()),
        (b"+1,2\n3,-4\n", (), [[1, 2], [3, -4]], ()),
        (b"0,1,2\n.5,.1,.2\n", ("0", "1", "2"), [[0.5, 0.1, 0.2]], ()),
        (b"0,1,2\n3,4,5\n", (), [[0, 1, 2], [3, 4, 5]], ()),
        (b"# x y\n1 2\n3 4\n", ("x", "y"), [[1, 2], [3, 4]], ()),
        (b"sep=;\na;b\n1;2\n", ("a", "b"), [[1, 2]], ()),
        (b"5\n6\n", (), [[5], [6]], ()),
        (b"1,2,\n3,4,\n", (), [[1, 2], [3, 4]], ()),
        (b"x,y\n1,?\n2,inf\n", ("x", "y"), [[1, np.nan], [2, np.inf]], ()),
        (b'"a\nb",c\n1,2\n', ("a b", "c"), [[1, 2]], ()),
        (b"a,b\n1,x\n3,x\n", ("a",), [[1], [3]], ("columns of texts are passed over: `b`",)),
        (
            b"na\xefve;b\n1,5;2\n",
            ("naïve", "b"),
            [[1.5, 2]],
            ("line 1 is not UTF-8 text, so the file is read as Latin-1",),
        ),
    ],
)
def test_small_texts(
    text: bytes, names: tuple[str, ...], values: list[list[float]], notes: tuple[str, ...]
) -> None:
    found = read_numbers(text, "file")
    assert (found.names, found.notes) == (names, notes)
    np.testing.assert_array_equal(found.values, np.array(values, np.float64))


def test_a_text_that_never_changes_may_be_a_label() -> None:
    assert read_numbers(b"x,what\n1,up\n2,up\n", "file").constants == {"what": "up"}
    assert read_numbers(b"x,what\n1,up\n2,down\n", "file").constants == {}


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        (
            b"a;b\n1,5;2\n3;x\n\n4,5\n",
            ["file:3: column `b` is `x`, but must be a number", "file:5: has 1 fields, but the header has 2"],
        ),
        (b"1 2\n3 4 5\n", ["file:1: has 2 fields, but the first row has 3"]),
        (b"1 2 3\n4 five 6\n7 8 9\n", ["file:2: column 2 is `five`, but must be a number"]),
        (b"", ["file: is empty"]),
        (b"\n \n", ["file: is empty"]),
        (b"# x\n", ["file: has a heading, but no rows"]),
        (b"a,b\n", ["file: has a header, but no rows"]),
        (b"a,b\nc,d\n", ["file: has no column of numbers"]),
        (bytes(300), ["file: is no text: it has zero bytes"]),
        ("1 2".encode("utf-16"), ["file: is UTF-16 text, but must be UTF-8: save it as UTF-8"]),
    ],
)
def test_what_is_wrong_is_told_by_its_line(text: bytes, problems: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        read_numbers(text, "file")
    assert [str(each) for each in caught.value.problems] == problems


@settings(max_examples=300, deadline=None)
@given(
    st.binary(max_size=80)
    | st.text(alphabet='0123456789.,;\t |"\n\r#-+eENA?xé', max_size=80).map(lambda text: text.encode())
)
def test_whatever_comes_is_read_or_refused(data: bytes) -> None:
    try:
        found = read_numbers(data, "file")
    except DataError as error:
        wrong = [problem for problem in error.problems if not problem.where.startswith("file")]
    else:
        wrong = []
        assert found.values.ndim == 2
        assert found.values.dtype == np.float64
        assert found.values.size
        assert len(found.names) in (0, found.values.shape[1])
    assert not wrong
