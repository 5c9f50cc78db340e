"""The one form every data set takes: flat tokens, and where each sequence lies in them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, SupportsIndex

import numpy as np
import numpy.typing as npt

from seqsweep.seqmodels.data.names import is_text


@dataclass(frozen=True, eq=False)
class SequenceDataset:
    """Labelled sequences of unequal length, never padded. N tokens, D features, S sequences, C classes.

    Sequence i is `tokens[start[i] : start[i] + length[i]]`. Arrays may be read-only (they come out of a
    shared object store without a copy) and are not to be written to. Raises ValueError when the parts do not
    fit together.
    """

    name: str
    tokens: npt.NDArray[np.float32]  # [N, D], C-contiguous, finite, already normalised
    start: npt.NDArray[np.int64]  # [S]
    length: npt.NDArray[np.int64]  # [S], at least 1
    label: npt.NDArray[np.int64]  # [S], 0..C-1
    class_names: tuple[str, ...]
    ids: tuple[str, ...]  # one a sequence, unique
    is_test: npt.NDArray[np.bool_]  # [S], the test split that the data set came with
    group: npt.NDArray[np.int64] | None = None  # [S], speaker or writer
    synthetic: bool = False
    normalization: Mapping[str, Any] = field(default_factory=lambda: {"kind": "none"})  # JSON-able
    notes: tuple[str, ...] = ()  # what its reader passed over or filled in, a sentence each
    is_validation: npt.NDArray[np.bool_] | None = None  # [S], none of them test; None: not yet decided
    reading: Mapping[str, Any] = field(
        default_factory=dict
    )  # `format` and its options, by which new files are read; JSON-able

    def __post_init__(self) -> None:
        problem = self._first_problem()
        if problem:
            raise ValueError(f"data set {self.name!r}: {problem}")

    @classmethod
    def from_sequences(
        cls,
        name: str,
        sequences: Sequence[npt.NDArray[Any]],
        *,
        label: Sequence[int] | npt.NDArray[Any],
        class_names: Sequence[str],
        ids: Sequence[str],
        is_test: Sequence[bool] | npt.NDArray[Any],
        group: Sequence[int] | npt.NDArray[Any] | None = None,
        synthetic: bool = False,
        normalization: Mapping[str, Any] | None = None,
        notes: Sequence[str] = (),
        is_validation: npt.NDArray[np.bool_] | None = None,
        reading: Mapping[str, Any] | None = None,
    ) -> SequenceDataset:
        """Lay `sequences` (each [length, D], any float dtype) one behind the other."""
        if not len(sequences):
            raise ValueError(f"data set {name!r}: holds no sequences")
        length = np.array([len(sequence) for sequence in sequences], np.int64)
        return cls(
            name=name,
            tokens=np.ascontiguousarray(np.concatenate(sequences), np.float32),
            start=np.cumsum(length) - length,
            length=length,
            label=np.asarray(label, np.int64),
            class_names=tuple(class_names),
            ids=tuple(ids),
            is_test=np.asarray(is_test, np.bool_),
            group=None if group is None else np.asarray(group, np.int64),
            synthetic=synthetic,
            normalization={"kind": "none"} if normalization is None else normalization,
            notes=tuple(notes),
            is_validation=is_validation,
            reading={} if reading is None else reading,
        )

    @property
    def feature_count(self) -> int:
        """D."""
        return int(self.tokens.shape[1])

    @property
    def class_count(self) -> int:
        """C."""
        return len(self.class_names)

    @property
    def sequence_count(self) -> int:
        """S."""
        return len(self.length)

    def sequence(self, index: SupportsIndex) -> npt.NDArray[np.float32]:
        """A view of one sequence, [length, D]."""
        first = int(self.start[index])
        return self.tokens[first : first + int(self.length[index])]

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of everything that can change a result: numbers, labels, names, splits, groups.

        The data set's own name is not in it, so a renamed or moved copy is recognised as the same data.
        """
        digest = hashlib.sha256(b"seqsweep data set 1\n")
        digest.update(json.dumps([self.class_names, self.ids, self.tokens.shape]).encode())
        digest.update(self.tokens.astype("<f4", copy=False).data)
        for column in (self.start, self.length, self.label, self.is_test, self.group):
            digest.update(b"none" if column is None else column.astype("<i8").tobytes())
        return digest.hexdigest()

    def _first_problem(self) -> str | None:
        tokens, count = self.tokens, len(self.ids)
        flat = tokens.ndim == 2 and tokens.shape[1] > 0 and tokens.flags.c_contiguous
        if not flat or tokens.dtype != np.float32:
            return "`tokens` must be a C-contiguous float32 array [tokens, features]"
        if not count:
            return "holds no sequences"
        columns = {"start": self.start, "length": self.length, "label": self.label}
        if self.group is not None:
            columns["group"] = self.group
        for name, column in columns.items():
            if column.shape != (count,) or column.dtype != np.int64:
                return f"`{name}` must be an int64 array of {count} elements, one for each id"
        if self.is_test.shape != (count,) or self.is_test.dtype != np.bool_:
            return f"`is_test` must be a bool array of {count} elements, one for each id"
        held = self.is_validation
        if held is not None and (
            held.shape != (count,) or held.dtype != np.bool_ or (held & self.is_test).any()
        ):
            return f"`is_validation` must be a bool array of {count} elements, none of them of the test part"
        if self.length.min() < 1:
            return "a sequence has no tokens"
        if self.start.min() < 0 or (self.start + self.length).max() > len(tokens):
            return "a sequence reaches outside `tokens`"
        if self.label.min() < 0 or self.label.max() >= self.class_count:
            return f"a label is outside 0..{self.class_count - 1}"
        for what, names in (
            ("its name", (self.name,)),
            ("a class name", self.class_names),
            ("a sequence id", self.ids),
        ):
            if not is_text("".join(names)):
                return f"{what} is not UTF-8"
        if len(set(self.class_names)) != self.class_count:
            return "a class name occurs twice"
        if len(set(self.ids)) != count:
            return "a sequence id occurs twice"
        with np.errstate(invalid="ignore"):
            ends = tokens.min(), tokens.max()  # NaN where one is; without a flag for each number
        if not np.isfinite(ends).all():
            return "`tokens` holds NaN or infinity"
        return None
