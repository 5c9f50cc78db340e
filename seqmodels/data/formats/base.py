"""What a data format is: each is a file over this base, and a line in `registry`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from seqsweep.seqmodels.data.dataset import SequenceDataset
from seqsweep.seqmodels.data.files import Files
from seqsweep.seqmodels.data.transforms.base import Transform

PARTS = ("test", "train", "all")


@dataclass(frozen=True, eq=False)
class RawSequence:
    """A sequence as it was written: `values` [T, D]. `where` names it in errors."""

    id: str
    where: str
    values: npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LabelledSequence(RawSequence):
    """One whose class is known."""

    label: str


class Format(ABC):
    """How a kind of data files is recognised, read and shown. All that is wrong in files becomes a DataError's problems."""

    name: ClassVar[str]
    """As a spec and `model.json` say it."""
    ending: ClassVar[str]
    """Of its files' names, in small letters, without that of a compression."""
    row: ClassVar[str]
    """What a row of numbers is, for the model card."""
    drawing: ClassVar[str] = "traces"
    """How the report draws a sequence: `ink` (of two features), `image` or `traces`."""
    transform: ClassVar[Transform]
    """What is done to its numbers."""
    takes_pair: ClassVar[bool] = False
    """Whether `path` may be a table of `train` and `test`."""
    options: ClassVar[Mapping[str, Callable[[object], str | None]]] = {}
    """Further keys of a data set's table, and for each what is wrong with a value, or None."""

    @abstractmethod
    def read(
        self, path: Any, *, name: str, classes: Sequence[str] | None = None, **options: Any
    ) -> SequenceDataset:
        """Read a data set to train on, brought to scale. `path`: one, a list that makes one tree, or a pair. Raises DataError."""

    @abstractmethod
    def parse(self, files: Files, inner: str) -> Iterator[RawSequence]:
        """Read what one file holds, labelled or not, for a trained model. Raises DataError."""

    @abstractmethod
    def read_labelled(self, path: Path, part: str = "test") -> list[LabelledSequence]:
        """Read the labelled sequences of one of `PARTS`, as they are written. Raises DataError.

        Unlike a data set for training it may have one part only, any classes, and too few sequences for a split. Ids are
        those of the data set that training reads there.
        """
