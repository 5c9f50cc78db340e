"""What every format must keep: a test class inherits it and names its subject."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from seqsweep.seqmodels.architecture import Architecture
from seqsweep.seqmodels.data.errors import DataError
from seqsweep.seqmodels.data.files import Files, list_files
from seqsweep.seqmodels.data.formats.base import Format, LabelledSequence, Options
from seqsweep.seqmodels.data.formats.class_folders import ClassFolders
from seqsweep.seqmodels.data.inputs import read_file, read_labelled
from seqsweep.seqmodels.data.registry import (
    FORMATS,
    TRANSFORMS,
    format_named,
    normalize,
    recognise,
)
from seqsweep.seqmodels.data.source import COMMON, check_source, collect, load
from seqsweep.seqmodels.data.transforms.base import Array
from seqsweep.seqmodels.export.description import Description

CLASSES, PARTS = ("a", "b"), ("train", "test")
DRAWINGS = ("ink", "image", "traces")
Data = Mapping[tuple[str, str], Sequence[Array]]  # by class and part

BAD_BYTES = {
    "empty": b"",
    "blank": b" \n\n",
    "zeros": bytes(300),
    "utf-16": "1 2 3 4 5 6\n".encode("utf-16"),
    "utf-16-le": ("1 2 3 4 5 6\n" * 9).encode("utf-16-le"),
    "utf-32": "1 2 3 4 5 6\n".encode("utf-32"),
    "words": b"these are words\n",
    "binary": bytes(range(128, 256)),
}
BAD_VALUES = {"nan": np.nan, "infinite": np.inf, "beyond float32": 1e39}


def some_data(seed: int = 0, features: int = 2) -> dict[tuple[str, str], list[Array]]:
    """Three sequences of each class and part."""
    draw = np.random.default_rng(seed)
    return {
        (name, part): [draw.normal(9, 4, (int(draw.integers(2, 7)), features)).round(3) for _ in range(3)]
        for name in CLASSES
        for part in PARTS
    }


def load_options(source: Mapping[str, Any]) -> Options:
    """Give the options that a data set is read by."""
    return collect(source)[2]


class FormatSuite:
    """A format's test class says which it is, and how a data set is written."""

    format: ClassVar[Format]
    names: ClassVar[tuple[str, ...]] = CLASSES
    """What it calls the classes, where files do not name them."""
    asked: ClassVar[Mapping[str, Any]] = {}
    """Options without which the format would not give back the numbers that are written."""

    def write(self, root: Path, data: Data) -> None:
        """Write `data` below the new folder `root`, class by class and train before test where the files are not several."""
        raise NotImplementedError

    def as_read(self, values: Array) -> Array:
        """Give what is read of `values` where the format adds columns."""
        return values

    def source(self, root: Path) -> dict[str, Any]:
        return {"path": str(root), "format": self.format.name, "name": "set", **self.asked}

    def labelled(self, root: Path, part: str) -> list[LabelledSequence]:
        options = self.format.options_type.model_validate(self.asked)
        return read_labelled(root, self.format.name, part, options)

    def files(self, root: Path) -> list[Path]:
        return sorted(each for each in root.rglob("*") if each.name.endswith(self.format.endings))

    def test_it_is_known(self) -> None:
        assert format_named(self.format.name) is self.format
        assert sum(each.name == self.format.name for each in FORMATS) == 1
        for ending in self.format.endings:
            assert not ending or (ending.startswith(".") and ending == ending.lower())
        assert self.format.row
        assert self.format.drawing in DRAWINGS
        for transform in self.format.transforms:
            assert type(transform) in TRANSFORMS
        for key, field in self.format.options_type.model_fields.items():
            assert key not in COMMON
            assert field.description, key
            assert field.examples, key
        assert check_source({"path": "x", "format": self.format.name}) == []

    def test_it_is_recognised(self, tmp_path: Path) -> None:
        self.write(tmp_path / "set", some_data())
        found, reason = recognise(list_files(tmp_path / "set"))
        assert found is self.format
        assert reason
        read = load({key: value for key, value in self.source(tmp_path / "set").items() if key != "format"})
        assert read.reading == load(self.source(tmp_path / "set")).reading
        assert reason in read.notes[0]

    def test_what_is_written_is_read_and_brought_to_scale(self, tmp_path: Path) -> None:
        self.write(tmp_path / "set", data := some_data())
        read = load(self.source(tmp_path / "set"))
        assert read.class_names == self.names
        raw = {each.id: each for each in self.labelled(tmp_path / "set", "all")}
        assert sorted(raw) == sorted(read.ids)
        for name, called in zip(CLASSES, self.names, strict=True):
            for is_test, part in ((False, "train"), (True, "test")):
                members = [
                    index
                    for index in range(read.sequence_count)
                    if read.label[index] == CLASSES.index(name) and read.is_test[index] == is_test
                ]
                assert len(members) == 3
                for index, written in zip(members, data[name, part], strict=True):
                    written = self.as_read(written)
                    np.testing.assert_array_equal(raw[read.ids[index]].values, written)
                    assert raw[read.ids[index]].label == called
                    scaled = normalize(written, read.normalization).astype(np.float32)
                    np.testing.assert_array_equal(read.sequence(index), scaled)
        assert json.loads(json.dumps(read.normalization)) == read.normalization

    def test_labelled_parts_are_those_of_training(self, tmp_path: Path) -> None:
        self.write(tmp_path / "set", some_data())
        read = load(self.source(tmp_path / "set"))
        for part in PARTS:
            found = {each.id for each in self.labelled(tmp_path / "set", part)}
            assert found == {
                each for each, test in zip(read.ids, read.is_test, strict=True) if test == (part == "test")
            }

    def test_files_are_parsed_for_a_trained_model(self, tmp_path: Path) -> None:
        self.write(tmp_path / "set", some_data())
        raw = [each.values.tolist() for each in self.labelled(tmp_path / "set", "all")]
        options = load_options(self.source(tmp_path / "set"))
        found = [
            each
            for file in self.files(tmp_path / "set")
            for each in read_file(file, self.format.name, options)
        ]
        assert len(found) == len(raw) == 12
        for each in found:
            assert each.values.tolist() in raw  # type: ignore[union-attr]
            assert str(tmp_path) in each.where

    def test_nothing_is_learnt_from_test(self, tmp_path: Path) -> None:
        self.write(tmp_path / "one", data := some_data())
        other = {
            key: [each * 50 for each in kept] if key[1] == "test" else kept for key, kept in data.items()
        }
        self.write(tmp_path / "two", other)
        one, two = (load(self.source(tmp_path / each)) for each in ("one", "two"))
        assert one.normalization == two.normalization
        for index in np.flatnonzero(~one.is_test):
            np.testing.assert_array_equal(one.sequence(index), two.sequence(index))

    @pytest.mark.parametrize("content", BAD_BYTES.values(), ids=list(BAD_BYTES))
    def test_bad_bytes_are_refused_and_their_file_is_named(self, content: bytes, tmp_path: Path) -> None:
        self.write(tmp_path / "set", some_data())
        self.write(good := tmp_path / "good", some_data())
        file = self.files(tmp_path / "set")[0]
        file.write_bytes(content)
        readers: dict[str, Callable[[], object]] = {
            "read": lambda: load(self.source(tmp_path / "set")),
            "labelled": lambda: self.labelled(tmp_path / "set", "all"),
            "parsed": lambda: list(
                self.format.parse(
                    Files("", "", {str(file): file}, frozenset({""})),
                    str(file),
                    load_options(self.source(good)),
                )
            ),
        }
        for name, read in readers.items():
            with pytest.raises(DataError) as caught:
                read()
            assert all(problem.where.startswith(str(file)) for problem in caught.value.problems), name

    @pytest.mark.parametrize("value", BAD_VALUES.values(), ids=list(BAD_VALUES))
    def test_no_bad_value_comes_through(self, value: float, tmp_path: Path) -> None:
        data = some_data()
        data["a", "train"][1][1, 0] = value
        self.write(tmp_path / "set", data)
        try:
            read = load(self.source(tmp_path / "set"))
        except DataError as error:
            named = {problem.where.rpartition(":")[0] or problem.where for problem in error.problems}
            assert named <= set(map(str, self.files(tmp_path / "set")))
        else:  # filled in, and then it is said
            assert np.isfinite(read.tokens).all()
            assert read.notes

    def test_unlike_columns_are_refused(self, tmp_path: Path) -> None:
        data = some_data()
        data["b", "test"][2] = data["b", "test"][2][:, :1]
        self.write(tmp_path / "set", data)
        with pytest.raises(DataError):
            load(self.source(tmp_path / "set"))

    def test_no_data_are_refused(self, tmp_path: Path) -> None:
        (tmp_path / "set").mkdir()
        for path in (tmp_path / "set", tmp_path / "none"):
            with pytest.raises(DataError):
                load(self.source(path))
            with pytest.raises(DataError):
                read_labelled(path, self.format.name)

    def test_a_model_of_it_can_be_described(self) -> None:
        described = Description(ARCHITECTURE, 2, CLASSES, {"format": self.format.name}, {"kind": "none"})
        assert Description.from_table(described.to_table()) == described


class ClassFoldersSuite(FormatSuite):
    """The same where each sequence is a file."""

    format: ClassVar[ClassFolders]

    def encode(self, values: Array) -> str:
        """The text of one file: a row a line."""
        return "".join(" ".join(map(repr, row)) + "\n" for row in values.tolist())

    def write(self, root: Path, data: Data) -> None:
        for (name, part), sequences in data.items():
            folder = root / name / (self.format.layout.test if part == "test" else self.format.layout.train)
            folder.mkdir(parents=True)
            for number, values in enumerate(sequences):
                (folder / f"{number}{self.format.endings[0]}").write_text(self.encode(values))


ARCHITECTURE = Architecture(
    cell="gru", layers=1, hidden=4, bidirectional=False, readout=("last",), head_hidden=0
)
