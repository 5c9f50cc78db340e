"""Formats of one sequence a file: class, part and group of each are read off its folders, its name, or what it says itself."""

from __future__ import annotations

import posixpath
import re
from abc import abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from pydantic import Field, field_validator

from seqsweep.seqmodels.data.collection import TEST, TRAIN, VALIDATION, Collection, Values
from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.files import Files
from seqsweep.seqmodels.data.formats.base import Format, Options, RawSequence, check_name_pattern

PART_NAMES = {
    "train": TRAIN,
    "training": TRAIN,
    "val": VALIDATION,
    "valid": VALIDATION,
    "validation": VALIDATION,
    "eval": TEST,
    "test": TEST,
    "testing": TEST,
    "dev": VALIDATION,  # where there is no test folder: TEST
}
PREFIX = r"^(?:.*/)?([^/_\-. ]+)[_\-. ][^/]*$"
"""A file name's first word: the class of `yes_0a7c.wav`."""
OWN = "file"


@dataclass(frozen=True, eq=False)
class FileContent:
    """What one file holds: `values` [T, D]; the class that it names itself, if any."""

    values: Values
    label: str | None = None
    features: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()  # without the file's name, so that equal ones are counted
    group: str | None = None  # the writer or speaker that it names itself, if any


class PerFileOptions(Options):
    """Where the class and the group of each file are found."""

    label: int | str | None = Field(
        None,
        description="where a file's class is found: `file` (the file says it), the number of a folder level (1: below the "
        "data set's folder, -1: the one the file lies in), or a regular expression with one group, searched in its path",
        examples=["label = -1", "label = '^([a-z]+)_'"],
    )
    group: int | str | None = Field(
        None,
        description="where a file's speaker or writer is found: `file` (the file says it), the number of a folder level, or "
        "a regular expression with one group, searched in its path",
        examples=["group = '^[a-z]+_([^_]+)_'"],
    )

    @field_validator("label", "group")
    @classmethod
    def _one_group(cls, value: int | str | None) -> int | str | None:
        if value == 0:
            raise ValueError("must be 1 or more, or -1 or less")
        if isinstance(value, str) and value != OWN:
            check_name_pattern(value, f"`{OWN}` or ")
        return value


class PerFile(Format):
    """A format that says how one file is recognised and read."""

    options_type: ClassVar[type[Options]] = PerFileOptions

    @abstractmethod
    def looks_right(self, files: Files, inner: str) -> bool:
        """Tell by its name and its beginning (`files.peek`) whether a file is of this format."""

    @abstractmethod
    def read_one(self, files: Files, inner: str, options: Options) -> FileContent:
        """Read one file. Raises DataError with every problem in it."""

    def described(self, files: Files, chosen: Sequence[str]) -> str:
        """Say by what such files were recognised, as the end of `it is ...`."""
        return f"{len(chosen):,} file(s) such as {chosen[0]}"

    def recognise(self, files: Files) -> str | None:
        """Look at the first files that have the ending."""
        chosen = files.having(self.endings)
        if not chosen or not all(self.looks_right(files, inner) for inner in _some(chosen)):
            return None
        return self.described(files, chosen)

    def chosen(self, files: Files) -> list[str]:
        """Name the files to read. Raises DataError where there are none."""
        found = files.having(self.endings)
        if not found:
            wanted = ", ".join(self.endings)
            raise DataError(
                [Problem(files.root, f"holds no files that end in {wanted}, as the format {self.name} has")]
            )
        return found

    def complete(self, files: Files, options: Options) -> tuple[Options, tuple[str, ...]]:
        """Find out where labels are: in folders by class, in the files, or at the beginning of their names."""
        assert isinstance(options, PerFileOptions)
        if options.label is not None:
            return options, ()
        chosen = self.chosen(files)
        level, folders = _class_level(chosen)
        if level is not None:
            return options.model_copy(update={"label": level}), (
                f"no `label` is given: the class of a file is its folder, one of {_shown(folders)} (`label = {level}`)",
            )
        if self._says_label(files, chosen, options):
            return options.model_copy(update={"label": OWN}), (
                'no `label` is given: the files say their class themselves (`label = "file"`)',
            )
        prefixes = Counter(match[1] for inner in chosen if (match := re.search(PREFIX, inner)))
        if prefixes.total() == len(chosen) and 2 <= len(prefixes) <= len(chosen) // 2:
            return options.model_copy(update={"label": PREFIX}), (
                f"no `label` is given: the class of a file is how its name begins, one of {_shown(list(prefixes))} "
                f"(`label = '{PREFIX}'`)",
            )
        todo = (
            "put them into a folder for each class, or say by `label` where it is found: a folder level, or a regular "
            "expression with one group"
        )
        raise DataError(
            [Problem(files.root, f"does not show which class its {len(chosen):,} file(s) have: {todo}")]
        )

    def _says_label(self, files: Files, chosen: Sequence[str], options: Options) -> bool:
        try:
            return all(self.read_one(files, inner, options).label is not None for inner in _some(chosen))
        except DataError:
            return False

    def gather(self, files: Files, options: Options, classes: Sequence[str] | None = None) -> Collection:
        """Read every file; one that cannot be read, or has no class, is a problem."""
        assert isinstance(options, PerFileOptions)
        chosen = self.chosen(files)
        parts = part_of_each(chosen)
        problems: list[Problem] = []
        contents: list[FileContent] = []
        labels: list[str] = []
        groups: list[str] = []
        kept: list[str] = []
        for inner in chosen:
            try:
                label = None if options.label == OWN else name_in(inner, options.label, "label")
                if classes is not None and label is not None and label not in classes:
                    continue
                group = None if options.group in (None, OWN) else name_in(inner, options.group, "group")
                content = self.read_one(files, inner, options)
            except Nameless as error:
                problems.append(Problem(files.where(inner), str(error)))
                continue
            except DataError as error:
                problems += error.problems
                continue
            if options.group == OWN and (group := content.group) is None:
                rule = 'does not say whose it is, which `group = "file"` asks for'
                problems.append(Problem(files.where(inner), rule))
                continue
            label = content.label if label is None else label
            if label is None:
                problems.append(
                    Problem(files.where(inner), 'does not say its class, which `label = "file"` asks for')
                )
                continue
            contents.append(content)
            labels.append(label)
            groups.append(group or "")
            kept.append(inner)
        if problems:
            raise DataError(problems)
        features = Counter(content.features for content in contents)
        return Collection(
            [content.values for content in contents],
            labels,
            _ids(kept),
            [files.where(inner) for inner in kept],
            [parts[inner] for inner in kept],
            None if options.group is None else groups,
            next(iter(features)) if len(features) == 1 else (),
            _counted(contents),
        )

    def parse(self, files: Files, inner: str, options: Options) -> Iterator[RawSequence]:
        """Read the one sequence of a file."""
        where = files.where(inner)
        content = self.read_one(files, inner, options)
        yield RawSequence(where, where, np.asarray(content.values, np.float64))


