"""Folders from strangers: every fault is named, and nothing in them is executed or believed."""

import json
import pickle
import resource
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import save, save_file

from seqsweep.seqmodels.architecture import Architecture
from seqsweep.seqmodels.data.errors import DataError
from seqsweep.seqmodels.export.reading import open_model
from tests.support.exported import description, weights

GRU = Architecture("gru", 1, 3)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Only what is read."""
    place = tmp_path / "model"
    place.mkdir()
    (place / "model.json").write_text(json.dumps(description(GRU).to_table()))
    save_file(weights(GRU), place / "weights.safetensors")
    assert open_model(place).description == description(GRU)
    return place


def refused(folder: Path, match: str) -> None:
    with pytest.raises(DataError, match=match) as caught:
        open_model(folder)
    assert str(folder) in str(caught.value), "the message names the file"


def change(folder: Path, *names: str, to: Any) -> None:
    table = part = json.loads((folder / "model.json").read_text())
    for name in names[:-1]:
        part = part[name]
    if to is ...:
        del part[names[-1]]
    else:
        part[names[-1]] = to
    (folder / "model.json").write_text(json.dumps(table))


@pytest.mark.parametrize(
    ("names", "to", "match"),
    [
        (("format",), "seqsweep model 2", "`format` is 'seqsweep model 2', but must be 'seqsweep model 1'"),
        (("architecture",), ..., "`architecture` is missing"),
        (("architecture",), [], "`architecture` is '\\[\\]', but must be an object"),
        (("architecture", "cell"), "transformer", "`cell` is 'transformer', but must be one of rnn_tanh"),
        (("architecture", "cell"), ["gru"], "`cell` is .*, but must be text"),
        (("architecture", "layers"), 0, "`layers` is 0, but must be at least 1"),
        (("architecture", "layers"), 10**12, "`layers` is 1000000000000, but must be at most 64"),
        (("architecture", "layers"), True, "`layers` is 'True', but must be a whole number"),
        (("architecture", "hidden"), 10**9, "`hidden` is 1000000000, but must be at most 16384"),
        (
            ("architecture", "hidden"),
            16384,
            "`rnn.weight_ih_l0` is \\[9, 3\\], but model.json asks for \\[49152, 3\\]",
        ),
        (("architecture", "head_hidden"), -1, "`head_hidden` is -1, but must be at least 0"),
        (("architecture", "bidirectional"), "no", "`bidirectional` is 'no', but must be true or false"),
        (("architecture", "readout"), ["max", "last"], "must keep the order"),
        (("architecture", "readout"), "last", "`readout` is 'last', but must be a list"),
        (("input", "features"), 10**7, "`features` is 10000000, but must be at most"),
        (("input", "features"), 2.5, "`features` is '2.5', but must be a whole number"),
        (
            ("input", "format"),
            "../../etc/passwd",
            "`format` is '../../etc/passwd', but must be one of",
        ),
        (("input", "normalization"), {}, "`normalization.kind` is None, but must be one of none"),
        (("input", "normalization", "kind"), ["none"], "`normalization.kind` is .* but must be one of"),
        (("input", "normalization", "mean"), [1.0], "`normalization.mean` must be 3 finite numbers"),
        (
            ("input", "normalization", "mean"),
            [1.0, 2.0, float("nan")],
            "`normalization.mean` must be 3 finite",
        ),
        (("input", "normalization", "mean"), [1.0, 2.0, 10**400], "`normalization.mean` must be 3 finite"),
        (("input", "normalization", "std"), [1.0, 0.0, 1.0], "`normalization.std` must be greater than 0"),
        (("input", "normalization", "std"), "abc", "`normalization.std` must be 3 finite numbers"),
        (("classes",), ["a", "a", "b", "c"], "`classes` must be at least 2 different names"),
        (("classes",), ["a", 1, "b", "c"], "`classes` must be a list of texts"),
        (("classes",), ["a", "b"], "`head.weight` is \\[4, 3\\], but model.json asks for \\[2, 3\\]"),
        (("classes",), ["a", "b", "c", "\x1b[2J"], "a text holds a control character"),
        (("source",), {"dataset": ["\x9b2J"]}, "a text holds a control character"),
        (("source",), {"\n": 1}, "a text holds a control character"),
        (("figures",), 3, "`figures` is '3', but must be an object"),
    ],
)
def test_a_description_is_checked(names: tuple[str, ...], to: Any, match: str, folder: Path) -> None:
    change(folder, *names, to=to)
    refused(folder, match)


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"", "is not JSON"),
        (b"[1]", "`model.json` must be an object"),
        (b"{" + b'"a":[' * 50_000, "is nested too deeply|is not JSON"),
        (b"\xff", "is not UTF-8 text"),
        (b"\xff\xfe", "is written in UTF-16, but must be UTF-8: save it as UTF-8"),
    ],
)
def test_a_description_that_is_none(content: bytes, match: str, folder: Path) -> None:
    (folder / "model.json").write_bytes(content)
    refused(folder, match)


def test_a_huge_description_is_not_read(folder: Path) -> None:
    with (folder / "model.json").open("r+b") as file:
        file.truncate(2**40)  # a hole: nothing is written
    refused(folder, "has 1099511627776 bytes, but must have at most")


class Trap:
    """Unpickling this creates a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("how", ["pickle", "torch.save", "old torch.save"])
