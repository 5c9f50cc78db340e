"""A pair of `.ts` files, `<name>_TRAIN.ts` and `<name>_TEST.ts` (plain, .gz or .xz), as one data set."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from seqsweep.seqmodels.data.dataset import SequenceDataset
from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.files import ARCHIVES, Files, open_files
from seqsweep.seqmodels.data.formats.base import Format, LabelledSequence, RawSequence
from seqsweep.seqmodels.data.formats.folders import check_classes, without
from seqsweep.seqmodels.data.formats.ts_file import TsFile, parse, same_class
from seqsweep.seqmodels.data.notes import say
from seqsweep.seqmodels.data.numbers import quoted
from seqsweep.seqmodels.data.transforms.standardize import STANDARDIZE

PART = re.compile(r"(?P<stem>.*)_(?P<part>train|test)\.ts(\.gz|\.xz)?", re.IGNORECASE)


class Ts(Format):
    """A pair of files; each channel is standardised by all training frames."""

    name = "ts"
    ending = ".ts"
    row = "the values of all channels at one time, as in a `.ts` file"
    transform = STANDARDIZE
    takes_pair = True

    def read(
        self,
        path: Path | Mapping[str, Path] | Sequence[Path],
        *,
        name: str,
        classes: Sequence[str] | None = None,
        **options: Any,
    ) -> SequenceDataset:
        """Read a pair of files.

        `path` is the `_TRAIN` file (its `_TEST` sibling lies beside it), the two files' common beginning, a folder
        or tar archive that holds one pair, or {"train": path, "test": path}. Classes are in sorted order unless
        `classes` gives another (and perhaps fewer). Raises DataError with every problem of both files.
        """
        problems: list[Problem] = []
        parts: list[TsFile] = []
        for files, inner in locate(path):
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
        chosen = [
            (f"{kind}/{number}", row)
            for kind, part in (("train", train), ("test", test))
            for number, row in enumerate(part.rows, 1)
            if row.label in names
        ]
        is_test = [identity.startswith("test") for identity, _ in chosen]
        scaled, normalization, notes = self.transform.fit_apply(
            [row.values for _, row in chosen], is_test, name
        )
        return SequenceDataset.from_sequences(
            name,
            scaled,
            label=[names.index(row.label) for _, row in chosen],
            class_names=names,
            ids=[identity for identity, _ in chosen],
            is_test=is_test,
            normalization=normalization,
            notes=(*train.notes, *test.notes, *_unused(train, test), *notes),
        )

    def parse(self, files: Files, inner: str) -> Iterator[RawSequence]:
        """Read a sequence a line; what was passed over or filled in is said."""
        found = parse(files, inner, labelled=False)
        say(found.notes)
        for row in found.rows:
            where = f"{files.where(inner)}:{row.line}"
            yield RawSequence(where, where, row.values)

    def read_labelled(self, path: Path, part: str = "test") -> list[LabelledSequence]:
        """Read one file whole, or a pair as for training."""
        found: list[LabelledSequence] = []
        problems: list[Problem] = []
        for kind, (files, inner) in _labelled_files(path, part).items():
            try:
                read = parse(files, inner)
                say(read.notes)
                for number, row in enumerate(read.rows, 1):
                    where = f"{files.where(inner)}:{row.line}"
                    found.append(LabelledSequence(f"{kind}/{number}", where, row.values, row.label))
            except DataError as error:
                problems.extend(error.problems)
        if problems:
            raise DataError(problems)
        return found


TS = Ts()


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


def locate(path: Path | Mapping[str, Path] | Sequence[Path]) -> list[tuple[Files, str]]:
    """The training file and the test file, each in its listing. Raises DataError when there is no one pair."""
    if isinstance(path, Mapping):
        return [(_listed(path[part].parent, [path[part]]), path[part].name) for part in ("train", "test")]
    if not isinstance(path, Path) or path.is_dir() or path.name.lower().endswith(ARCHIVES):
        files, wanted = open_files(path, (".ts",)), None
    else:
        beside = sorted(path.parent.iterdir()) if path.parent.is_dir() else []
        files = _listed(path.parent, [file for file in beside if file.is_file()])
        given = PART.fullmatch(path.name)
        wanted = given["stem"] if given else path.name
    name = str(path) if isinstance(path, Path) else files.root
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
