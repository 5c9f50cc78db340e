"""Formats of several sequences a file: each says how one file is read; parts are read off folders' and files' names."""

from __future__ import annotations

import posixpath
import re
from abc import abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from seqsweep.seqmodels.data.collection import TEST, TRAIN, Collection
from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.files import PACKED, Files
from seqsweep.seqmodels.data.formats.base import Format, Options, RawSequence
from seqsweep.seqmodels.data.formats.per_file import PART_NAMES, part_of_each
from seqsweep.seqmodels.data.notes import say

NAMED_PART = re.compile(rf"(?P<stem>(?:.*[/_\-. ])?)(?P<part>{'|'.join(PART_NAMES)})", re.IGNORECASE)
LEADING_PART = re.compile(rf"(?P<part>{'|'.join(PART_NAMES)})[_\-. ].*", re.IGNORECASE)
PART_ENDINGS = {".tra": TRAIN, ".tes": TEST, ".train": TRAIN, ".test": TEST}
LOOKED_AT = 5
PADDED = "{} sequence(s) end in missing values, which are taken for padding and cut off"


@dataclass(frozen=True, eq=False)
class Entry:
    """One sequence of a file: `id` and `place` are what tells it from the file's others; no `label` where none is there."""

    values: npt.NDArray[Any]  # [T, D]
    id: str
    place: str
    label: str | None = None
    group: str | None = None
    part: str | None = None  # where the file says it itself


@dataclass(frozen=True, eq=False)
class FileEntries:
    """What one file holds. `counts`: sentences with `{}` for a number, which is summed over all files."""

    entries: Sequence[Entry]
    features: tuple[str, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)


class SeveralPerFile(Format):
    """A format that says how one file is recognised and read."""

    unlabelled = "has no class"
    """What is said of a sequence without one."""

    @abstractmethod
    def looks_right(self, files: Files, inner: str) -> bool:
        """Tell by its name and its beginning (`files.peek`) whether a file is of this format."""

    @abstractmethod
    def read_file(self, files: Files, inner: str, options: Options, *, labelled: bool) -> FileEntries:
        """Read one file; where `labelled`, what has no class may be left out. Raises DataError with every problem in it."""

    def described(self, files: Files, chosen: Sequence[str]) -> str:
        """End the sentence `it is ...`."""
        return f"{len(chosen):,} file(s) such as {chosen[0]}"

    def recognise(self, files: Files) -> str | None:
        """Look at the first files that have the ending."""
        found = files.having(self.endings)[:LOOKED_AT]
        if not found or not all(self.looks_right(files, inner) for inner in found):
            return None
        return self.described(files, self.chosen(files))

    def chosen(self, files: Files) -> list[str]:
        """Name the files to read. Raises DataError where there are none."""
        found = files.having(self.endings)
        if not found:
            wanted = ", ".join(self.endings)
            rule = f"holds no files that end in {wanted}, as the format {self.name} has"
            raise DataError([Problem(files.root, rule)])
        return found

    def groups_asked(self, options: Options) -> bool:
        """Tell whether entries have groups."""
        return getattr(options, "group", None) is not None

    def gather(self, files: Files, options: Options, classes: Sequence[str] | None = None) -> Collection:
        """Read every file; a sequence without a class is a problem."""
        chosen = self.chosen(files)
        parts = parts_of(chosen)
        shared = posixpath.commonpath([posixpath.dirname(inner) for inner in chosen])
        problems: list[Problem] = []
        found: list[tuple[str, Entry]] = []
        total = 0
        features: set[tuple[str, ...]] = set()
        counts: Counter[str] = Counter()
        for inner in chosen:
            try:
                content = self.read_file(files, inner, options, labelled=True)
            except DataError as error:
                problems += error.problems
                continue
            features.add(content.features)
            counts.update(content.counts)
            total += len(content.entries)
            for entry in content.entries:
                if entry.label is None:
                    problems.append(Problem(files.where(inner) + entry.place, self.unlabelled))
                elif classes is None or entry.label in classes:
                    found.append((inner, entry))
        if not total and not problems:
            rule = "; ".join(["holds no sequences with a class", *_said(counts)])
            problems.append(Problem(files.root, rule))
        if problems:
            raise DataError(problems)
        return Collection(
            [entry.values for _, entry in found],
            [entry.label or "" for _, entry in found],
            [f"{inner[len(shared) :].lstrip('/')}/{entry.id}" for inner, entry in found],
            [files.where(inner) + entry.place for inner, entry in found],
            [entry.part or parts[inner] for inner, entry in found],
            [entry.group or "" for _, entry in found] if self.groups_asked(options) else None,
            next(iter(features)) if len(features) == 1 else (),
            _said(counts),
        )

    def parse(self, files: Files, inner: str, options: Options) -> Iterator[RawSequence]:
        """Read the sequences of a file, labelled or not; what was passed over is said."""
        content = self.read_file(files, inner, options, labelled=False)
        say(_said(content.counts))
        for entry in content.entries:
            where = files.where(inner) + entry.place
            yield RawSequence(where, where, np.asarray(entry.values, np.float64))


def parts_of(chosen: Sequence[str]) -> dict[str, str | None]:
    """Read the part of each file off its folders' names or else its own (X_TRAIN, test, ...); None where none says."""
    found = part_of_each(chosen)
    if None not in found.values():
        return found
    own = {inner: part_in_name(inner) for inner in chosen}
    return found if None in own.values() else own


def part_in_name(inner: str) -> str | None:
    """Read a part off the end of a file's name: `X_TRAIN.arff`, `test.mat`, `digits.tra`, or off its beginning: `Train_X.txt`."""
    stem, ending = posixpath.splitext(unpacked(inner))
    if ending.lower() in PART_ENDINGS:
        return PART_ENDINGS[ending.lower()]
    match = NAMED_PART.fullmatch(stem) or LEADING_PART.fullmatch(posixpath.basename(stem))
    return PART_NAMES[match["part"].lower()] if match else None


def unpadded_length(values: npt.NDArray[Any]) -> int:
    """Count the steps without those at the end in which all is missing; at least 1."""
    if not len(values) or not np.isnan(values[-1]).all():
        return len(values)
    there = np.flatnonzero(~np.isnan(values).all(1))
    return int(there[-1]) + 1 if len(there) else 1


def unpacked(inner: str) -> str:
    """Take the ending of a compression off a name."""
    return posixpath.splitext(inner)[0] if inner.lower().endswith(PACKED) else inner


def _said(counts: Mapping[str, int]) -> tuple[str, ...]:
    return tuple(sentence.format(f"{count:,}") for sentence, count in counts.items() if count)
