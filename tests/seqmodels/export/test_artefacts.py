"""model.py, the ONNX graph and the torch.export program against torch.nn, a sequence at a time."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from seqsweep.seqmodels.architecture import READOUTS, Architecture
from seqsweep.seqmodels.cells import CELLS
from seqsweep.seqmodels.data.errors import DataError
from seqsweep.seqmodels.export import checking, writing
from seqsweep.seqmodels.export.checking import ExportError, alone, check
from seqsweep.seqmodels.export.model import Model
from seqsweep.seqmodels.export.onnx_graph import onnx_model
from seqsweep.seqmodels.export.reading import open_model
from seqsweep.seqmodels.export.writing import write_model
from tests.support.exported import (
    CLASSES,
    FEATURES,
    NORMALIZATIONS,
    answers,
    description,
    padded,
    raw,
    weights,
)

WIDE = Architecture("lstm", 1, 4, bidirectional=True, readout=("last", "max"), head_hidden=5)
SMALL = Architecture("rnn_tanh", 1, 3)
ARTEFACTS = ["README.md", "model.json", "model.onnx", "model.pt2", "model.py", "weights.safetensors"]

readouts = st.lists(st.sampled_from(READOUTS), min_size=1, max_size=2, unique=True).map(
    lambda names: tuple(sorted(names, key=READOUTS.index))
)
shapes = st.tuples(
    st.sampled_from(CELLS),
    st.integers(1, 3),  # layers
    st.integers(1, 6),  # hidden
    st.booleans(),  # bidirectional
    readouts,
    st.sampled_from([0, 1, 4]),  # head_hidden
)
lengths = st.lists(st.integers(1, 12), min_size=1, max_size=5)


def close(found: np.ndarray | torch.Tensor, expected: np.ndarray) -> None:
    np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-4, atol=2e-5)


def by_onnx(model: bytes, values: torch.Tensor, lengths: torch.Tensor) -> np.ndarray:
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    [logits] = session.run(None, {"values": values.numpy(), "lengths": lengths.numpy()})
    return logits


@settings(max_examples=60)
@given(shapes, lengths, st.sampled_from(list(NORMALIZATIONS)), st.integers(0, 99))
def test_padded_batches_are_what_each_sequence_is_alone(
    shape: tuple[Any, ...], lengths: list[int], normalization: str, seed: int
) -> None:
    architecture = Architecture(*shape)
    about, state, sequences = (
        description(architecture, normalization),
        weights(architecture, seed),
        raw(lengths, seed),
    )
    if normalization == "none":  # a recurrent net has no business with 29,000
        sequences = [(sequence - [1.0, -200.0, 3e4]) / [0.5, 20.0, 1e3] for sequence in sequences]
    expected = answers(architecture, normalization, state, sequences)
    tensors = {name: torch.from_numpy(value) for name, value in state.items()}
    model = Model(about.to_table())
    model.load_state_dict(tensors)
    values, steps = padded(sequences)
    with torch.no_grad():
        close(model(values, steps), expected)
    close(by_onnx(onnx_model(about, state).SerializeToString(), values, steps), expected)
    for sequence, row in zip(sequences, expected, strict=True):
        close(alone(about, tensors, sequence), row)


def test_every_artefact_takes_rounding_for_a_constant() -> None:
    about, state = description(SMALL, "minmax"), weights(SMALL)
    rounded = np.stack([np.arange(4.0), 0.1 * 3 + np.zeros(4), np.full(4, 1e9)], 1)
    rounded[::2, 1:] = 0.3, np.nextafter(1e9, 0)
    exact = np.stack([np.arange(4.0), np.full(4, 0.3), np.full(4, 1e9)], 1)
    expected = answers(SMALL, "minmax", state, [exact])
    model = Model(about.to_table())
    model.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
    values, steps = padded([rounded])
    with torch.no_grad():
        close(model(values, steps), expected)
    close(by_onnx(onnx_model(about, state).SerializeToString(), values, steps), expected)


@pytest.mark.parametrize(
    "architecture",
    [
        WIDE,
        Architecture("gru", 2, 3, readout=("mean",)),
        Architecture("rnn_relu", 1, 4, readout=("max",)),
    ],
    ids=lambda each: each.label,
)
def test_a_folder_comes_back_from_every_file(architecture: Architecture, tmp_path: Path) -> None:
    state, sequences = weights(architecture), raw([7, 1, 30])
    found = write_model(tmp_path / "model", description(architecture), state)
    assert found.keys() == {"weights.safetensors", "model.pt2", "model.onnx"}
    assert max(found.values()) < 1e-4
    assert sorted(each.name for each in (tmp_path / "model").iterdir()) == ARTEFACTS
    assert [each.name for each in tmp_path.iterdir()] == ["model"], "nothing else is left"
    expected = answers(architecture, "standardize", state, sequences)
    values, lengths = padded(sequences)
    program = torch.export.load(tmp_path / "model" / "model.pt2").module()
    for part in (slice(0, 3), slice(1, 2)):  # other batches and lengths than it was traced with
        longest = int(lengths[part].max())
        close(program(values[part, :longest], lengths[part]), expected[part])
    assert open_model(tmp_path / "model").description.to_table() == description(architecture).to_table()
    kept = json.loads((tmp_path / "model" / "model.json").read_text())
    assert kept["checks"] == {"tolerance": 1e-4, "largest_difference": found}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("exported") / "model"
    write_model(place, description(SMALL, "minmax"), weights(SMALL))
    return place


def test_weights_are_those_of_bare_modules(folder: Path) -> None:
    from safetensors.torch import load_file

    state = load_file(folder / "weights.safetensors")
    rnn, head = nn.RNN(FEATURES, 3, batch_first=True), nn.Linear(3, len(CLASSES))
    rnn.load_state_dict({name[4:]: value for name, value in state.items() if name.startswith("rnn.")})
    head.load_state_dict({name[5:]: value for name, value in state.items() if name.startswith("head.")})


def test_the_folder_stands_alone(folder: Path) -> None:
    """Its model.py in another process, which has no seqsweep."""
    sequences = raw([4, 9])
    code = f"""
