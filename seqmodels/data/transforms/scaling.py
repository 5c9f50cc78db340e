"""How numbers are brought to a common scale before training, and again before a trained model sees them.

A *normalization* is a JSON-able record of it: `{"kind": "none"}`, `{"kind": "per_sequence_minmax"}` or
`{"kind": "standardize", "mean": [...], "std": [...]}` with a number for each feature.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from seqsweep.seqmodels.data.errors import DataError, Problem

Array = npt.NDArray[np.float64]
KINDS = ("none", "per_sequence_minmax", "standardize")
TOO_FAR = "is so far from the training values that it cannot be standardised in float32"
FLAT = 1e-12
"""A column whose range within one sequence is at most this share of its greatest magnitude is constant but for rounding."""
FAR = 1000.0
"""Standard deviations from the training mean beyond which a value is called far off."""
MILLIONTH = 2.0**-20


def minmax(sequence: Array) -> Array:
    """Each column of [T, D] to 0..1 by its own least and greatest value; a column that is constant (`FLAT`) becomes 0."""
    low, high = sequence.min(0), sequence.max(0)
    span = high - low
    flat = span <= FLAT * np.maximum(np.abs(low), np.abs(high))
    return np.asarray((sequence - low) / np.where(flat, np.inf, span))


def standardize(
    sequences: list[Array], is_test: list[bool], name: str
) -> tuple[list[Array], dict[str, Any], tuple[str, ...]]:
    """Each column to mean 0 and standard deviation 1 over all training frames; test frames by the same numbers.

    The standard deviation is the population's (divided by the number of frames). A column that is constant in train, but
    for rounding, is only shifted. Returns the sequences, their normalization, and a note where rounding was taken for a constant.
    Raises DataError when a test value ends up outside float32.
    """
    frames = np.concatenate([s for s, test in zip(sequences, is_test, strict=True) if not test])
    equal = frames.min(0) == frames.max(0)
    constant = equal | _constant_but_for_rounding(frames)
    # a sum of equal numbers is not always their exact multiple, so a constant is taken as it is
    mean = np.where(equal, frames[0], frames.mean(0))
    # the rounding of a large number is large, too: it is measured in millionths of itself
    steady = np.where(equal, 1.0, np.maximum(1.0, np.abs(mean) * MILLIONTH))
    std = np.where(constant, steady, frames.std(0))
    normalization = {"kind": "standardize", "mean": mean.tolist(), "std": std.tolist()}
    scaled = [normalize(sequence, normalization) for sequence in sequences]
    if not all(map(fits_float32, scaled)):
        raise DataError([Problem(name, f"a test value {TOO_FAR}")])
    rounded = np.flatnonzero(constant & ~equal) + 1
    notes = [f"{_features(rounded)} constant in training but for rounding, and is not scaled up"] * bool(
        len(rounded)
    )
    return scaled, normalization, tuple(notes)


def _features(numbers: npt.NDArray[np.int64]) -> str:
    shown = ", ".join(map(str, numbers[:5])) + (", ..." if len(numbers) > 5 else "")
    return f"feature {shown} is" if len(numbers) == 1 else f"each of the {len(numbers)} features {shown} is"


def _constant_but_for_rounding(frames: Array) -> npt.NDArray[np.bool_]:
    """Which columns of [N, D] vary no more than the rounding of their mean may explain, or that of float32 storage.

    The first bound is scikit-learn's (`_is_constant_feature` of its preprocessing): var <= n eps var + (n mean eps)^2.
    """
    count, eps = len(frames), float(np.finfo(np.float64).eps)
    mean, variance = frames.mean(0), frames.var(0)
    rounding = variance <= count * eps * variance + (count * mean * eps) ** 2
    low, high = frames.min(0), frames.max(0)
    near = high - low <= 2 * np.spacing(np.maximum(np.abs(low), np.abs(high)).astype(np.float32)).astype(
        np.float64
    )
    for column in np.flatnonzero(near & ~rounding):
        values = np.unique(frames[:, column])
        rounding[column] = len(values) <= 3 and all(map(_printed_float32, values.tolist()))
    return np.asarray(rounding, np.bool_)


def _printed_float32(value: float) -> bool:
    """Whether `value` is a float32 as programs print one: exactly, as short as can be, or with 8 or 9 digits."""
    stored = np.float32(value)
    return value in (float(stored), float(str(stored)), float(f"{stored:.9g}"), float(f"{stored:.8g}"))


def normalize(sequence: Array, normalization: Mapping[str, Any]) -> Array:
    """A raw sequence [T, D] as the training data were brought to scale: the same bits."""
    if normalization["kind"] == "standardize":
        mean, std = (np.array(normalization[name], np.float64) for name in ("mean", "std"))
        return np.asarray((sequence - mean) / std)
    return minmax(sequence) if normalization["kind"] == "per_sequence_minmax" else sequence


def fits_float32(sequence: Array) -> bool:
    """Whether no value leaves the range of float32."""
    return bool(np.abs(sequence).max() <= np.finfo(np.float32).max)
