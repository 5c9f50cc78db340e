"""Formats of one file a sequence, in folders by class and part: `<root>/<class>/{train,test}/FILE`."""

from __future__ import annotations

import posixpath
from abc import abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from seqsweep.seqmodels.data.collection import TEST, TRAIN, Collection
from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.files import Files, open_files
from seqsweep.seqmodels.data.formats.base import Format, Options, RawSequence
from seqsweep.seqmodels.data.formats.folders import (
    TEST_NAMES,
    Layout,
    Sample,
    find_samples,
    parse_samples,
)
from seqsweep.seqmodels.data.transforms.base import Array

LOOKED_AT = 5  # files of a data set that is to be recognised


class ClassFolders(Format):
    """A format that says what its folders are called and how one file is read."""

    layout: ClassVar[Layout]

    @abstractmethod
    def parse_file(self, files: Files, inner: str) -> Array:
        """Read one file, [T, D], as written. Raises DataError."""

    def groups(
        self, files: Files, samples: Sequence[Sample], problems: list[Problem], options: Options
    ) -> list[str] | None:
        """Find each sample's speaker or writer, where the format's options ask for it; what is wrong goes to `problems`."""
        return None

    def recognise(self, files: Files) -> str | None:
        """Look for the ending of its files, two folders deep, and into some of them: others have the ending, too."""
        [ending] = self.endings
        found = [name for name in files.having(self.endings) if name.count("/") >= 2 and _place(name)[2]]
        if any(self._can_be_read(files, name) for name in found[:: max(1, len(found) // LOOKED_AT)]):
            return (
                f"a folder for each class with `{ending}` files in folders for its parts, such as {found[0]}"
            )
        return None

    def _can_be_read(self, files: Files, inner: str) -> bool:
        try:
            self.parse_file(files, inner)
        except DataError:
            return False
        return True

    def gather(self, files: Files, options: Options, classes: Sequence[str] | None = None) -> Collection:
        """Read what lies in the layout; the number of columns that most files have is the rule for the others."""
        problems: list[Problem] = []
        names, samples = find_samples(files, self.layout, classes, problems)
        groups = self.groups(files, samples, problems, options)
        sequences = parse_samples(samples, lambda inner: self.parse_file(files, inner), problems)
        columns = Counter(sequence.shape[1] for sequence in sequences.values()).most_common(1)
        for inner, sequence in sequences.items():
            if sequence.shape[1] != columns[0][0]:
                rule = f"has {sequence.shape[1]} columns, but the other files have {columns[0][0]}"
                problems.append(Problem(files.where(inner), rule))
        if problems:
            raise DataError(problems)
        return Collection(
            list(sequences.values()),
            [names[sample.label] for sample in samples],
            [sample.id for sample in samples],
            [files.where(sample.name) for sample in samples],
            [TEST if sample.is_test else TRAIN for sample in samples],
            groups,
        )

    def parse(self, files: Files, inner: str, options: Options) -> Iterator[RawSequence]:
        """Read the one sequence of a file."""
        where = files.where(inner)
        yield RawSequence(where, where, self.parse_file(files, inner))

    def read_labelled(self, path: Path, part: str = "test", options: Options | None = None) -> Collection:
        """Read `<class>/{train,test}/FILE`, as for training, or `<class>/FILE`, which all belong to any part."""
        files = open_files(path, self.endings)
        [ending] = self.endings
        names = [name for name in sorted(files.contents) if name.lower().endswith(ending)]
        places = {name: _place(name) for name in names}
        if any(split for _, _, split in places.values()):
            places = {name: place for name, place in places.items() if place[2]}
        roots = {root for root, _, _ in places.values()}
        # a file beside the classes' folders, such as a list of names, is none of the data
        places = {name: place for name, place in places.items() if posixpath.dirname(name) not in roots}
        roots = {root for root, _, _ in places.values()}
        if len(roots) > 1:
            listed = ", ".join(map(files.where, sorted(roots)))
            raise DataError([Problem(str(path), f"holds several data sets, name one of them: {listed}")])
        chosen = {
            name: label for name, (_, label, split) in places.items() if split in ("", part) or part == "all"
        }
        if not chosen:
            wanted = f"no files <class>/FILE or <class>/{'test' if part == 'all' else part}/FILE that end in {ending}"
            raise DataError([Problem(str(path), f"holds {wanted}; the model reads {self.name}")])
        if "" in chosen.values():
            raise DataError(
                [Problem(str(path), "holds files, but no folders of classes: name the folder above it")]
            )
        [root] = roots
        sequences: list[Array] = []
        problems: list[Problem] = []
        for name in chosen:
            try:
                sequences.append(self.parse_file(files, name))
            except DataError as error:
                problems.extend(error.problems)
        if problems:
            raise DataError(problems)
        return Collection(
            sequences,
            list(chosen.values()),
            [name[len(root) :].lstrip("/") for name in chosen],
            [files.where(name) for name in chosen],
            [places[name][2] or None for name in chosen],
        )


def _place(name: str) -> tuple[str, str, str]:
    """Root, class and part ("" where there is none) of a file."""
    folder = posixpath.dirname(name)
    split = posixpath.basename(folder).lower()
    split = "test" if split in TEST_NAMES else split if split == "train" else ""
    if split:
        folder = posixpath.dirname(folder)
    return posixpath.dirname(folder), posixpath.basename(folder), split
