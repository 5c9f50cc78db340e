"""A data set as one safetensors file: for the way to another machine, and for a sweep that goes on there."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from seqsweep.seqmodels.data.dataset import SequenceDataset
from seqsweep.seqmodels.data.errors import DataError, Problem

ARRAYS = ("tokens", "start", "length", "label", "is_test")
OPTIONAL = ("group", "is_validation")
ABOUT = "about"  # the rest, as JSON
FORMAT = "seqsweep data set 1"


def pack(dataset: SequenceDataset) -> bytes:
    """The data set's content; `unpack` gives an equal one, with the same fingerprint."""
    from safetensors.numpy import save

    arrays: dict[str, np.ndarray[Any, Any]] = {
        # safetensors writes the memory as it lies
        name: np.ascontiguousarray(getattr(dataset, name))
        for name in ARRAYS
    }
    for name in OPTIONAL:
        if (array := getattr(dataset, name)) is not None:
            arrays[name] = np.ascontiguousarray(array)
    about = {
        "format": FORMAT,
        "name": dataset.name,
        "class_names": dataset.class_names,
        "ids": dataset.ids,
        "synthetic": dataset.synthetic,
        "normalization": dataset.normalization,
        "notes": dataset.notes,
        "reading": dict(dataset.reading),
        "fingerprint": dataset.fingerprint,
    }
    arrays[ABOUT] = np.frombuffer(json.dumps(about).encode(), np.uint8)
    return bytes(save(arrays))


def unpack(content: bytes, where: str) -> SequenceDataset:
    """The data set in `content`; `where` is what an error calls the file.

    Raises:
        DataError: it is no packed data set, or not one that came through whole.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        arrays = load(content)
        about = json.loads(arrays[ABOUT].tobytes())
        if about["format"] != FORMAT:
            raise ValueError(f"its format is {about['format']!r}, but must be {FORMAT!r}")
        dataset = SequenceDataset(
            name=about["name"],
            **{name: arrays[name] for name in ARRAYS},
            **{name: arrays.get(name) for name in OPTIONAL},
            class_names=tuple(about["class_names"]),
            ids=tuple(about["ids"]),
            synthetic=about["synthetic"],
            normalization=about["normalization"],
            notes=tuple(about.get("notes", ())),
            reading=about.get("reading", {}),
        )
        if dataset.fingerprint != about["fingerprint"]:
            raise ValueError("its content does not have the fingerprint that it was packed with")
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        words = f"`{error.args[0]}` is missing" if isinstance(error, KeyError) else str(error)
        raise DataError([Problem(where, f"is no whole packed data set: {words}")]) from error
    return dataset
