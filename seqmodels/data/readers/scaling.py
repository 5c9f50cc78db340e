"""How numbers are brought to a common scale before training, and again before a trained model sees them.

A *normalization* is a JSON-able record of it: `{"kind": "none"}`, `{"kind": "per_sequence_minmax"}` or
`{"kind": "standardize", "mean": [...], "std": [...]}` with a number for each feature.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from seqmodels.data.errors import DataError, Problem

Array = npt.NDArray[np.float64]
KINDS = ("none", "per_sequence_minmax", "standardize")
TOO_FAR = "is so far from the training values that it cannot be standardised in float32"


def minmax(sequence: Array) -> Array:
    """Each column of [T, D] to 0..1 by its own least and greatest value; a constant column becomes 0."""
    low, high = sequence.min(0), sequence.max(0)
    span = high - low
    return np.asarray((sequence - low) / np.where(span > 0, span, 1.0))


def standardize(sequences: list[Array], is_test: list[bool], name: str) -> tuple[list[Array], dict[str, Any]]:
    """Each column to mean 0 and standard deviation 1 over all training frames; test frames by the same numbers.

    The standard deviation is the population's (divided by the number of frames). A column that is constant in
    train is only shifted. Returns the sequences and their normalization. Raises DataError when a test value
    ends up outside float32.
    """
    frames = np.concatenate([s for s, test in zip(sequences, is_test, strict=True) if not test])
    constant = frames.min(0) == frames.max(0)
    # a sum of equal numbers is not always their exact multiple, so a constant is taken as it is
    mean = np.where(constant, frames[0], frames.mean(0))
    std = frames.std(0)
    std = np.where(constant | (std == 0), 1.0, std)
    normalization = {"kind": "standardize", "mean": mean.tolist(), "std": std.tolist()}
    scaled = [normalize(sequence, normalization) for sequence in sequences]
    if not all(map(fits_float32, scaled)):
        raise DataError([Problem(name, f"a test value {TOO_FAR}")])
    return scaled, normalization


def normalize(sequence: Array, normalization: Mapping[str, Any]) -> Array:
    """A raw sequence [T, D] as the training data were brought to scale: the same bits."""
    if normalization["kind"] == "standardize":
        mean, std = (np.array(normalization[name], np.float64) for name in ("mean", "std"))
        return np.asarray((sequence - mean) / std)
    return minmax(sequence) if normalization["kind"] == "per_sequence_minmax" else sequence


def fits_float32(sequence: Array) -> bool:
    """Whether no value leaves the range of float32."""
    return bool(np.abs(sequence).max() <= np.finfo(np.float32).max)
