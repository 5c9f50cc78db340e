"""A pair of `.ts` files, `<name>_TRAIN.ts` and `<name>_TEST.ts` (plain, .gz or .xz), as one data set."""

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


class Ts(Format):
    """A pair of files; each channel is standardised by all training frames."""

    name = "ts"
    endings = (".ts",)
    row = "the values of all channels at one time, as in a `.ts` file"
    transforms = (STANDARDIZE,)

    def recognise(self, files: Files) -> str | None:
        """Look for a file `..._TRAIN.ts` or `..._TEST.ts`."""
        found = next((inner for inner in sorted(files.contents) if PART.fullmatch(inner)), None)
        return None if found is None else f"a pair of `.ts` files, one of them {found}"

    def collect(
        self, path: Located, options: Options | None = None, classes: Sequence[str] | None = None
    ) -> tuple[Collection, Options]:
        """Read a pair of files.

        `path` is the `_TRAIN` file (its `_TEST` sibling lies beside it), the two files' common beginning, a folder
        or tar archive that holds one pair, or {"train": path, "test": path}. Raises DataError with every problem of both.
        """
        return self._read(locate(path), classes), options or self.options_type()

    def gather(self, files: Files, options: Options, classes: Sequence[str] | None = None) -> Collection:
        """Read the one pair in a listing."""
        return self._read(_pair(files, None, files.root), classes)

    def _read(self, pair: list[tuple[Files, str]], classes: Sequence[str] | None) -> Collection:
        problems: list[Problem] = []
        parts: list[TsFile] = []
        for files, inner in pair:
            try:
                parts.append(parse(files, inner))
            except DataError as error:
                problems.extend(error.problems)
        if problems:
            raise DataError(problems)
        train, test = parts[0], _respelled(parts[1], parts[0].classes)
        names = check_classes(classes, sorted({*train.classes, *test.classes}), train.where, problems)
        for kind, part in (("train", train), ("test", test)):
            present = {row.label for row in part.rows}
            for absent in [each for each in names if each not in present]:
                rule = f"class `{absent}` has no {kind} sequences: {without(absent, names)}"
                problems.append(Problem(part.where, rule))
        if test.channels != train.channels:
            rule = f"has {test.channels} channels, but the training file has {train.channels}"
            problems.append(Problem(test.where, rule))
        if problems:
            raise DataError(problems)
        found = merged([_collection(train, TRAIN), _collection(test, TEST)])
        found = found.taken([place for place, label in enumerate(found.labels) if label in names])
        return replace(found, notes=(*train.notes, *test.notes, *_unused(train, test)))

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
        for kind, (files, inner) in _labelled_files(path, part).items():
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


def _collection(file: TsFile, part: str) -> Collection:
    count = len(file.rows)
    return Collection(
        [row.values for row in file.rows],
        [row.label for row in file.rows],
        [f"{part}/{number}" for number in range(1, count + 1)],
        [f"{file.where}:{row.line}" for row in file.rows],
        [part] * count,
        notes=file.notes,
    )


def _labelled_files(path: Path, part: str) -> Mapping[str, tuple[Files, str]]:
    if path.is_file() and not path.name.lower().endswith(ARCHIVES):  # named, so it is wanted
        given = PART.fullmatch(path.name)
        kind = given["part"].lower() if given else "test"
        return {kind: (Files("", "", {str(path): path}, frozenset({""})), str(path))}
    pair = dict(zip(("train", "test"), locate(path), strict=True))
    return pair if part == "all" else {part: pair[part]}


def _unused(train: TsFile, test: TsFile) -> list[str]:
    """A note where a header lists classes that neither file has."""
    listed = ", ".join(
        quoted(each) for each in train.unused if same_class(each, (*train.classes, *test.classes)) is None
    )
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


def locate(path: Located) -> list[tuple[Files, str]]:
    """The training file and the test file, each in its listing. Raises DataError when there is no one pair."""
    if isinstance(path, Mapping):
        if set(path) != {TRAIN, TEST}:
            rule = f"`path` names {', '.join(path)}, but a pair of `.ts` files is `train` and `test`"
            raise DataError([Problem("data set", rule)])
        return [(_listed(path[part].parent, [path[part]]), path[part].name) for part in (TRAIN, TEST)]
    if not isinstance(path, Path) or path.is_dir() or path.name.lower().endswith(ARCHIVES):
        files, wanted = open_files(path, (".ts",)), None
    else:
        beside = sorted(path.parent.iterdir()) if path.parent.is_dir() else []
        files = _listed(path.parent, [file for file in beside if file.is_file()])
        given = PART.fullmatch(path.name)
        wanted = given["stem"] if given else path.name
    return _pair(files, wanted, str(path) if isinstance(path, Path) else files.root)


def _pair(files: Files, wanted: str | None, name: str) -> list[tuple[Files, str]]:
    """Find the one pair whose names begin with `wanted`, or the only one."""
    found: dict[str, dict[str, str]] = {}
    for inner in sorted(files.contents):
        match = PART.fullmatch(inner)
        if match and wanted in (None, match["stem"]):
            found.setdefault(match["stem"], {}).setdefault(match["part"].lower(), inner)
    if len(found) > 1:
        stems = ", ".join(files.where(stem) for stem in found)
        raise DataError([Problem(name, f"holds several data sets, name one of them: {stems}")])
    if not found:
        raise DataError([Problem(name, "no file ..._TRAIN.ts (or .ts.gz, .ts.xz) is found here")])
    [(stem, pair)] = found.items()
    for part in ("train", "test"):
        if part not in pair:
            rule = f"has no {part} file {stem}_{part.upper()}.ts (or .ts.gz, .ts.xz)"
            raise DataError([Problem(files.where(stem), rule)])
    return [(files, pair["train"]), (files, pair["test"])]


def _listed(folder: Path, paths: Sequence[Path]) -> Files:
    return Files(str(folder), "/", {path.name: path for path in paths}, frozenset({""}))
