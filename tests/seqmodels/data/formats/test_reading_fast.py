"""What is read by runs, by pieces or by a glance is what pandas and numpy read of it whole."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from seqsweep.seqmodels.data.errors import DataError
from seqsweep.seqmodels.data.files import read_bytes
from seqsweep.seqmodels.data.formats.columns import texts_of
from seqsweep.seqmodels.data.formats.long_table import ROWS
from seqsweep.seqmodels.data.source import collect


@given(
    st.lists(st.lists(st.sampled_from(["a", "b", "ab", None]), max_size=6), max_size=4),
    st.sampled_from([pa.string(), pa.dictionary(pa.int8(), pa.string()), pa.binary()]),
)
def test_texts_of_runs_are_factorised_as_pandas_does(
    pieces: list[list[str | None]], kind: pa.DataType
) -> None:
    found = texts_of(pa.chunked_array([pa.array(each, pa.string()).cast(kind) for each in pieces], kind))
    code, names = pd.factorize(np.array([each for piece in pieces for each in piece], object))
    assert found.code.tolist() == code.tolist()
    assert found.names == list(names)


@pytest.mark.parametrize("mixed", [False, True])
def test_columns_in_pieces_are_numpys(tmp_path: Path, mixed: bool) -> None:
    count = 2 * ROWS + 10
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(draw.normal(size=(count, 2)).astype("f4"), columns=["x", "y"])
    frame.insert(0, "id", np.arange(count) % 7 if mixed else np.arange(count) * 7 // count)
    frame.insert(1, "label", np.where(frame["id"] < 3, "low", "high"))
    frame.loc[ROWS, "y"] = np.nan
    parquet.write_table(pa.Table.from_pandas(frame), tmp_path / "t.parquet", row_group_size=ROWS - 3)
    found, _, _ = collect({"path": str(tmp_path / "t.parquet")})
    assert found.sequences[0].dtype == np.float32
    assert found.ids == [str(each) for each in range(7)]
    for number, sequence in enumerate(found.sequences):
        np.testing.assert_array_equal(sequence, frame.loc[frame["id"] == number, ["x", "y"]])


def test_an_id_that_comes_again_behind_the_first_glance_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [f"{number},{'ab'[number % 2]},0.{number}" for number in range(500)]
    (tmp_path / "t.csv").write_text("\n".join(["id,label,x", *rows, *rows]) + "\n")
    monkeypatch.setattr("seqsweep.seqmodels.data.formats.table.HEAD", 1 << 10)
    found, form, _ = collect({"path": str(tmp_path / "t.csv")})
    assert form.name == "table"
    assert len(found) == 500
    assert set(map(len, found.sequences)) == {2}
    monkeypatch.setattr("seqsweep.seqmodels.data.formats.table.LOOKED_AT", 1 << 10)
    assert "text in columns" in next(iter(collect({"path": str(tmp_path / "t.csv")})[0].notes))


@pytest.mark.parametrize("dtype", ["f2", "f4", ">f4", "f8", "i2", "i4", "?"])
def test_arrays_of_files_keep_their_values_in_few_bytes(tmp_path: Path, dtype: str) -> None:
    arrays = {}
    for place, length in enumerate((3, 3, 5, 4)):
        folder = tmp_path / "ab"[place % 2]
        folder.mkdir(exist_ok=True)
        arrays[f"{folder.name}/{place}.npy"] = (
            1e4 * np.random.default_rng(place).random((length, 2))
        ).astype(dtype)
        np.save(folder / f"{place}.npy", arrays[f"{folder.name}/{place}.npy"])
    found, _, _ = collect({"path": str(tmp_path)})
    for identity, values in zip(found.ids, found.sequences, strict=True):
        np.testing.assert_array_equal(values, arrays[identity])
        assert values.dtype == ("f8" if dtype in ("f8", "i4") else "f4")


def test_a_file_is_read_up_to_the_most_that_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x" * 10)
    assert read_bytes(tmp_path / "f", 10) == b"x" * 10
    with pytest.raises(DataError, match="is larger than 9 bytes"):
        read_bytes(tmp_path / "f", 9)
    assert read_bytes(Path("/proc/self/status"), 1 << 20).startswith(b"Name:")  # whose size is 0
    with pytest.raises(DataError, match="is larger than 9 bytes"):
        read_bytes(Path("/proc/self/status"), 9)
