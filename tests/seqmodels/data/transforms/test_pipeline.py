"""`transforms` in a data set's table: what may be asked for, what several record, and how their records are checked."""

import copy
import json
import re

import numpy as np
import pytest
import torch

from seqsweep.seqmodels.architecture import Architecture
from seqsweep.seqmodels.data.asking import asked_transforms
from seqsweep.seqmodels.data.errors import DataError
from seqsweep.seqmodels.data.formats.base import RawSequence
from seqsweep.seqmodels.data.registry import normalize, transform_of
from seqsweep.seqmodels.data.source import check_source, load
from seqsweep.seqmodels.data.transforms.pipeline import joined, raw_features
from seqsweep.seqmodels.export.description import Description
from seqsweep.seqmodels.export.prediction import to_tokens
from seqsweep.seqmodels.export.reading import open_model
from seqsweep.seqmodels.export.writing import write_model
from seqsweep.seqmodels.layout import Layout
from tests.support.written import write_folder

NAMES = ("x", "y")


def fitted(*asked, sequences=None):
    made = joined(asked_transforms(list(asked)))
    draw = np.random.default_rng(0)
    sequences = [draw.normal(3, 2, (9, 2)), draw.normal(3, 2, (4, 2))] if sequences is None else sequences
    return made.record(sequences, NAMES)[0]


@pytest.mark.parametrize(
    ("asked", "fault"),
    [
        ("standardize", "`transforms` is 'standardize', but must be a list such as [\"standardize\"]"),
        (["standardise"], "`transforms` has 'standardise' (did you mean `standardize`?); there are none,"),
        ([3], "`transforms` has 3, but an entry must be a name, or a table with one name such as"),
        ([{"a": {}, "b": {}}], "`transforms` has {'a': {}, 'b': {}}, but an entry must be a name, or"),
        ([{"min_max": 1}], "`transforms`, min_max: is 1, but must be a table of its settings"),
        ([{"min_max": {"low": 1}}], "`transforms`, min_max: unknown key `low`: it has no settings"),
        (["none"] * 33, "`transforms` has 33 entries, but must have at most 32"),
    ],
)
def test_what_is_asked_for_is_checked_before_a_file_is_read(asked, fault):
    [said] = check_source({"path": "x", "transforms": asked})
    assert said.startswith(fault)


def test_several_are_done_one_after_the_other():
    record = fitted("min_max", "standardize")
    assert (record["kind"], record["features"]) == ("pipeline", 2)
    assert [each["kind"] for each in record["steps"]] == ["per_sequence_minmax", "standardize"]
    assert json.loads(json.dumps(record)) == record
    sequence = np.array([[1.0, 5.0], [2.0, 5.0], [3.0, 6.0]])
    scaled = np.array([[0, 0], [0.5, 0], [1, 1]])
    expected = (scaled - record["steps"][1]["mean"]) / record["steps"][1]["std"]
    assert normalize(sequence, record) == pytest.approx(expected)
    assert raw_features(record, 9) == 2
    assert transform_of(record).describe(record).startswith("(1) Each column of a sequence is scaled")


def test_one_or_none_records_what_it_always_did():
    assert fitted() == {"kind": "none"}
    assert fitted("min_max") == {"kind": "per_sequence_minmax"}
    assert fitted("standardize").keys() == {"kind", "mean", "std"}


def test_a_data_set_is_read_with_what_its_table_asks_for(tmp_path):
    train, test = (
        "@classLabel true a b\n@data\n1,2,3:a\n2,2,8:b\n3,1:a\n9,7:b\n",
        "@classLabel true a b\n@data\n4,2:a\n5,6:b\n",
    )
    source = {
        "path": str(write_folder(tmp_path / "X", {"X_TRAIN.ts": train, "X_TEST.ts": test})),
        "format": "ts",
    }
    plain, asked = load(source), load({**source, "transforms": ["min_max", "standardize"]})
    none = load({**source, "transforms": []})
    assert plain.normalization["kind"] == "standardize"
    assert none.normalization == {"kind": "none"}
    assert none.sequence(0).tolist() == [[1], [2], [3]]
    assert asked.normalization["kind"] == "pipeline"
    for place in range(6):
        scaled = normalize(none.sequence(place).astype(float), asked.normalization).astype(np.float32)
        assert asked.sequence(place).tolist() == scaled.tolist()
    assert len({each.fingerprint for each in (plain, asked, none)}) == 3


