"""What a data format is: each is a file over this base, and a line in `registry`."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from seqsweep.seqmodels.data.collection import PARTS as COLLECTION_PARTS
from seqsweep.seqmodels.data.collection import Collection, merged
from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.files import Files, list_files
from seqsweep.seqmodels.data.transforms.base import Transform

PARTS = ("test", "train", "all")
Located = Path | Sequence[Path] | Mapping[str, Path]
"""One place; several that make one tree; or one for each part."""


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


class Options(BaseModel):
    """The keys of a data set's table that one format knows; what is None is found by looking."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


def check_name_pattern(pattern: str, otherwise: str = "") -> None:
    """Raise ValueError unless an option is a regular expression with one group, which finds a name.

    `otherwise` is said of what else it may be, such as `a variable or `.
    """
    rule = f"must be {otherwise}a regular expression"
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        raise ValueError(f"{rule}: {error}") from None
    if groups != 1:
        raise ValueError(f"{rule} with one group in parentheses, which is the name, but has {groups}")


class Format(ABC):
    """How a kind of data files is recognised, read and shown. All that is wrong in files becomes a DataError's problems."""

    name: ClassVar[str]
    """As a spec and `model.json` say it."""
    endings: ClassVar[tuple[str, ...]]
    """How its files' names end, in small letters, without the ending of a compression."""
    row: ClassVar[str]
    """What a row of numbers is, for the model card."""
    drawing: ClassVar[str] = "traces"
    """How the report draws a sequence: `ink` (of two features or with a pen), `image` or `traces`."""
    transforms: ClassVar[tuple[Transform, ...]]
    """What is done to its numbers where the spec does not say."""
    options_type: ClassVar[type[Options]] = Options
    """Further keys of a data set's table."""

    @abstractmethod
    def recognise(self, files: Files) -> str | None:
        """Say by what files show that they are of this format, as the end of `it is ...`; None where they are not.

        Each format is asked in the registry's order. It must be cheap: names, and the beginning of few files (`Files.peek`).
        """

    def complete(self, files: Files, options: Options) -> tuple[Options, tuple[str, ...]]:
        """Fill in by looking what the options leave open, with a note for each guess. Raises DataError where it cannot be told.

        A trained model keeps the completed options, and reads new files by them.
        """
        return options, ()

    @abstractmethod
    def gather(self, files: Files, options: Options, classes: Sequence[str] | None = None) -> Collection:
        """Read every labelled sequence; `options` are complete. Raises DataError with every problem of every file.

        Where `classes` are given, sequences of others may be left unread. What is passed over is counted in a note.
        """

    @abstractmethod
    def parse(self, files: Files, inner: str, options: Options) -> Iterator[RawSequence]:
        """Read what one file holds, labelled or not, for a trained model. Raises DataError."""

    def list(self, path: Path | Sequence[Path]) -> Files:
        """List what there is to read at a path, or at several that make one tree. Raises DataError."""
        return list_files(path, self.endings)

    def collect(
        self, path: Located, options: Options | None = None, classes: Sequence[str] | None = None
    ) -> tuple[Collection, Options]:
        """Read every labelled sequence of a data set, and the options by which it was read. Raises DataError.

        Where `path` has a place for each part, ids begin with the part.
        """
        options = self.options_type() if options is None else options
        if not isinstance(path, Mapping):
            files = self.list(path)
            complete, notes = self.complete(files, options)
            found = self.gather(files, complete, classes)
            return replace(found, notes=(*notes, *found.notes)), complete
        parts: list[Collection] = []
        problems: list[Problem] = []
        for part, place in path.items():
            files = self.list(place)
            options, notes = self.complete(files, options)  # the first part's are the others'
            try:
                found = self.gather(files, options, classes)
            except DataError as error:
                problems += error.problems
                continue
            ids = [f"{part}/{identity}" for identity in found.ids]
            parts.append(replace(found, ids=ids, parts=[part] * len(found), notes=(*notes, *found.notes)))
        if problems:
            raise DataError(problems)
        return merged(parts), options

    def read_labelled(self, path: Path, part: str = "test", options: Options | None = None) -> Collection:
        """Read the labelled sequences of one of `PARTS`, as they are written. Raises DataError.

        Unlike a data set for training it may have one part only, any classes, and too few sequences for a split. Ids are
        those of the data set that training reads there. Where the data say nothing of parts, all belong to any.
        """
        found, _ = self.collect(path, options)
        return of_part(found, part, str(path))


def of_part(found: Collection, part: str, path: str) -> Collection:
    """Take the sequences of one of `PARTS`; of data that say nothing of parts, all. Raises DataError where there are none."""
    chosen = [place for place, each in enumerate(found.parts) if part == "all" or each in (None, part)]
    if not chosen:
        there = ", ".join(each for each in COLLECTION_PARTS if each in found.parts)
        raise DataError(
            [Problem(path, f"has no sequences of the part `{part}`, only of {there}: name one by --part")]
        )
    return found.taken(chosen)
