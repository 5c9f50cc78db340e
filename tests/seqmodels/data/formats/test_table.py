"""Tables: a row a time step, or a row a sequence with lists; with pandas and pyarrow as oracles."""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import feather, ipc, parquet

from seqsweep.seqmodels.data.collection import Collection
from seqsweep.seqmodels.data.errors import DataError
from seqsweep.seqmodels.data.formats import table_reading
from seqsweep.seqmodels.data.formats.table import TABLE
from seqsweep.seqmodels.data.source import collect
from seqsweep.seqmodels.testing.data_conformance import Data, FormatSuite


class TestLongCsv(FormatSuite):
    format = TABLE

    def write(self, root: Path, data: Data) -> None:
        root.mkdir()
        lines = ["id,label,split,x,y"]
        for number, (name, part, values) in enumerate(_each(data)):
            for row in values.tolist():
                lines.append(",".join([str(number), name, part, *map(repr, row)]))
        (root / "all.csv").write_text("\n".join(lines) + "\n")


class TestListParquet(FormatSuite):
    format = TABLE

    def write(self, root: Path, data: Data) -> None:
        root.mkdir()
        names, parts, values = zip(*_each(data), strict=True)
        table = pa.table({"label": names, "split": parts, "values": [each.tolist() for each in values]})
        parquet.write_table(table, root / "all.parquet")


def _each(data: Data) -> list[tuple[str, str, Any]]:
    return [(name, part, values) for (name, part), sequences in data.items() for values in sequences]


def read(path: Path, **table: Any) -> tuple[Collection, Mapping[str, Any]]:
    found, form, options = collect({"path": str(path), **table})
    assert form is TABLE
    return found, options.model_dump(exclude_none=True)


def problems_of(path: Path, **table: Any) -> list[str]:
    with pytest.raises(DataError) as caught:
        collect({"path": str(path), "format": "table", **table})
    return [str(each).replace(str(path.parent) + "/", "") for each in caught.value.problems]


def long_frame() -> pd.DataFrame:
    """Three sequences of four rows each, in the order of time."""
    draw = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "id": np.repeat(["s1", "s2", "s3"], 4),
            "time": np.tile([0, 1, 2, 3], 3),
            "label": np.repeat(["up", "down", "up"], 4),
            "x": draw.normal(size=12),
            "y": draw.normal(size=12),
        }
    )


def same(found: Collection, frame: pd.DataFrame, features: list[str]) -> None:
    """The sequences are pandas' groups, in the order in which they come."""
    groups = list(frame.groupby("id", sort=False))
    assert list(found.ids) == [str(key) for key, _ in groups]
    assert list(found.labels) == [str(rows["label"].iloc[0]) for _, rows in groups]
    for values, (_, rows) in zip(found.sequences, groups, strict=True):
        np.testing.assert_array_equal(values, rows[features].to_numpy())