def test_a_value_far_from_training_is_refused(tmp_path):
    train = "@classLabel true a b\n@data\n1e-9,2e-9:a\n0,0:b\n3e-9,1e-9:a\n0,0:b\n"
    files = {"X_TRAIN.ts": train, "X_TEST.ts": "@classLabel true a b\n@data\n3e38,2:a\n5,6:b\n"}
    with pytest.raises(DataError, match="a validation or test value is so far from the training values"):
        load({"path": str(write_folder(tmp_path / "X", files)), "format": "ts"})


BAD_RECORDS = {
    "features": (lambda record: record.update(features=3), "`normalization.features` must be 2"),
    "no features": (lambda record: record.pop("features"), "`normalization.features` must be 2"),
    "steps": (lambda record: record.update(steps="x"), "`normalization.steps` must be a list of objects"),
    "no steps": (lambda record: record.update(steps=[]), "`normalization.steps` are 0, but must be 1 to 32"),
    "many": (lambda record: record.update(steps=record["steps"] * 17), "`normalization.steps` are 34, but"),
    "in itself": (lambda record: record["steps"].append(dict(record)), "`normalization.kind` is 'pipeline'"),
    "a step": (
        lambda record: record["steps"][1].pop("mean"),
        "`normalization.mean` must be 2 finite numbers",
    ),
}


@pytest.mark.parametrize(("damage", "fault"), BAD_RECORDS.values(), ids=list(BAD_RECORDS))
def test_a_record_of_somebody_else_is_checked(damage, fault):
    record = copy.deepcopy(fitted("min_max", "standardize"))
    transform_of(record).check(record, 2)
    damage(record)
    with pytest.raises(ValueError, match=re.escape(fault)):
        transform_of(record).check(record, 2)


LONG = [
    "mask_missing",
    {"crop": {"length": 12}},
    {"resample": {"factor": 0.5}},
    "standardize",
    {"deltas": {"order": 1}},
]


@pytest.mark.parametrize(
    "asked", [[*LONG, "standardize"], ["interpolate", "velocity", {"features": {"drop": [1]}}]]
)
def test_a_model_takes_what_comes_out_of_the_last_step(asked, tmp_path):
    architecture = Architecture(
        cell="lstm", layers=1, hidden=3, bidirectional=True, readout=("last", "max"), head_hidden=0
    )
    draw = np.random.default_rng(1)
    sequences = [draw.normal(300, 20, (length, 2)) for length in (20, 5, 1)]
    sequences[0][3, 1] = np.nan
    record = fitted(*asked, sequences=sequences)
    about = Description(architecture, 2, ("a", "b"), {"format": "mfcc"}, record)
    assert (
        about.width == transform_of(record).width(2, record) == normalize(sequences[0], record).shape[1] > 2
    )
    assert Description.from_table(json.loads(json.dumps(about.to_table()))) == about
    wrong = about.to_table()
    wrong["input"]["width"] = 99
    with pytest.raises(ValueError, match="`width` is '99', but `normalization` leads to"):
        Description.from_table(wrong)
    layout = Layout(architecture, about.width, 2)
    row = torch.rand(layout.width, generator=torch.Generator().manual_seed(0)) - 0.5
    state = {name: value.numpy() for name, value in layout.state_dict(row).items()}
    written = write_model(
        tmp_path / "model", about, state
    )  # compares all files with `normalize` and torch.nn
    assert set(written) >= {"weights.safetensors", "model.pt2"}
    assert ("model.onnx" in written) == ("interpolate" not in asked)
    opened = open_model(tmp_path / "model")
    tokens = to_tokens(RawSequence("0", "0", sequences[0]), opened.description)
    assert tokens.tolist() == normalize(sequences[0], record).astype(np.float32).tolist()


def test_a_model_that_fills_nothing_refuses_missing_values():
    architecture = Architecture(
        cell="gru", layers=1, hidden=3, bidirectional=False, readout=("last",), head_hidden=0
    )
    about = Description(architecture, 2, ("a", "b"), {"format": "mfcc"}, fitted("standardize"))
    problem = to_tokens(RawSequence("0", "here", np.array([[1.0, 2], [3, np.nan]])), about)
    assert str(problem) == "here: token 2 has no value for feature 2, and the model fills none"


def test_steps_that_widen_without_end_are_refused():
    deltas = {"kind": "deltas", "order": 2, "window": 1}
    record = {"kind": "pipeline", "features": 2, "steps": [deltas] * 32}
    with pytest.raises(
        ValueError, match=r"`normalization\.steps` lead to 1062882 features, but at most 1000000"
    ):
        transform_of(record).check(record, 2)