class Nameless(ValueError):
    """A path does not show a name; the message says why."""


def name_in(inner: str, rule: int | str | None, what: str) -> str:
    """Read a name off a path: of the folder at a level, or what a regular expression's group finds. Raises Nameless."""
    if isinstance(rule, int):
        folders = posixpath.dirname(inner).split("/")
        place = rule - 1 if rule > 0 else rule
        if folders == [""] or not -len(folders) <= place < len(folders):
            raise Nameless(
                f"lies in {len(folders) if folders != [''] else 0} folder(s), so `{what} = {rule}` names none"
            )
        return folders[place]
    found = re.search(rule or "", inner)
    if found is None or not found[1]:
        raise Nameless(f"its path {inner} has nothing that `{what}` = '{rule}' finds")
    return found[1]


def part_of_each(chosen: Sequence[str]) -> dict[str, str | None]:
    """Read the part of each file off its folders' names (train, val, test, ...); None where no folder says."""
    names = {inner: [each.lower() for each in posixpath.dirname(inner).split("/")] for inner in chosen}
    there = {each for folders in names.values() for each in folders}
    meaning = dict(PART_NAMES)
    if not any(PART_NAMES.get(each) == TEST for each in there):
        meaning["dev"] = TEST
    # a class may be called `test`, and then not every file lies in a folder that names a part
    found = {
        inner: next((meaning[each] for each in folders if each in meaning), None)
        for inner, folders in names.items()
    }
    if None in found.values() or set(found.values()) == {VALIDATION}:
        return dict.fromkeys(chosen)
    return found


def _class_level(chosen: Sequence[str]) -> tuple[int | None, list[str]]:
    """Find the level of folders, innermost first, that has classes: at least two names, which are no parts."""
    depths = {inner.count("/") for inner in chosen}
    parts = part_of_each(chosen)
    for level in range(-1, -min(depths) - 1, -1):
        names = sorted({posixpath.dirname(inner).split("/")[level] for inner in chosen})
        are_parts = None not in parts.values() and all(each.lower() in PART_NAMES for each in names)
        # a folder a sequence, as recordings have, is no class
        if not are_parts and 2 <= len(names) <= max(2, len(chosen) // 2):
            return level, names
    return None, []


def _ids(chosen: Sequence[str]) -> list[str]:
    """Paths below the folder that holds all, so that an id is the same whatever that is called."""
    shared = posixpath.commonpath([posixpath.dirname(inner) for inner in chosen]) if chosen else ""
    # a class's or a part's folder belongs to the id even where all lie in it
    return [inner[len(shared) :].lstrip("/") for inner in chosen]


def _counted(contents: Sequence[FileContent]) -> tuple[str, ...]:
    counts = Counter(note for content in contents for note in content.notes)
    return tuple(f"{note} ({count:,} of {len(contents):,} files)" for note, count in counts.items())


def _some(chosen: Sequence[str], count: int = 5) -> list[str]:
    """The first, the last, and some between."""
    if len(chosen) <= count:
        return list(chosen)
    return [chosen[place * (len(chosen) - 1) // (count - 1)] for place in range(count)]


def _shown(names: Sequence[str]) -> str:
    return ", ".join([*names[:5], *(["..."] if len(names) > 5 else [])])