class TestRowATimeStep:
    def test_chicks(self, real_data: Path) -> None:
        found, options = read(real_data / "formats/csv-long/ChickWeight.csv")
        assert options == {"sequence": "Chick", "label": "Diet", "time": "Time", "features": ["weight"]}
        assert len(found) == 50
        assert Counter(map(len, found.sequences)) == {12: 45, 11: 1, 10: 1, 8: 1, 7: 1, 2: 1}
        assert sorted(Counter(found.labels).values()) == [10, 10, 10, 20]
        assert found.sequences[found.ids.index("1")][:3, 0].tolist() == [42, 51, 59]
        assert sum(each.sum() for each in found.sequences) == 70_411
        assert any("`rownames` (row numbers)" in note for note in found.notes)

    def test_labels_that_change_are_refused_with_a_way_out(self, real_data: Path) -> None:
        path = real_data / "formats/csv-long/d1p10F"
        [problem] = problems_of(path, sequence="file", label="9")
        assert problem == (
            "d1p10F:45: has `3` in `9`, but its sequence `d1p10F` began with `1`, and must have one label: name by `sequence` "
            "all columns that tell sequences apart, or by `label` a column that does not change, or cut sequences where it "
            'changes by `cut = "label"`'
        )
        found, _ = read(path, format="table", label="9", time="1", cut="label")
        assert [(label, len(each)) for label, each in zip(found.labels, found.sequences, strict=True)] == [
            ("1", 44),
            ("3", 14),
            ("4", 1),
            ("2", 2),
        ]
        found, _ = read(
            real_data / "formats/csv-long/d1p26F", format="table", sequence="file", label="9", time="1"
        )
        assert found.labels == ["4"]
        assert found.sequences[0].shape == (7, 7)
        assert found.sequences[0][0, 0] == 0.037521

    def test_air_is_cut_where_it_gets_bad(self, real_data: Path) -> None:
        path = real_data / "formats/csv-decimal-comma/AirQualityUCI-first481.csv"
        found, options = read(path, format="table", label="CO_HIGH", cut="label")
        frame = pd.read_csv(path, sep=";", decimal=",", encoding="utf-8-sig")
        kept = frame[frame["CO_HIGH"].notna()]
        assert options["features"] == list(frame.columns[2:-2])
        np.testing.assert_allclose(np.concatenate(found.sequences), kept[options["features"]].to_numpy())
        assert (
            sum(len(each) for each, label in zip(found.sequences, found.labels, strict=True) if label == "1")
            == 398
        )
        assert any("18 piece(s) without a label are left out" in note for note in found.notes)
        assert "of which" not in problems_of(path)[0]
        assert "say it by `label`" in problems_of(path)[0]

    @pytest.mark.parametrize("ending", [".csv", ".tsv", ".csv.gz", ".parquet", ".feather", ".arrow", ".ipc"])
    @pytest.mark.parametrize("order", ["sorted", "shuffled", "by time"])
    def test_any_file_and_any_order_of_rows(self, ending: str, order: str, tmp_path: Path) -> None:
        frame = long_frame()
        if order == "shuffled":
            frame = frame.sample(frac=1, random_state=3)
        elif order == "by time":
            frame = frame.sort_values("time", kind="stable")
        path = tmp_path / f"data{ending}"
        write_frame(frame.reset_index(drop=True), path)
        found, options = read(path)
        assert options == {"sequence": "id", "label": "label", "time": "time", "features": ["x", "y"]}
        same(
            found,
            frame.sort_values(["time"], kind="stable")
            .set_index("id")
            .loc[frame["id"].unique()]
            .reset_index(),
            ["x", "y"],
        )
        assert any("are sorted by `time`" in note for note in found.notes) == (order == "shuffled")

    def test_float32_stays(self, tmp_path: Path) -> None:
        frame = long_frame().astype({"x": np.float32, "y": np.float32})
        write_frame(frame, tmp_path / "data.parquet")
        found, _ = read(tmp_path / "data.parquet")
        assert found.sequences[0].dtype == np.float32
        same(found, frame, ["x", "y"])

    def test_files_of_parts(self, tmp_path: Path) -> None:
        for part in ("train", "test"):
            write_frame(long_frame(), tmp_path / f"{part}.csv")
        found, _ = read(tmp_path)
        assert found.ids == [f"{part}/s{number}" for part in ("test", "train") for number in (1, 2, 3)]
        assert found.parts == ["test"] * 3 + ["train"] * 3

    def test_a_sequence_may_go_on_in_the_next_file(self, tmp_path: Path) -> None:
        frame = long_frame()
        write_frame(frame[:6], tmp_path / "1.parquet")
        write_frame(frame[6:], tmp_path / "2.parquet")
        same(read(tmp_path)[0], frame, ["x", "y"])

    def test_files_that_count_their_own_sequences(self, tmp_path: Path) -> None:
        write_frame(long_frame(), tmp_path / "a.csv")
        write_frame(long_frame(), tmp_path / "b.csv")
        found = problems_of(tmp_path)
        assert len(found) == 3
        assert "`s1`, which also stands in" in found[0]
        assert 'say `sequence = ["file", "id"]`' in found[0]
        found, _ = read(tmp_path, format="table", sequence=["file", "id"])
        assert found.ids == [f"{name}.csv/s{number}" for name in "ab" for number in (1, 2, 3)]

    def test_trials_of_each_person(self, tmp_path: Path) -> None:
        frame = long_frame().rename(columns={"id": "trial"})
        both = pd.concat([frame.assign(subject="p1"), frame.assign(subject="p2")])
        write_frame(both, tmp_path / "data.csv")
        found, options = read(tmp_path / "data.csv")
        assert options["sequence"] == ["subject", "trial"]
        assert options["group"] == "subject"
        assert found.ids == [f"{person}/s{number}" for person in ("p1", "p2") for number in (1, 2, 3)]
        assert found.groups == ["p1"] * 3 + ["p2"] * 3

    def test_missing_values_are_nan(self, tmp_path: Path) -> None:
        (tmp_path / "a.csv").write_text("id;label;x\n1;a;1,5\n1;a;NA\n2;b;\n2;b;2\n")
        found, _ = read(tmp_path / "a.csv")
        np.testing.assert_array_equal(np.concatenate(found.sequences)[:, 0], [1.5, np.nan, np.nan, 2])

    def test_what_is_wrong_is_told(self, tmp_path: Path) -> None:
        path = tmp_path / "a.csv"
        path.write_text("id,label,x,split\n1,a,1,train\n1,a,2,train\n,a,3,test\n3,,4,test\n4,b,5,never\n")
        assert problems_of(path, sequence="id") == ["a.csv:4: has nothing in `id`, which tells its sequence"]
        path.write_text("id,label,x,split\n1,a,1,train\n1,a,2,test\n3,,4,test\n4,b,5,never\n")
        assert problems_of(path, split="split", label="label", sequence="id") == [
            "a.csv:4: has nothing in `label`, but its sequence must have one label",
            "a.csv:3: has `test` in `split`, but its sequence `1` began with `train`, and must have one split: name by `split` a "
            "column that does not change within a sequence",
            "a.csv:5: has `never` in `split`, but a split must be one of train, training, val, valid, validation, eval, test, "
            "testing, dev",
        ]
        assert problems_of(path, label="labl") == [
            "a.csv: has no column `labl`, which `label` names (did you mean `label`?): `id`, `label`, `x`, `split`"
        ]
        assert problems_of(path, features=["label"]) == [
            "a.csv: column `label`, which `features` names, has no numbers, but string"
        ]
        path.write_text("id,label,x\n1,a,1\n1,a\n")
        assert problems_of(path) == ["a.csv:3: has 2 fields, but the header has 3"]


