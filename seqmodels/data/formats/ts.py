"""A pair of `.ts` files, `<name>_TRAIN.ts` and `<name>_TEST.ts` (plain, .gz or .xz), or one file, as a data set."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from seqsweep.seqmodels.data.collection import TEST, TRAIN, Collection, merged
from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.files import ARCHIVES, Files, open_files
from seqsweep.seqmodels.data.formats.base import Format, Located, Options, RawSequence
from seqsweep.seqmodels.data.formats.folders import check_classes, without
from seqsweep.seqmodels.data.formats.ts_file import TsFile, parse, same_class
from seqsweep.seqmodels.data.notes import say
from seqsweep.seqmodels.data.numbers import quoted
from seqsweep.seqmodels.data.transforms.standardize import STANDARDIZE

PART = re.compile(r"(?P<stem>.*)_(?P<part>train|test)\.ts(\.gz|\.xz)?", re.IGNORECASE)
ANY = re.compile(r"(?P<stem>.*)\.ts(\.gz|\.xz)?", re.IGNORECASE)
HEADER = re.compile(
    rb"^[ \t]*@(problemname|timestamps|univariate|equallength|classlabel|data)\b",
    re.IGNORECASE | re.MULTILINE,
)
PEEKED = 65536  # some have a hundred lines of comments first
Part = tuple[str | None, Files, str]
"""A file in its listing, with the part that its name says."""


class Ts(Format):
    """A pair of files; each channel is standardised by all training frames."""

    name = "ts"
    endings = (".ts",)
    row = "the values of all channels at one time, as in a `.ts` file"
    transforms = (STANDARDIZE,)

    def recognise(self, files: Files) -> str | None:
        """Look for a file `..._TRAIN.ts` or `..._TEST.ts`, or one that has a header (others call other things `.ts`)."""
        for inner in sorted(files.contents):
            if PART.fullmatch(inner) or (ANY.fullmatch(inner) and HEADER.search(files.peek(inner, PEEKED))):
                return f"one or a pair of `.ts` files, such as {inner}"
        return None

    def collect(
        self, path: Located, options: Options | None = None, classes: Sequence[str] | None = None
    ) -> tuple[Collection, Options]:
        """Read a pair of files, or one.

        `path` is the `_TRAIN` file (its `_TEST` sibling lies beside it), the two files' common beginning, a file by itself, a
        folder or tar archive that holds one pair or one file, or {"train": path, "test": path}. Raises DataError with every
        problem of both.
        """
        return self._read(locate(path), classes), options or self.options_type()

    def gather(self, files: Files, options: Options, classes: Sequence[str] | None = None) -> Collection:
        """Read the one pair or file in a listing."""
        return self._read(_parts(files, None, files.root), classes)

    def _read(self, located: Sequence[Part], classes: Sequence[str] | None) -> Collection:
        problems: list[Problem] = []
        parts: list[tuple[str | None, TsFile]] = []
        for kind, files, inner in located:
            try:
                parts.append((kind, parse(files, inner)))
            except DataError as error:
                problems.extend(error.problems)
        if problems:
            raise DataError(problems)
        first = parts[0][1]
        parts = [(kind, each if each is first else _respelled(each, first.classes)) for kind, each in parts]
        known = {label for _, each in parts for label in each.classes}
        names = check_classes(classes, sorted(known), first.where, problems)
        for kind, part in parts:
            present = {row.label for row in part.rows}
            for absent in [each for each in names if each not in present]:
                rule = f"class `{absent}` has no {kind} sequences: {without(absent, names)}"
                problems.append(Problem(part.where, rule))
            if part.channels != first.channels:
                rule = f"has {part.channels} channels, but the training file has {first.channels}"
                problems.append(Problem(part.where, rule))
        if problems:
            raise DataError(problems)
        found = merged([_collection(part, kind) for kind, part in parts])
        found = found.taken([place for place, label in enumerate(found.labels) if label in names])
        notes = tuple(note for _, part in parts for note in part.notes)
        if len(parts) == 1 and parts[0][0] is not None:
            other = TEST if parts[0][0] == TRAIN else TRAIN
            notes += (f"{first.where} has no {other} file beside it, so its sequences are all there are",)
        return replace(found, notes=(*notes, *_unused([part for _, part in parts])))

    def parse(self, files: Files, inner: str, options: Options) -> Iterator[RawSequence]:
        """Read a sequence a line; what was passed over or filled in is said."""
        found = parse(files, inner, labelled=False)
        say(found.notes)
        for row in found.rows:
            where = f"{files.where(inner)}:{row.line}"
            yield RawSequence(where, where, row.values)

    def read_labelled(self, path: Path, part: str = "test", options: Options | None = None) -> Collection:
        """Read one file whole, or a pair as for training."""
        found: list[Collection] = []
        problems: list[Problem] = []
        for kind, files, inner in _labelled_files(path, part):
            try:
                read = parse(files, inner)
                say(read.notes)
                found.append(_collection(read, kind))
            except DataError as error:
                problems.extend(error.problems)
        if problems:
            raise DataError(problems)
        return merged(found)


TS = Ts()


def _collection(file: TsFile, part: str | None) -> Collection:
    count = len(file.rows)
    return Collection(
        [row.values for row in file.rows],
        [row.label for row in file.rows],
        [f"{part}/{number}" if part else str(number) for number in range(1, count + 1)],
        [f"{file.where}:{row.line}" for row in file.rows],
        [part] * count,
        notes=file.notes,
    )


def _labelled_files(path: Path, part: str) -> list[Part]:
    if path.is_file() and not path.name.lower().endswith(ARCHIVES):  # named, so it is wanted
        given = PART.fullmatch(path.name)
        kind = given["part"].lower() if given else None
        return [(kind, Files("", "", {str(path): path}, frozenset({""})), str(path))]
    there = locate(path)
    chosen = [each for each in there if part == "all" or each[0] in (None, part)]
    if not chosen:
        rule = f"has no {part} file, only one for {there[0][0]}: name it by --part"
        raise DataError([Problem(str(path), rule)])
    return chosen


def _unused(parts: Sequence[TsFile]) -> list[str]:
    """A note where a header lists classes that no file has."""
    there = [label for part in parts for label in part.classes]
    unused = dict.fromkeys(each for part in parts[:1] for each in part.unused)
    listed = ", ".join(quoted(each) for each in unused if same_class(each, there) is None)
    return [
        f"`@classLabel` lists classes of which there is no sequence, and they are left out: {listed}"
    ] * bool(listed)


def _respelled(test: TsFile, known: tuple[str, ...]) -> TsFile:
    """The test file with its labels spelled as the training file spells them."""
    means = {label: same_class(label, known) or label for label in test.classes}
    notes = [
        f"the test file's label {quoted(label)} is taken for the class {quoted(name)} of the training file"
        for label, name in means.items()
        if name != label
    ]
    return replace(
        test,
        classes=tuple(dict.fromkeys(means.values())),
        rows=[replace(row, label=means[row.label]) for row in test.rows],
        notes=(*test.notes, *notes),
    )


def locate(path: Located) -> list[Part]:
    """Find the training file and the test file, or the only one, each in its listing. Raises DataError."""
    if isinstance(path, Mapping):
        if set(path) != {TRAIN, TEST}:
            rule = f"`path` names {', '.join(path)}, but a pair of `.ts` files is `train` and `test`"
            raise DataError([Problem("data set", rule)])
        return [(part, _listed(path[part].parent, [path[part]]), path[part].name) for part in (TRAIN, TEST)]
    if not isinstance(path, Path) or path.is_dir() or path.name.lower().endswith(ARCHIVES):
        files, wanted = open_files(path, (".ts",)), None
    else:
        beside = sorted(path.parent.iterdir()) if path.parent.is_dir() else []
        files = _listed(path.parent, [file for file in beside if file.is_file()])
        given = PART.fullmatch(path.name) or ANY.fullmatch(path.name)
        wanted = given["stem"] if given else path.name
    return _parts(files, wanted, str(path) if isinstance(path, Path) else files.root)


def _parts(files: Files, wanted: str | None, name: str) -> list[Part]:
    """Find the one pair, or the one file, whose names begin with `wanted`, or the only one."""
    found: dict[str, dict[str | None, str]] = {}
    for inner in sorted(files.contents):
        match = PART.fullmatch(inner) or ANY.fullmatch(inner)
        if match and wanted in (None, match["stem"]):
            part = match["part"].lower() if match.re is PART else None
            found.setdefault(match["stem"], {}).setdefault(part, inner)
    if len(found) > 1:
        stems = ", ".join(files.where(stem) for stem in found)
        raise DataError([Problem(name, f"holds several data sets, name one of them: {stems}")])
    if not found:
        rule = "no file ..._TRAIN.ts, or else one .ts (or .ts.gz, .ts.xz), is found here"
        raise DataError([Problem(name, rule)])
    [parts] = found.values()
    if len(parts) > 1:
        parts.pop(None, None)  # a file that holds both parts beside them
    return [(part, files, parts[part]) for part in (TRAIN, TEST, None) if part in parts]


def _listed(folder: Path, paths: Sequence[Path]) -> Files:
    return Files(str(folder), "/", {path.name: path for path in paths}, frozenset({""}))
