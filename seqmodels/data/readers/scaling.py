"""How numbers are brought to a common scale before training."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from seqmodels.data.errors import DataError, Problem

Array = npt.NDArray[np.float64]


def minmax(sequence: Array) -> Array:
    """Each column of [T, D] to 0..1 by its own least and greatest value; a constant column becomes 0."""
    low, high = sequence.min(0), sequence.max(0)
    span = high - low
    return np.asarray((sequence - low) / np.where(span > 0, span, 1.0))


def standardize(sequences: list[Array], is_test: list[bool], name: str) -> tuple[list[Array], dict[str, Any]]:
    """Each column to mean 0 and standard deviation 1 over all training frames; test frames by the same numbers.

    The standard deviation is the population's (divided by the number of frames). A column that is constant in
    train is only shifted. Returns the sequences and a JSON-able record {"kind", "mean", "std"}. Raises DataError
    when a test value ends up outside float32.
    """
    frames = np.concatenate([s for s, test in zip(sequences, is_test, strict=True) if not test])
    constant = frames.min(0) == frames.max(0)
    # a sum of equal numbers is not always their exact multiple, so a constant is taken as it is
    mean = np.where(constant, frames[0], frames.mean(0))
    std = frames.std(0)
    std = np.where(constant | (std == 0), 1.0, std)
    scaled = [(sequence - mean) / std for sequence in sequences]
    if any(np.abs(sequence).max() > np.finfo(np.float32).max for sequence in scaled):
        rule = "a test value is so far from the training values that it cannot be standardised in float32"
        raise DataError([Problem(name, rule)])
    return scaled, {"kind": "standardize", "mean": mean.tolist(), "std": std.tolist()}
