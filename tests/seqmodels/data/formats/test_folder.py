"""A file a sequence: pandas and numpy read the same numbers; classes, parts and groups are where a newcomer puts them."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seqsweep.seqmodels.data.errors import DataError
from seqsweep.seqmodels.data.files import Files
from seqsweep.seqmodels.data.formats.folder import FOLDER, FolderOptions, read_array
from seqsweep.seqmodels.data.formats.per_file import PREFIX
from seqsweep.seqmodels.data.inputs import read_file
from seqsweep.seqmodels.data.source import collect, load
from seqsweep.seqmodels.testing.data_conformance import Data, FormatSuite
from tests.support.written import write_folder


class TestFolder(FormatSuite):
    format = FOLDER

    def write(self, root: Path, data: Data) -> None:
        for (name, part), sequences in data.items():
            (root / name / part).mkdir(parents=True)
            for number, values in enumerate(sequences):
                text = "".join(",".join(map(repr, row)) + "\n" for row in values.tolist())
                (root / name / part / f"{number}.csv").write_text(
                    "x,y,z,w\n"[: 2 * values.shape[1] - 1] + "\n" + text
                )


class TestArrays(TestFolder):
    def write(self, root: Path, data: Data) -> None:
        for (name, part), sequences in data.items():
            (root / name / part).mkdir(parents=True)
            for number, values in enumerate(sequences):
                np.save(root / name / part / f"{number}.npy", values)


def made(rows: int, at: float = 0.0) -> str:
    return "".join(f"{at + row} {row * row}\n" for row in range(rows))


def test_real_recordings_are_what_pandas_reads(real_data: Path) -> None:
    root = real_data / "formats/csv-folders"
    found, form, options = collect({"path": str(root)})
    assert form is FOLDER
    assert isinstance(options, FolderOptions)
    assert (options.label, options.columns) == (-1, ("x", "y", "z", "alpha", "beta", "gamma"))
    assert found.features == options.columns
    assert sorted(set(found.labels)) == ["hline-left", "hline-right", "vline-up"]
    for place, inner in enumerate(found.ids):
        frame = pd.read_csv(root / inner)
        np.testing.assert_array_equal(found.sequences[place], frame[list(found.features)].to_numpy())
    assert found.sequences[found.ids.index("hline-left/rep13.csv")][0, 0] == 0.063576914624944247
    assert found.sequences[found.ids.index("hline-left/rep5.csv")].shape == (41, 6)
    [one] = read_file(root / "vline-up/rep36.csv", "folder", options)
    np.testing.assert_array_equal(one.values, found.sequences[found.ids.index("vline-up/rep36.csv")])  # type: ignore[union-attr]


LAYOUTS = {
    "class/part": ["{c}/train/{n}.txt", "{c}/test/{n}.txt"],
    "part/class": ["train/{c}/{n}.txt", "test/{c}/{n}.txt"],
    "deeper": ["all/{c}/train/{n}.txt", "all/{c}/test/{n}.txt"],
    "capitals": ["{c}/Training/{n}.txt", "{c}/TEST/{n}.txt"],
    "dev alone": ["{c}/train/{n}.txt", "{c}/dev/{n}.txt"],
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=list(LAYOUTS))
def test_parts_are_read_off_folders(layout: list[str], tmp_path: Path) -> None:
    tree = {
        each.format(c=name, n=number): made(4 + number)
        for name in ("up", "down")
        for each in layout
        for number in range(3)
    }
    found, form, _ = collect({"path": str(write_folder(tmp_path / "set", tree))})
    assert form is FOLDER
    assert sorted(set(found.labels)) == ["down", "up"]
    assert [found.parts.count(part) for part in ("train", "test")] == [6, 6]
    assert load({"path": str(tmp_path / "set")}).is_test.sum() == 6


def test_three_parts_are_told_apart(tmp_path: Path) -> None:
    tree = {
        f"{name}/{part}/{number}.csv": made(5)
        for name in "ab"
        for part in ("train", "dev", "test")
        for number in range(2)
    }
    found, _, _ = collect({"path": str(write_folder(tmp_path / "set", tree))})
    assert [found.parts.count(part) for part in ("train", "validation", "test")] == [4, 4, 4]


def test_a_class_may_be_called_test(tmp_path: Path) -> None:
    tree = {f"{name}/{number}.csv": made(5) for name in ("test", "rest") for number in range(4)}
    found, _, _ = collect({"path": str(write_folder(tmp_path / "set", tree))})
    assert sorted(set(found.labels)) == ["rest", "test"]
    assert set(found.parts) == {None}


def test_labels_and_groups_of_flat_names(tmp_path: Path) -> None:
    tree = {
        f"{name}_{who}_{number}.csv": made(5) for name in ("yes", "no") for who in "pq" for number in range(3)
    }
    path = str(write_folder(tmp_path / "set", tree))
    found, _, options = collect({"path": path})
    assert isinstance(options, FolderOptions)
    assert options.label == PREFIX
    assert sorted(set(found.labels)) == ["no", "yes"]
    assert "the class of a file is how its name begins, one of no, yes" in " ".join(found.notes)
    found, _, _ = collect({"path": path, "format": "folder", "label": "^([a-z]+)_", "group": "_([a-z])_"})
    assert sorted(set(found.groups or ())) == ["p", "q"]
    with pytest.raises(DataError, match="one group"):
        collect({"path": path, "format": "folder", "group": "z_"})
    with pytest.raises(DataError) as caught:
        collect({"path": path, "format": "folder", "label": "^([a-z]+)_", "group": "_(z)_"})
    assert len(caught.value.problems) == 12


def test_what_does_not_show_its_class_says_how_to(tmp_path: Path) -> None:
    path = write_folder(tmp_path / "set", {f"{number}.csv": made(5) for number in range(4)})
    with pytest.raises(DataError, match="does not show which class its 4 file"):
        collect({"path": str(path)})


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("1,5;2\n3;4,5\n", [[1.5, 2], [3, 4.5]]),
        ("a\tb\n1\t2\n", [[1, 2]]),
        ("\ufeff1,2\r\n3,4\r\n", [[1, 2], [3, 4]]),
        ("# made by hand\n1 2\n3 4\n", [[1, 2], [3, 4]]),
        ("1.5e3 -2\n", [[1500, -2]]),
    ],
)
def test_texts_as_programs_write_them(text: str, wanted: list[list[float]], tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(text.encode())
    [found] = read_file(path, "folder", FolderOptions(label=-1))
    assert found.values.tolist() == wanted  # type: ignore[union-attr]


def test_columns_are_chosen_by_name_or_number(tmp_path: Path) -> None:
    tree = {f"{c}/{n}.csv": "x,y,z\n1,2,3\n4,5,6\n" for c in "ab" for n in range(2)}
    path = str(write_folder(tmp_path / "set", tree))
    found, _, _ = collect({"path": path, "format": "folder", "columns": ["z", 1]})
    assert found.sequences[0].tolist() == [[3, 1], [6, 4]]
    assert found.features == ("z", "x")
    with pytest.raises(DataError, match="has no column `w`, which `columns` names; it has x, y, z"):
        collect({"path": path, "format": "folder", "columns": ["w"]})


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    content = io.BytesIO()
    np.save(content, np.array([{}], object), allow_pickle=True)
    with pytest.raises(DataError, match="only unpickling could read"):
        read_array(content.getvalue(), "x.npy")
    for array in (np.zeros((2, 2, 2)), np.zeros(3, complex), np.array(["a"]), np.array(1.0)):
        content = io.BytesIO()
        np.save(content, array)
        with pytest.raises(DataError, match="real numbers"):
            read_array(content.getvalue(), "x.npy")


GOOD = io.BytesIO()
np.save(GOOD, np.arange(6.0).reshape(3, 2))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(
    st.binary(max_size=200)
    | st.integers(0, 175).flatmap(
        lambda at: st.binary(min_size=1, max_size=4).map(
            lambda put: GOOD.getvalue()[:at] + put + GOOD.getvalue()[at + len(put) :]
        )
    )
)
def test_any_bytes_are_numbers_or_an_error(content: bytes) -> None:
    for name in ("x.npy", "x.csv"):
        files = Files("", "", {name: content}, frozenset({""}))
        try:
            [found] = FOLDER.parse(files, name, FolderOptions(label=-1))
        except DataError:
            continue
        assert found.values.ndim == 2
