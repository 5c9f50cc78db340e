"""What a format reads: sequences as they were written, and what the files say of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.numbers import LARGEST

Values = npt.NDArray[np.floating] | npt.NDArray[np.integer]
TRAIN, VALIDATION, TEST = "train", "validation", "test"
PARTS = (TRAIN, VALIDATION, TEST)
SHOWN = 5  # feature names in a message


@dataclass(frozen=True, eq=False)
class Collection:
    """S sequences of unequal length with their labels, raw: not split, not brought to scale.

    Args:
        sequences: each [T, D], real numbers of any dtype; views of a file or a buffer are welcome. NaN is a missing value.
        labels: the class of each, as the files spell it.
        ids: of each; unique, and the same wherever the data lie.
        places: how each is named in an error, such as `file` or `file:line`.
        parts: of each `train`, `validation` or `test`, or None where the files do not say.
        groups: of each its speaker or writer; None where nobody asked.
        features: names of the D columns; empty where they have none.
        notes: what was guessed, passed over or filled in, a sentence each.
    """

    sequences: Sequence[Values]
    labels: Sequence[str]
    ids: Sequence[str]
    places: Sequence[str]
    parts: Sequence[str | None]
    groups: Sequence[str] | None = None
    features: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        columns = (self.labels, self.ids, self.places, self.parts, self.groups)
        if any(column is not None and len(column) != len(self.sequences) for column in columns):
            raise ValueError("labels, ids, places, parts and groups must be one for each sequence")

    def __len__(self) -> int:
        return len(self.sequences)

    def classes(self) -> dict[str, npt.NDArray[np.int64]]:
        """Give the indices of each class's sequences, int64, the classes in the order of their names."""
        names = sorted(set(self.labels))
        place = {name: number for number, name in enumerate(names)}
        code = np.fromiter((place[label] for label in self.labels), np.int64, len(self.labels))
        ordered = np.argsort(code, kind="stable")
        start = np.searchsorted(code[ordered], np.arange(len(names) + 1))
        return {name: ordered[start[number] : start[number + 1]] for number, name in enumerate(names)}

    def taken(self, chosen: Sequence[int]) -> Collection:
        """Take the sequences at the indices `chosen`, in that order."""

        def some(column: Sequence[str]) -> list[str]:
            return [column[place] for place in chosen]

        return Collection(
            [self.sequences[place] for place in chosen],
            some(self.labels),
            some(self.ids),
            some(self.places),
            [self.parts[place] for place in chosen],
            None if self.groups is None else some(self.groups),
            self.features,
            self.notes,
        )

    def check_shapes(self) -> None:
        """Raise DataError unless every sequence has tokens, and as many features as most have."""
        problems = [
            Problem(place, "has no tokens: a sequence must have at least 1")
            for place, sequence in zip(self.places, self.sequences, strict=True)
            if not len(sequence)
        ]
        widths = [sequence.shape[1] for sequence in self.sequences if len(sequence)]
        if widths:
            # of equally many the first, so that the message does not change from run to run
            usual = max(dict.fromkeys(widths), key=widths.count)
            problems += [
                Problem(place, f"has {sequence.shape[1]} columns, but the other files have {usual}")
                for place, sequence in zip(self.places, self.sequences, strict=True)
                if len(sequence) and sequence.shape[1] != usual
            ]
        if problems:
            raise DataError(problems)

    def check_values(self, *, missing_allowed: bool = False) -> None:
        """Raise DataError for a value that is not finite, or beyond float32; NaN may be allowed."""
        problems = [
            Problem(place, fault)
            for place, sequence in zip(self.places, self.sequences, strict=True)
            if (fault := self._fault(sequence, missing_allowed=missing_allowed))
        ]
        if problems:
            raise DataError(problems)

    def _fault(self, sequence: Values, *, missing_allowed: bool) -> str:
        with np.errstate(invalid="ignore"):
            good = np.abs(sequence) <= LARGEST
        if missing_allowed:
            good |= np.isnan(sequence)
        if good.all():
            return ""
        row, column = np.argwhere(~good)[0]
        value, count = sequence[row, column], int((~good).sum())
        which = f"`{self.features[column]}`" if self.features else f"feature {column + 1}"
        more = f" ({count} such values in it)" if count > 1 else ""
        if np.isnan(value):
            todo = 'fill them by `transforms = ["interpolate", ...]`, or leave the sequence out'
            return f"token {row + 1} has no value for {which}{more}: {todo}"
        return f"token {row + 1} has {value:g} for {which}{more}, but values must be finite and fit float32"


def merged(collections: Sequence[Collection]) -> Collection:
    """Put collections of one kind one behind the other."""
    groups: list[str] | None = []
    for each in collections:
        groups = None if groups is None or each.groups is None else [*groups, *each.groups]
    return Collection(
        [sequence for each in collections for sequence in each.sequences],
        [label for each in collections for label in each.labels],
        [identity for each in collections for identity in each.ids],
        [place for each in collections for place in each.places],
        [part for each in collections for part in each.parts],
        groups,
        collections[0].features if collections else (),
        tuple(dict.fromkeys(note for each in collections for note in each.notes)),
    )
