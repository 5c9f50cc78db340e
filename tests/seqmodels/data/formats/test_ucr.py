"""A row a sequence, as the UCR archive has; numpy.loadtxt is the oracle."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seqsweep.seqmodels.data.collection import Collection
from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.formats.base import RawSequence
from seqsweep.seqmodels.data.formats.ucr import UCR, UcrOptions
from seqsweep.seqmodels.data.inputs import read_file
from seqsweep.seqmodels.data.source import collect


def read(path: Path, **table: Any) -> Collection:
    found, form, _ = collect({"path": str(path), **table})
    assert form is UCR
    return found


def problems_of(path: Path, **table: Any) -> list[str]:
    with pytest.raises(DataError) as caught:
        collect({"path": str(path), "format": "ucr", **table})
    return [str(each).replace(str(path.parent) + "/", "") for each in caught.value.problems]


@pytest.mark.parametrize("name", ["Chinatown_TRAIN.tsv", "Chinatown_TEST.tsv", "Chinatown"])
def test_chinatown(name: str, real_data: Path) -> None:
    folder = real_data / "formats/ucr-tsv"
    found = read(folder / name, format="ucr") if name == "Chinatown" else read(folder / name)
    assert found.parts == ["train"] * 20 + ["test"] * 345
    train, test = Counter(found.labels[:20]), Counter(found.labels[20:])
    assert (train, test) == ({"1": 10, "2": 10}, {"1": 95, "2": 250})
    oracle = np.concatenate([np.loadtxt(folder / f"Chinatown_{part}.tsv") for part in ("TRAIN", "TEST")])
    np.testing.assert_array_equal(np.stack(found.sequences)[:, :, 0], oracle[:, 1:])
    assert sum(each.sum() for each in found.sequences[:20]) == 305_436
    assert sum(each.sum() for each in found.sequences[20:]) == 5_040_183
    assert found.places[0] == f"{folder}/Chinatown_TRAIN.tsv:1"


def test_unequal_lengths_and_half_a_pair(real_data: Path) -> None:
    found = read(real_data / "formats/ucr-tsv/PickupGestureWiimoteZ_TRAIN.tsv")
    assert sorted(Counter(found.labels).values()) == [5] * 10
    lengths = [len(each) for each in found.sequences]
    assert (min(lengths), max(lengths), sum(lengths)) == (29, 361, 7_294)
    assert sum(each.sum() for each in found.sequences) == pytest.approx(6_394.829)
    assert found.sequences[0][0, 0] == 1
    assert found.parts == [None] * 50  # the split is the spec's


def test_several_data_sets_are_named(real_data: Path) -> None:
    [problem] = problems_of(real_data / "formats/ucr-tsv")
    assert "holds several data sets, name one of them" in problem


@pytest.mark.parametrize("delimiter", [",", "  ", "\t"])
def test_older_archives(delimiter: str, tmp_path: Path) -> None:
    for part, name in (("TRAIN", ""), ("TEST", ".txt")):
        rows = [["1.0000000e+00", "0.5", "1.5", "2.5"], ["-1.0000000e+00", "3", "4", "5"]]
        text = "".join(delimiter.join(["", *row] if delimiter == "  " else row) + "\n" for row in rows)
        (tmp_path / f"Old_{part}{name}").write_text(text)
    found = read(tmp_path)
    assert found.labels == ["1", "-1"] * 2
    assert found.sequences[1][:, 0].tolist() == [3, 4, 5]


def test_a_class_that_comes_last_and_words(tmp_path: Path) -> None:
    (tmp_path / "beats.csv").write_text("0,1,2,normal\n3,4,5,odd\n6,7,8,odd\n")
    found = read(tmp_path / "beats.csv", format="ucr", label=-1)
    assert found.labels == ["normal", "odd", "odd"]
    assert found.sequences[2][:, 0].tolist() == [6, 7, 8]


def test_a_header_with_the_class_anywhere(tmp_path: Path) -> None:
    path = tmp_path / "wide.csv"
    path.write_text("t0,t1,what,t2\n0,1,a,2\n3,4,b,5\n")
    assert [each[:, 0].tolist() for each in read(path, format="ucr", label="what").sequences] == [
        [0, 1, 2],
        [3, 4, 5],
    ]
    assert problems_of(path, label="who") == [
        "wide.csv: has no column `who`, which `label` names: it has t0, t1, what, t2"
    ]
    assert problems_of(path, label=9) == [
        "wide.csv: has 4 column(s), so `label = 9` leaves no class, or no values"
    ]


def test_a_model_reads_rows_without_classes(tmp_path: Path) -> None:
    (tmp_path / "new.tsv").write_text("?\t0.5\t1\tNaN\n?\t2\t3\t4\n")
    found = list(read_file(tmp_path / "new.tsv", "ucr", UCR.options_type(label=1)))
    values = [each.values[:, 0].tolist() for each in found if isinstance(each, RawSequence)]
    assert values == [[0.5, 1], [2, 3, 4]]


def test_what_is_wrong_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a_TRAIN.tsv"
    path.write_text("1\t2\t3\n1\tx\t3\n2\t2\n")
    assert problems_of(path) == [
        "a_TRAIN.tsv:2: column 2 is `x`, but must be a number",
        "a_TRAIN.tsv:3: has 2 fields, but the first row has 3",
    ]
    path.write_text("1\t2\t3\n\t2\t3\n")
    assert problems_of(path) == ["a_TRAIN.tsv:2: has no class"]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60) | st.text(alphabet="0123456789.,\t \n-eNa?", max_size=60).map(str.encode))
def test_whatever_comes_is_read_or_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a_TRAIN.tsv").write_bytes(data)
    wrong: list[Problem] = []
    try:
        found, _, _ = collect({"path": str(tmp_path / "a_TRAIN.tsv"), "format": "ucr"})
    except DataError as error:
        wrong = [each for each in error.problems if not each.where.startswith(str(tmp_path))]
    else:
        assert all(each.ndim == 2 for each in found.sequences)
    assert not wrong


@pytest.mark.parametrize(
    ("header", "first", "label"),
    [
        ("label," + ",".join(f"t{place}" for place in range(20)), True, 1),
        (",".join(map(str, range(20))) + ",class", False, -1),
        ("", False, -1),
        ("", True, 1),
    ],
)
def test_one_wide_file_of_any_name(header: str, first: bool, label: int, tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    values, names = draw.normal(size=(12, 20)).round(4), ["0", "1", "2"] * 4
    rows = []
    for name, row in zip(names, values, strict=True):
        cells = ",".join(map(repr, row.tolist()))
        rows.append(f"{name},{cells}" if first else f"{cells},{name}")
    path = tmp_path / "heartbeats.csv"
    path.write_text("\n".join([header] * bool(header) + rows) + "\n")
    found, form, options = collect({"path": str(path)})
    assert (form, options) == (UCR, UcrOptions(label=label))
    assert found.labels == names
    np.testing.assert_array_equal(np.stack(found.sequences)[:, :, 0], values)
    assert set(found.parts) == {None}


def test_a_table_with_a_row_a_time_step_is_not_taken_for_wide(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("id,label,x,y,z\n" + "".join(f"{row // 5},{row // 10},1,2,{row}\n" for row in range(40)))
    assert collect({"path": str(path)})[1].name == "table"
