"""Making a model's folder: whole and checked, or not at all."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from seqsweep.extras import install
from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.registry import transform_of
from seqsweep.seqmodels.export.card import card
from seqsweep.seqmodels.export.reading import DESCRIPTION, WEIGHTS
from seqsweep.seqmodels.export.scalings import check_exportable, model_code

if TYPE_CHECKING:
    from seqsweep.seqmodels.export.description import Description

CARD, CODE = "README.md", "model.py"
NEEDED = ("onnx", "onnxruntime")


def check_place(folder: Path) -> None:
    """Raise DataError where `write_model` would not write: no extra `export`, or a folder that holds something."""
    absent = [name for name in NEEDED if find_spec(name) is None]
    if absent:
        rule = f"{' and '.join(absent)} not installed: {install('export')}"
        raise DataError([Problem("export-model", rule)])
    if folder.is_symlink() or (folder.exists() and not (folder.is_dir() and not any(folder.iterdir()))):
        raise DataError([Problem(str(folder), "is there already: name a new folder")])
    if not folder.parent.is_dir():
        raise DataError([Problem(str(folder.parent), "no such folder")])


def write_model(
    folder: Path, description: Description, state: Mapping[str, NDArray[np.float32]]
) -> dict[str, float]:
    """Write everything, read it back, compare it, and only then give the folder its name.

    Args:
        folder: must not exist, or be empty.
        description: of the model.
        state: its weights under their torch.nn names.

    Returns:
        For each file that computes: the largest difference of a logit from torch.nn. `model.onnx` is none of them where it is
        left out (`without_onnx`).

    Raises:
        DataError: as `check_place`, the data's transform has no twin in torch, or the disk refuses.
        ExportError: a file does not compute what the model computes.
    """
    check_exportable(description.normalization)
    check_place(folder)
    import torch
    from safetensors.numpy import save

    from seqsweep.seqmodels.export.checking import ONNX, PROGRAM, TOLERANCE, check
    from seqsweep.seqmodels.export.onnx_graph import onnx_model
    from seqsweep.seqmodels.export.program import save_program

    tensors = {name: torch.from_numpy(np.array(array)) for name, array in state.items()}
    with _whole(folder) as place:
        weights = save({name: np.ascontiguousarray(array) for name, array in state.items()})
        (place / WEIGHTS).write_bytes(weights)
        (place / CODE).write_text(model_code(description.normalization), encoding="utf-8", newline="\n")
        left_out = without_onnx(description)
        if not left_out:
            (place / ONNX).write_bytes(onnx_model(description, state).SerializeToString())
        save_program(place / PROGRAM, description, tensors)
        table = description.to_table()
        _write(place / DESCRIPTION, json.dumps(table, indent=1, ensure_ascii=False, allow_nan=False))
        differences = check(place, description, tensors)
        table["checks"] = {"tolerance": TOLERANCE, "largest_difference": differences}
        if left_out:
            table["left_out"] = {ONNX: left_out}
        _write(place / DESCRIPTION, json.dumps(table, indent=1, ensure_ascii=False, allow_nan=False))
        _write(place / CARD, card(table))
    return differences


def without_onnx(description: Description) -> str:
    """Say why there is no `model.onnx`; empty where there is one."""
    return transform_of(description.normalization).lacks_onnx()


def _write(path: Path, text: str) -> None:
    path.write_text(text.rstrip("\n") + "\n", encoding="utf-8")


@contextmanager
def _whole(folder: Path) -> Iterator[Path]:
    """Make a hidden folder beside `folder`, which takes its name at the end and is removed where there is none."""
    place: Path | None = None
    try:
        place = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        yield place
        umask = os.umask(0)
        os.umask(umask)
        place.chmod(0o777 & ~umask)  # mkdtemp keeps others out
        place.rename(folder)
    except OSError as error:
        raise DataError([Problem(str(folder), f"cannot be written: {error.strerror or error}")]) from error
    finally:
        if place is not None:
            shutil.rmtree(place, ignore_errors=True)
