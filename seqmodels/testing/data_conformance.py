"""What every format and every transform must keep: a test class inherits it and names its subject."""

import json
from collections.abc import Callable, Mapping, Sequence
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pytest
import torch

from seqsweep.seqmodels.architecture import Architecture
from seqsweep.seqmodels.data.asking import asked_transforms, transforms_fault
from seqsweep.seqmodels.data.collection import Collection
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
    transform_of,
)
from seqsweep.seqmodels.data.scaling import Scaled, bring_to_scale
from seqsweep.seqmodels.data.source import COMMON, check_source, collect, load
from seqsweep.seqmodels.data.transforms.base import Array, Transform
from seqsweep.seqmodels.data.transforms.pipeline import joined
from seqsweep.seqmodels.export.description import Description
from seqsweep.seqmodels.export.reading import open_model
from seqsweep.seqmodels.export.writing import write_model
from seqsweep.seqmodels.layout import Layout

CLASSES, PARTS, NAMES = ("a", "b"), ("train", "test"), ("x", "y", "pressure")
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


class TransformSuite:
    """A transform's test class says which it is, with the settings that it is tried with."""

    transform: ClassVar[type[Transform]]
    asked: ClassVar[Mapping[str, Any]] = {}
    """Settings, as in a spec."""
    tolerance: ClassVar[float] = 0.0
    """By how much a twin may differ, of a value or of 1 where that is more: where it adds up in another order."""

    def made(self) -> Transform:
        """Make the transform as a spec does."""
        [made] = asked_transforms([{self.transform.name: dict(self.asked)}])
        return made

    def sequences(self) -> list[Array]:
        """Columns of unlike scale, of which the last is constant in the first sequence; none may be written to.

        Where missing values may be in them, some are.
        """
        draw = np.random.default_rng(3)
        found = [
            draw.normal([1.0, -200.0, 3e4], [0.5, 20.0, 1e3], (length, 3)) for length in (7, 1, 12, 3, 5)
        ]
        found[0][:, -1] = 29_000.0
        if self.made().missing != "refused":
            found[2][3:5, 1] = found[2][[0, 11], 0] = found[3][:, 2] = np.nan
        for each in found:
            each.flags.writeable = False
        return found

    def fitted(self) -> tuple[Transform, dict[str, Any]]:
        """Give what a data set of these sequences records, and the transform that does it."""
        made = joined([self.made()])
        record, _ = made.record(self.sequences(), NAMES)
        return made, record

    def test_it_is_known(self) -> None:
        assert sum(each.kind == self.transform.kind for each in TRANSFORMS) == 1
        assert sum(each.name == self.transform.name for each in TRANSFORMS) == 1
        assert type(self.made()) is self.transform
        assert self.transform.words
        assert transforms_fault([{self.transform.name: {"nonsense": 1}}])
        for field in self.transform.settings_type.model_fields.values():
            assert field.description
            assert field.examples

    def test_its_record_does_the_same_to_new_sequences(self) -> None:
        made, record = self.fitted()
        assert json.loads(json.dumps(record)) == record
        made.check(record, 3)
        again = transform_of(json.loads(json.dumps(record)))
        assert [type(step) for step, _ in again.steps(record)] == [self.transform]
        for step, own in again.steps(record):
            assert step.settings == self.made().settings
            assert type(step).of(own).settings == step.settings
        for sequence in self.sequences():
            changed = made.apply(sequence, record)
            assert changed.dtype == np.float64
            assert len(changed) >= 1
            assert changed.shape[1] == made.width(3, record) == len(made.features(NAMES, record))
            if self.made().missing != "kept":
                assert np.isfinite(changed).all()
            np.testing.assert_array_equal(again.apply(sequence, record), changed)
            np.testing.assert_array_equal(normalize(sequence, record), changed)

    def test_nothing_is_learnt_from_what_is_held_out(self) -> None:
        sequences, held = self.sequences(), np.array([False, True, False, True, False])
        poisoned = [each * 1e6 if out else each for each, out in zip(sequences, held, strict=True)]
        after = asked_transforms(["interpolate"] * (self.made().missing == "kept") + ["standardize"])
        one, other = (
            bring_to_scale(_collection(each), held, joined([self.made(), *after]), "set")
            for each in (sequences, poisoned)
        )
        assert one.normalization == other.normalization
        assert one.length[~held].tolist() == other.length[~held].tolist()
        for place in np.flatnonzero(~held).tolist():
            np.testing.assert_array_equal(_tokens(one, place), _tokens(other, place))

    def test_notes_count_what_is_lost_or_made_up(self) -> None:
        if self.made().missing == "kept":
            return
        made, record = self.fitted()
        [(step, own)] = made.steps(record)
        altered = [step.altered(each, own) for each in self.sequences()]
        held = np.zeros(len(altered), np.bool_)
        notes = bring_to_scale(_collection(self.sequences()), held, made, "set").notes
        assert any(f"{sum(altered):,} " in note for note in notes) or not sum(altered)

    def test_its_twins_do_the_same_or_export_refuses(self, tmp_path: Path) -> None:
        made, record = self.fitted()
        if self.made().missing == "kept":  # as it cannot stand alone before a model
            made = joined([self.made(), *asked_transforms(["interpolate"])])
            record, _ = made.record(self.sequences(), NAMES)
        sequences = self.sequences()
        description = Description(ARCHITECTURE, 3, CLASSES, {"format": FORMATS[0].name}, record)
        layout = Layout(ARCHITECTURE, description.width, len(CLASSES))
        row = torch.rand(layout.width, generator=torch.Generator().manual_seed(0)) - 0.5
        state = {name: value.numpy() for name, value in layout.state_dict(row).items()}
        if not made.exportable:
            with pytest.raises(DataError, match="has no twin in torch"):
                write_model(tmp_path / "model", description, state)
            assert list(tmp_path.iterdir()) == []
            return
        # weights, model.pt2 and model.onnx agree with `apply` before torch.nn, or it raises
        written = write_model(tmp_path / "model", description, state)
        card = (tmp_path / "model/README.md").read_text()
        assert len(written) == 2 + ("model.onnx" in written)
        assert ("model.onnx" in written) == (not made.lacks_onnx())
        assert (tmp_path / "model/model.onnx").exists() == (not made.lacks_onnx())
        assert ("is left out" in card) == bool(made.lacks_onnx())
        spec = spec_from_file_location("model", tmp_path / "model/model.py")
        assert spec is not None
        assert spec.loader is not None
        alone = module_from_spec(spec)
        spec.loader.exec_module(alone)
        assert "seqsweep.seqmodels" not in (tmp_path / "model/model.py").read_text()
        values, lengths = alone.pad([each.tolist() for each in sequences])
        for place, length in enumerate(lengths):
            values[place, length:] = torch.nan
        for model in (alone.load(tmp_path / "model"), open_model(tmp_path / "model").network):
            found, steps = model.normalize(values, lengths)
            for place, sequence in enumerate(sequences):
                scaled = made.apply(sequence, record).astype(np.float32)
                assert steps[place] == len(scaled)
                twin = found[place, : len(scaled)].numpy()
                if self.tolerance:
                    np.testing.assert_allclose(twin, scaled, rtol=self.tolerance, atol=self.tolerance)
                else:
                    np.testing.assert_array_equal(twin, scaled)

    def test_a_record_of_somebody_else_is_checked(self) -> None:
        made, record = self.fitted()
        [(step, own)] = made.steps(record)
        for name in step.numbers:
            for wrong in (None, "abc", [1.0], [1.0, 2.0, np.nan], [1.0, True, 2.0], [1.0, 2.0, 10**400]):
                with pytest.raises(ValueError, match=f"`normalization.{name}` must be 3 finite numbers"):
                    step.check({**own, name: wrong}, 3)
        for name in self.transform.settings_type.model_fields:
            with pytest.raises(ValueError, match=f"`normalization`, {self.transform.kind}: `{name}` is"):
                transform_of({**own, name: {"no": "setting"}})


def _collection(sequences: Sequence[Array]) -> Collection:
    ids = [str(place) for place in range(len(sequences))]
    return Collection(sequences, ["a"] * len(ids), ids, ids, [None] * len(ids), features=NAMES)


def _tokens(scaled: Scaled, place: int) -> npt.NDArray[np.float32]:
    begin = scaled.start[place]
    return scaled.tokens[begin : begin + scaled.length[place]]
