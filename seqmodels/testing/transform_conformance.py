"""What every transform must keep: a test class inherits it and names its subject."""

import json
from collections.abc import Mapping, Sequence
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
from seqsweep.seqmodels.data.registry import TRANSFORMS, normalize, transform_of
from seqsweep.seqmodels.data.scaling import Scaled, bring_to_scale
from seqsweep.seqmodels.data.transforms.base import Array, Transform
from seqsweep.seqmodels.data.transforms.pipeline import joined
from seqsweep.seqmodels.export.description import Description
from seqsweep.seqmodels.export.reading import open_model
from seqsweep.seqmodels.export.writing import write_model
from seqsweep.seqmodels.layout import Layout

CLASSES, NAMES = ("a", "b"), ("x", "y", "pressure")
ARCHITECTURE = Architecture(
    cell="gru", layers=1, hidden=4, bidirectional=False, readout=("last",), head_hidden=0
)


class TransformSuite:
    """A transform's test class says which it is, with the settings that it is tried with."""

    transform: ClassVar[type[Transform]]
    asked: ClassVar[Mapping[str, Any]] = {}
    """Settings, as in a spec."""
    tolerance: ClassVar[float] = 0.0
    """How much a twin may differ, as a share of a value or of 1 where that is more: where it adds up in another order."""

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
        description = Description(ARCHITECTURE, 3, CLASSES, {"format": "mfcc"}, record)
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