import sys
sys.modules["seqsweep"] = None
from model import load, pad
model = load(".")
assert model.classes == {CLASSES}
print(model(*pad({[sequence.tolist() for sequence in sequences]})).tolist())
"""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    close(np.array(json.loads(done.stdout)), answers(SMALL, "minmax", weights(SMALL), sequences))
    assert sorted(each.name for each in folder.iterdir() if each.name != "__pycache__") == ARTEFACTS


def test_files_may_be_read_by_others(folder: Path) -> None:
    (folder.parent / "plain").touch()
    usual = (folder.parent / "plain").stat().st_mode & 0o777
    (folder.parent / "plain").unlink()
    assert {each.stat().st_mode & 0o777 for each in folder.iterdir() if each.is_file()} == {usual}
    assert folder.stat().st_mode & 0o777 == usual | (usual & 0o444) >> 2


def test_the_onnx_file_names_its_classes(folder: Path) -> None:
    import onnx

    properties = {
        each.key: json.loads(each.value) for each in onnx.load(folder / "model.onnx").metadata_props
    }
    assert tuple(properties["classes"]) == CLASSES
    assert properties["input"]["normalization"] == {"kind": "per_sequence_minmax"}


@pytest.mark.parametrize("artefact", ["weights.safetensors", "model.onnx", "model.pt2"])
def test_a_file_that_computes_something_else_is_never_left(
    artefact: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is checked by itself: the folder holds one file of another model."""
    other, about = weights(SMALL, seed=1), description(SMALL, "minmax")
    tensors = {name: torch.from_numpy(value) for name, value in weights(SMALL).items()}
    for name in ("model.json", "weights.safetensors", "model.onnx", "model.pt2"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    assert check(tmp_path, about, tensors)
    if artefact == "model.onnx":
        (tmp_path / artefact).write_bytes(onnx_model(about, other).SerializeToString())
    elif artefact == "model.pt2":
        from seqsweep.seqmodels.export.program import save_program

        save_program(
            tmp_path / artefact, about, {name: torch.from_numpy(value) for name, value in other.items()}
        )
    else:
        from safetensors.numpy import save_file

        save_file(other, tmp_path / artefact)
    with pytest.raises(ExportError, match=f"{artefact} differs from torch.nn"):
        check(tmp_path, about, tensors)


def test_a_failed_check_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ExportError("model.onnx differs")

    monkeypatch.setattr(checking, "check", refuse)
    monkeypatch.setattr("seqsweep.seqmodels.export.program.save_program", lambda *_: None)
    with pytest.raises(ExportError):
        write_model(tmp_path / "model", description(SMALL), weights(SMALL))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something_is_left_alone(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").touch()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in ("full", "full/mine.txt", "link"):
        with pytest.raises(DataError, match="is there already: name a new folder"):
            write_model(tmp_path / name, description(SMALL), weights(SMALL))
    with pytest.raises(DataError, match="no such folder"):
        write_model(tmp_path / "none" / "model", description(SMALL), weights(SMALL))
    assert sorted(each.name for each in tmp_path.iterdir()) == ["full", "link"]


def test_a_plain_install_is_told_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "find_spec", lambda name: None if name == "onnx" else object())
    with pytest.raises(
        DataError, match=r"onnx not installed: pip install '\.\[export\]' in seqsweep's folder"
    ):
        write_model(tmp_path / "model", description(SMALL), weights(SMALL))
