"""From raw sequences to the flat tokens that models see, a sequence at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seqsweep.seqmodels.data.collection import Collection
from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.transforms.base import TOO_FAR, Transform, fits_float32
from seqsweep.seqmodels.data.transforms.pipeline import Changed


@dataclass(frozen=True, eq=False)
class Scaled:
    """Flat `tokens` [N, D] where sequence i is `tokens[start[i] : start[i] + length[i]]`, and what was done to them."""

    tokens: npt.NDArray[np.float32]
    start: npt.NDArray[np.int64]
    length: npt.NDArray[np.int64]
    normalization: dict[str, Any]
    notes: tuple[str, ...]


def bring_to_scale(
    found: Collection, held_out: npt.NDArray[np.bool_], transform: Transform, name: str
) -> Scaled:
    """Fit on the sequences that are not held out, and change all.

    No more than a part of the numbers is ever there in float64. Raises DataError of data set `name` where the transform does
    not fit the data, or a held out value ends up outside float32.
    """
    columns = found.sequences[0].shape[1]
    names = found.features or tuple(str(number) for number in range(1, columns + 1))
    train = Changed([each for each, held in zip(found.sequences, held_out, strict=True) if not held], _same)
    try:
        record, notes = transform.record(train, names)
    except ValueError as error:
        raise DataError([Problem(name, f"`transforms`: {error}")]) from None
    steps = transform.steps(record)
    tokens = _Tokens(sum(map(len, found.sequences)), transform.width(columns, record))
    altered = np.zeros((len(found), len(steps)), np.int64)
    far = False
    for place, raw in enumerate(found.sequences):
        sequence = np.asarray(raw, np.float64)
        for number, (step, own) in enumerate(steps):
            altered[place, number] = step.altered(sequence, own)
            sequence = step.apply(sequence, own)
        far |= not fits_float32(sequence)
        if not far:
            tokens.append(sequence)
    if far:
        raise DataError([Problem(name, f"a validation or test value {TOO_FAR}")])
    said = [
        step.altered_note(int((counts > 0).sum()), int(counts.sum()))
        for (step, _), counts in zip(steps, altered.T, strict=True)
        if counts.any()
    ]
    length = np.array(tokens.lengths, np.int64)
    return Scaled(tokens.whole(), np.cumsum(length) - length, length, record, (*notes, *said))


class _Tokens:
    """A float32 array that rows are put behind one another in; it grows by halves."""

    def __init__(self, rows: int, columns: int) -> None:
        self.array = np.empty((rows, columns), np.float32)
        self.count = 0
        self.lengths: list[int] = []

    def append(self, sequence: npt.NDArray[np.float64]) -> None:
        end = self.count + len(sequence)
        if end > len(self.array):
            grown = np.empty((max(end, len(self.array) * 3 // 2), self.array.shape[1]), np.float32)
            grown[: self.count] = self.array[: self.count]
            self.array = grown
        self.array[self.count : end] = sequence
        self.count = end
        self.lengths.append(len(sequence))

    def whole(self) -> npt.NDArray[np.float32]:
        """Give the rows that are filled, in an array of their own size."""
        if self.count == len(self.array):
            return self.array
        return self.array[: self.count].copy()


def _same(sequence: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return sequence