def write_frame(frame: pd.DataFrame, path: Path) -> None:
    """Write by pandas or pyarrow."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    match path.suffixes:
        case [".csv"] | [".csv", ".gz"]:
            frame.to_csv(path)  # with the index, as most forget
        case [".tsv"]:
            frame.to_csv(path, sep="\t", index=False)
        case [".parquet"]:
            parquet.write_table(table, path, row_group_size=5)
        case [".feather"]:
            feather.write_feather(table, path)
        case [".arrow"]:
            with ipc.new_stream(path, table.schema) as stream:
                stream.write_table(table, max_chunksize=5)
        case _:
            with ipc.new_file(path, table.schema) as file:
                file.write_table(table, max_chunksize=5)


class TestRecognised:
    def test_a_word_among_numbers_is_a_mistake(self, tmp_path: Path) -> None:
        frame = long_frame().astype({"y": object})
        frame.loc[3, "y"] = "bad"
        frame.to_csv(tmp_path / "a.csv", index=False)
        tables: list[dict[str, Any]] = [{}, {"features": ["y"]}]
        for table in tables:
            assert problems_of(tmp_path / "a.csv", **table) == [
                "a.csv:5: has `bad` in `y`, in which all but 1 of 12 are numbers: correct it, or leave the column out by "
                "`features`"
            ]
        assert read(tmp_path / "a.csv", format="table", features=["x"])[1]["features"] == ["x"]

    def test_recordings_of_persons_labelled_row_by_row(self, tmp_path: Path) -> None:
        frame = long_frame().rename(columns={"id": "user"}).assign(label=["up", "down"] * 6)
        write_frame(frame, tmp_path / "a.csv")
        assert 'cut rows where their label changes by `cut = "label"`' in problems_of(tmp_path / "a.csv")[0]
        found, options = read(tmp_path / "a.csv", format="table", cut="label")
        assert (options["sequence"], options["group"]) == ("user", "user")
        assert len(found) == 12
        found, options = read(tmp_path / "a.csv", format="table", sequence=["user", "label"])
        assert options["label"] == "label"
        assert found.ids[:2] == ["s1/up", "s1/down"]

    def test_a_lone_file_is_told_what_it_lacks(self, real_data: Path) -> None:
        for name, what in (("csv-decimal-comma/Raw Data.csv", "class"), ("csv-long/d1p10F", "class")):
            with pytest.raises(
                DataError, match=f"does not show the {what} of each sequence: say it by `label`"
            ):
                collect({"path": str(real_data / "formats" / name)})

    def test_recordings_that_are_labelled_row_by_row(self, tmp_path: Path) -> None:
        for name in ("S1", "S2"):
            write_frame(long_frame().drop(columns="id"), tmp_path / f"{name}.csv")
        with pytest.raises(DataError, match='cut sequences where it changes by `cut = "label"`'):
            collect({"path": str(tmp_path)})
        found, options = read(tmp_path, format="table", cut="label")
        assert options["sequence"] == "file"
        assert found.ids == [f"{name}.csv/{number}" for name in ("S1", "S2") for number in (1, 2, 3)]

    def test_folders_of_classes_are_none(self, tmp_path: Path) -> None:
        for name in ("up", "down"):
            (tmp_path / name).mkdir()
            for number in range(3):
                write_frame(long_frame(), tmp_path / name / f"{number}.csv")
        assert TABLE.recognise(TABLE.list(tmp_path)) is None


def test_a_small_file_of_many_equal_values_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table_reading, "FREE_VALUES", 10_000)
    monkeypatch.setattr(table_reading, "MOST_VALUES_A_BYTE", 10)
    parquet.write_table(pa.table({"v": np.zeros(1_000_000)}), tmp_path / "a.parquet")
    assert "claims 1,000,000 values, but at most" in problems_of(tmp_path / "a.parquet")[0]


class TestRowASequence:
    def test_a_column_a_feature_of_hugging_face(self, real_data: Path) -> None:
        path = real_data / "formats/hf-save-to-disk/ProbForecast"
        assert "say it by `label`" in problems_of(path)[0]
        names = ["open", "high", "low", "target", "adjclose", "volume"]
        for part, count, first, last in (
            ("train", 508, 36.96500015258789, 15.520000457763672),
            ("test", 254, 6.599999904632568, 3.569999933242798),
        ):
            files = TABLE.list(path / part)
            options = TABLE.options_type(features=names)
            [found] = TABLE.parse(files, "data-00000-of-00001.arrow", options)
            assert found.values.shape == (count, 6)
            assert (found.values[0, 0], found.values[-1, 0]) == (first, last)

    def test_text_of_hugging_face_is_refused(self, real_data: Path) -> None:
        [problem] = problems_of(real_data / "formats/hf-save-to-disk/roberta_sentiment")
        assert "has no columns of numbers beside `label`" in problem

    @pytest.mark.parametrize(
        ("name", "table", "words"),
        [
            (
                "list_columns",
                {"label": "utf8_list", "features": ["int64_list"]},
                "but a name must be a text or a number",
            ),
            ("null_list", {}, "has no columns of numbers"),
            ("nested_lists.snappy", {}, "does not show"),
            ("old_list_structure", {"label": "a"}, "has no columns of numbers beside `a`"),
            ("repeated_primitive_no_list", {}, "say it by `label`"),
            ("alltypes_plain", {}, "say it by `label`"),
        ],
    )
    def test_what_has_no_labelled_sequences_is_refused(
        self, name: str, table: dict[str, Any], words: str, real_data: Path
    ) -> None:
        assert words in problems_of(real_data / f"formats/parquet/{name}.parquet", **table)[0]

    def test_missing_numbers_and_lists(self, tmp_path: Path) -> None:
        table = pa.table({"label": ["a", "b", "a"], "v": [[1, 2, 3], [None, 1], [4]]})
        parquet.write_table(table, tmp_path / "a.parquet")
        found, _ = read(tmp_path / "a.parquet")
        assert [each.shape for each in found.sequences] == [(3, 1), (2, 1), (1, 1)]
        assert np.isnan(found.sequences[1][0, 0])
        table = pa.table({"label": ["a", "b", None, "a"], "v": [[[1.0, 2.0]], None, [[1.0, 2.0], [3.0]], []]})
        parquet.write_table(table, tmp_path / "a.parquet")
        assert problems_of(tmp_path / "a.parquet", label="label") == [
            "a.parquet:row 2: has nothing in `v`, but must have a list",
            "a.parquet:row 3: `v` has 1 numbers in step 2, but 2 in step 1",
            "a.parquet:row 4: `v` has no steps, but must have at least 1",
            "a.parquet:row 3: has nothing in `label`, but must have a label",
        ]

    def test_numbers_are_views_of_the_file(self, tmp_path: Path) -> None:
        draw = np.random.default_rng(0)
        values = [draw.normal(size=(5, 3)).astype(np.float32) for _ in range(4)]
        kind = pa.list_(pa.list_(pa.float32(), 3))
        table = pa.table({"label": ["a", "b"] * 2, "v": pa.array([each.tolist() for each in values], kind)})
        with ipc.new_file(tmp_path / "a.arrow", table.schema) as file:
            file.write_table(table)
        before = pa.total_allocated_bytes()
        found, _ = read(tmp_path / "a.arrow")
        for each, wanted in zip(found.sequences, values, strict=True):
            np.testing.assert_array_equal(each, wanted)
            assert each.dtype == np.float32
            assert not each.flags.owndata
        assert pa.total_allocated_bytes() - before < 4 * 5 * 3 * 4 * 100

    def test_class_names_of_hugging_face(self, tmp_path: Path) -> None:
        for part, labels in (("train", [0, 1, 1]), ("test", [1, 0, 0])):
            (tmp_path / part).mkdir()
            about = {"features": {"y": {"names": ["cat", "dog"], "_type": "ClassLabel"}}}
            table = pa.table({"y": labels, "v": [[1.0], [2.0], [3.0]]})
            with ipc.new_stream(tmp_path / part / "data-0.arrow", table.schema) as stream:
                stream.write_table(table)
            (tmp_path / part / "cache-1.arrow").write_bytes(b"rubbish")
            (tmp_path / part / "dataset_info.json").write_text(json.dumps(about))
            (tmp_path / part / "state.json").write_text('{"_data_files": [{"filename": "data-0.arrow"}]}')
        (tmp_path / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
        found, options = read(tmp_path)
        assert options["label"] == "y"
        assert found.labels == ["dog", "cat", "cat", "cat", "dog", "dog"]
        assert found.parts == ["test"] * 3 + ["train"] * 3