def test_a_pickle_is_not_loaded(how: str, folder: Path, tmp_path: Path) -> None:
    trap = {"rnn.weight_ih_l0": Trap(tmp_path / "executed")}
    if how == "pickle":
        (folder / "weights.safetensors").write_bytes(pickle.dumps(trap))
    else:
        torch.save(trap, folder / "weights.safetensors", _use_new_zipfile_serialization=how == "torch.save")
    refused(folder, "weights.safetensors: is a pickle, .* it was not loaded")
    assert not (tmp_path / "executed").exists()


def test_code_in_the_folder_is_not_executed(folder: Path, tmp_path: Path) -> None:
    for name in ("model.py", "torch.py", "sitecustomize.py", "__init__.py"):
        (folder / name).write_text(f"open({str(tmp_path / 'executed')!r}, 'w')")
    (folder / "model.pt2").write_bytes(pickle.dumps(Trap(tmp_path / "executed")))
    open_model(folder)
    assert not (tmp_path / "executed").exists()


def changed(**changes: np.ndarray | None) -> dict[str, np.ndarray]:
    state = weights(GRU) | {name.replace("__", "."): value for name, value in changes.items()}
    return {name: value for name, value in state.items() if value is not None}


NAN, TINY = np.full(4, np.nan, np.float32), np.zeros((1, 1), np.float32)


@pytest.mark.parametrize(
    ("state", "match"),
    [
        (changed(head__bias=None), "has no `head.bias`"),
        (changed(head__extra=TINY), "has `head.extra`, which no such model has"),
        (changed(**{"\x1b[2J": TINY}), r"has `\\x1b\[2J`, which no such model has"),
        (changed(head__bias=TINY), "`head.bias` is \\[1, 1\\], but model.json asks for \\[4\\]"),
        (changed(head__bias=np.zeros(4)), "`head.bias` is F64, but must be F32"),
        (changed(head__bias=np.zeros(4, np.int32)), "`head.bias` is I32, but must be F32"),
        (changed(head__bias=NAN), "`head.bias` holds NaN or infinity"),
        (changed(head__bias=np.float32([0, 0, 0, np.inf])), "`head.bias` holds NaN or infinity"),
    ],
)
def test_weights_are_checked(state: dict[str, np.ndarray], match: str, folder: Path) -> None:
    save_file(state, folder / "weights.safetensors")
    refused(folder, match)


def header(table: dict[str, Any], size: int | None = None) -> bytes:
    text = json.dumps(table).encode()
    return (len(text) if size is None else size).to_bytes(8, "little") + text


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 7,
        header({}, size=2**63),
        header({"a": {"dtype": "F32", "shape": [2**40, 2**40], "data_offsets": [0, 2**62]}}),
        header({"head.bias": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}),  # without its numbers
        header({"head.bias": {"dtype": "F32", "shape": [4], "data_offsets": [-16, 0]}}) + b"\0" * 16,
    ],
    ids=["empty", "short", "long header", "huge", "cut", "outside"],
)
def test_weights_that_are_none(content: bytes, folder: Path) -> None:
    (folder / "weights.safetensors").write_bytes(content)
    refused(folder, "weights.safetensors: is no whole safetensors file")


def test_a_length_that_looks_like_a_pickle(folder: Path) -> None:
    """How long a header is stands first, and 128 is the byte by which pickles begin."""
    metadata = {"more": ""}
    while (file := save(weights(GRU), metadata))[0] != 0x80:
        metadata["more"] += " " * 8
    (folder / "weights.safetensors").write_bytes(file)
    open_model(folder)


def test_large_weights_are_not_read(folder: Path) -> None:
    with (folder / "weights.safetensors").open("r+b") as file:
        file.truncate(2**40)
    refused(folder, "has 1099511627776 bytes, but must have at most")


def test_nothing_large_is_made_of_a_large_promise(folder: Path) -> None:
    change(folder, "architecture", "hidden", to=16384)
    change(folder, "architecture", "layers", to=64)  # 400 GB
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused(folder, "but model.json asks for|has no `rnn.weight_ih_l1`")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # kB


@pytest.mark.parametrize("name", ["model.json", "weights.safetensors"])
def test_a_file_that_is_not_there_or_is_none(name: str, folder: Path) -> None:
    (folder / name).unlink()
    refused(folder, f"{name}: no such file")
    (folder / name).symlink_to("/dev/zero")
    refused(folder, f"{name}: is no file")
    (folder / name).unlink()
    (folder / name).mkdir()
    refused(folder, f"{name}: is no file")


def test_a_folder_that_is_none(folder: Path) -> None:
    shutil.rmtree(folder)
    refused(folder, "is no folder that `seqsweep export-model` wrote")
