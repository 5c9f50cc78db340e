"""What is done to raw numbers before a model sees them: each way is a file over this base, and a line in `registry`.

A *normalization* is a JSON-able record of it: `{"kind": "none"}`, `{"kind": "per_sequence_minmax"}`,
`{"kind": "standardize", "mean": [...], "std": [...]}` with a number for each feature, `{"kind": "resample", "length": 40}`
with its settings; or of several, one after the other, `{"kind": "pipeline", "features": D, "steps": [record, ...]}`.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, ValidationError

if TYPE_CHECKING:
    from torch import Tensor

    InTorch = Callable[[Tensor, Tensor, Mapping[str, Any]], tuple[Tensor, Tensor]]

Array = npt.NDArray[np.float64]
Record = Mapping[str, Any]
Names = tuple[str, ...]
Learnt = tuple[dict[str, Any], tuple[str, ...]]
TOO_FAR = "is so far from the training values that it cannot be standardised in float32"


@runtime_checkable  # for the checks of a test run
class Graph(Protocol):
    """An ONNX graph that is being made; a value is known by its name."""

    def node(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Add a node of one output; its name."""

    def constant(self, name: str, array: npt.NDArray[Any]) -> str:
        """Add a constant; its name."""

    def inside(self, values: str, lengths: str) -> str:
        """Add which steps of `values` [batch, length, D] belong to a sequence, [batch, length, 1]; its name."""


class Settings(BaseModel):
    """What a spec may say of one transform: a field a key, with its description and examples."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Transform(ABC):
    """A way to change sequences [T, D]: their scale, their steps, their features. It holds its settings, and learns a record.

    A trained model is exported with its transform in it, so one has twins in torch and in ONNX: without that in torch nothing
    is exported, without that in ONNX `model.onnx` is left out.
    """

    kind: ClassVar[str]
    """How the record names it."""
    name: ClassVar[str]
    """How a spec names it: as the record, unless it says otherwise."""
    words: ClassVar[str]
    """A sentence for the model card and the spec's page."""
    settings_type: ClassVar[type[Settings]] = Settings
    """What a spec may say of it; the record keeps that."""
    numbers: ClassVar[tuple[str, ...]] = ()
    """Entries of the record that are a number a feature."""
    missing: ClassVar[Literal["refused", "kept", "filled"]] = "refused"
    """What becomes of NaN."""
    in_torch: InTorch | None = None
    """The twin: values [B, T, D] float64, lengths [B], the record with its `numbers` as tensors; to new values and lengths.

    Its text becomes a part of the exported `model.py`, so it uses nothing but its arguments and torch, which it imports. Behind
    a sequence's end may lie anything, NaN too; T may be a symbol, so new sizes follow from it by whole numbers.
    """

    def __init_subclass__(cls) -> None:
        if "kind" in cls.__dict__ and "name" not in cls.__dict__:
            cls.name = cls.kind

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = self.settings_type() if settings is None else settings

    @classmethod
    def of(cls, record: Record) -> Transform:
        """Make it with the settings that a record keeps. Raises ValueError where they are none."""
        given = {key: record[key] for key in cls.settings_type.model_fields if key in record}
        try:
            return cls(cls.settings_type.model_validate(given))
        except ValidationError as error:
            raise ValueError(f"`normalization`, {cls.kind}: {settings_fault(error)}") from None

    @abstractmethod
    def fit(self, train: Sequence[Array], names: Names) -> Learnt:
        """Learn from the training sequences what the record says besides kind and settings, and notes for the user.

        `train` may read and change each sequence anew whenever it is asked for: it is gone through, never held.
        `names` are those of the D features. Raises ValueError where the settings do not fit the data.
        """

    @abstractmethod
    def apply(self, sequence: Array, record: Record) -> Array:
        """Change one sequence, in float64: the same bits in training and in use."""

    def in_onnx(self, graph: Graph, record: Record, values: str, lengths: str) -> tuple[str, str]:
        """Add the twin to a graph of `values` [batch, length, D] and `lengths` [batch]; the names of the new ones."""
        raise NotImplementedError

    def lacks_onnx(self) -> str:
        """Say why there is no twin in ONNX; empty where there is one."""
        return "" if type(self).in_onnx is not Transform.in_onnx else f"`{self.kind}` has no twin in ONNX"

    @property
    def fills_missing(self) -> bool:
        """Whether NaN may go in, and none comes out."""
        return self.missing == "filled"

    @property
    def exportable(self) -> bool:
        """Whether a model with it can stand alone."""
        return self.in_torch is not None

    def features(self, names: Names, record: Record) -> Names:
        """Name the features that come out of those that go in; those that go in stay the first, where they stay."""
        return names

    def width(self, features: int, record: Record) -> int:
        """Count the features that come out."""
        return features

    def steps(self, record: Record) -> list[tuple[Transform, Record]]:
        """List what is done, one after the other."""
        return [(self, record)]

    def altered(self, sequence: Array, record: Record) -> int:
        """Count what is lost or made up in one sequence."""
        return 0

    def altered_note(self, sequences: int, altered: int) -> str:
        """Say what was `altered` in that many sequences, both above 0."""
        return f"{self.name} changes {altered:,} values in {sequences:,} sequences"

    def record(self, train: Sequence[Array], names: Names) -> tuple[dict[str, Any], tuple[str, ...]]:
        """Learn the whole record, and notes for the user."""
        found, notes = self.fit(train, names)
        return {"kind": self.kind, **self.settings.model_dump(exclude_none=True), **found}, notes

    def check(self, record: Record, features: int) -> None:
        """Raise ValueError where a record that somebody else wrote is none of this transform's."""
        for name in self.numbers:
            values = record.get(name)
            sound = isinstance(values, list) and all(type(each) in (int, float) for each in values)
            if not sound or not all(map(_finite, values or [])) or len(values or []) != features:
                raise ValueError(
                    f"`normalization.{name}` must be {features} finite numbers, one for each feature"
                )

    def describe(self, record: Record) -> str:
        """Say in sentences what is done."""
        return self.words

    def is_far(self, tokens: npt.NDArray[np.float32]) -> bool:
        """Tell whether a value at scale is like nothing in training, as far as the scale itself shows it."""
        return False

    def typical(self, record: Record, features: int, after: tuple[Array, Array]) -> tuple[Array, Array]:
        """Give mean and deviation [features] of numbers that go in, from those of the numbers that come `after` it.

        A model is tried with such numbers.
        """
        mean, deviation = after
        return mean[:features], deviation[:features]


def settings_fault(error: ValidationError) -> str:
    """Say in our words what pydantic found wrong with settings first."""
    fault = error.errors()[0]
    place = str(fault["loc"][0]) if fault["loc"] else ""
    words = fault["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    if fault["type"] == "missing":
        return f"`{place}` is missing"
    return f"`{place}` is {repr(fault['input'])[:70]}, but {words}" if place else words


def _finite(value: float | int) -> bool:
    return abs(value) <= sys.float_info.max  # an int may be larger


def fits_float32(sequence: Array) -> bool:
    """Whether no value leaves the range of float32."""
    return bool(np.abs(sequence).max() <= np.finfo(np.float32).max)
