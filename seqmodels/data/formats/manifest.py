"""A table of files: a CSV with `path, label, group, split`, a row a sequence, over files of any format with one sequence each.

Paths are relative to the table. None may lead out of its folder, for a table comes from anybody; `outside = true` allows it,
and absolute paths too.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any, ClassVar

import numpy as np
from pydantic import Field, ValidationError

from seqsweep.seqmodels.data.collection import Collection, Values
from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.files import ARCHIVES, Files, list_files
from seqsweep.seqmodels.data.formats.base import Format, Options, RawSequence
from seqsweep.seqmodels.data.formats.class_folders import ClassFolders
from seqsweep.seqmodels.data.formats.columns import GROUP, LABEL, SPLIT, is_split, texts_of
from seqsweep.seqmodels.data.formats.per_file import OWN, PART_NAMES, PerFile, PerFileOptions
from seqsweep.seqmodels.data.formats.table_reading import OneTable, read_head
from seqsweep.seqmodels.data.formats.table_reading import read_one as read_table
from seqsweep.seqmodels.data.transforms.standardize import STANDARDIZE

TABLES = (".csv", ".tsv")
FILE = re.compile(
    r"(file|audio|wav|clip|recording|image|sound)?[_ ]?(path|file|name|filename|filepath|uri)s?",
    re.IGNORECASE,
)
LOOKED_AT = 5  # files by which their format is told


class ManifestOptions(Options):
    """Which column is what, and how the files are read."""

    file: str | None = Field(None, description="the column with the paths", examples=['file = "path"'])
    label: str | None = Field(None, description="the column with the class", examples=['label = "label"'])
    group: str | None = Field(
        None, description="the column with the speaker, writer or person", examples=['group = "speaker"']
    )
    split: str | None = Field(
        None, description="the column with the part: train, validation or test", examples=['split = "split"']
    )
    of: str | None = Field(None, description="the format of the files", examples=['of = "audio"'])
    options: dict[str, Any] | None = Field(
        None, description="the keys of that format", examples=["options = {sample_rate = 16000}"]
    )
    outside: bool | None = Field(
        None,
        description="true: paths may be absolute, and lead out of the table's folder",
        examples=["outside = true"],
    )


def _names_a_file(files: Files) -> bool:
    """Tell whether one of the first rows of the only file has the path of a file that is there."""
    [inner] = files.contents
    path = files.path(inner)
    if path is None or not inner.lower().endswith(TABLES):
        return False
    lines = files.peek(inner, 1 << 14).decode("utf-8", "replace").splitlines()[:3]
    cells = [cell.strip(" \"'") for line in lines for cell in re.split("[,;\t]", line)]
    try:
        return any(cell and not cell.isdigit() and (path.parent / cell).is_file() for cell in cells[:1000])
    except (OSError, ValueError):  # too long a name, or a NUL
        return False


@dataclass(frozen=True, eq=False)
class Listed:
    """A table, and the files below its folder."""

    table: OneTable
    files: Files
    folder: str  # of the table, below the root

    def column(self, name: str) -> list[str]:
        """Give a column as texts, empty where there is none."""
        return texts_of(self.table.table.column(name)).cells()

    @property
    def names(self) -> list[str]:
        """Name the columns."""
        return list(self.table.table.column_names)


class Manifest(Format):
    """Files of one format, as a table lists them."""

    name = "manifest"
    row = "a time step of a file, as its own format has it"
    transforms = (STANDARDIZE,)
    options_type = ManifestOptions

    def __init__(self, formats: Sequence[Format]) -> None:
        self._formats = [each for each in formats if isinstance(each, PerFile | ClassFolders)]
        own = dict.fromkeys(ending for each in self._formats for ending in each.endings if ending)
        type(self).endings = (*TABLES, *(each for each in own if each not in TABLES))

    endings: ClassVar[tuple[str, ...]] = TABLES

    def recognise(self, files: Files) -> str | None:
        """Look for a table at the top with a column of which the first cells are files that are there."""
        if len(files.contents) == 1 and not _names_a_file(files):  # before all that lies around it is listed
            return None
        try:
            listed = self._listed(files, read_head)
            name = _file_column(listed)
        except DataError:
            return None
        return None if name is None else f"a list of files: `{name}` in {listed.table.inner}"

    def list(self, path: Path | Sequence[Path]) -> Files:
        """List the folder that a table lies in."""
        if isinstance(path, Path) and path.is_file() and not path.name.lower().endswith(ARCHIVES):
            files = list_files(path.parent)
            others = [each for each in files.contents if "/" not in each and each.lower().endswith(TABLES)]
            kept = {inner: content for inner, content in files.contents.items() if inner not in others}
            kept[path.name] = path
            return replace(files, contents=kept)
        return list_files(path, self.endings)

    def complete(self, files: Files, options: Options) -> tuple[Options, tuple[str, ...]]:
        """Find out which column is what, of which format the files are, and what that leaves open."""
        assert isinstance(options, ManifestOptions)
        listed = self._listed(files)
        guessed: dict[str, Any] = {}
        if options.file is None:
            if (name := _file_column(listed)) is None:
                rule = f"does not show which column has paths: say it by `file`; its columns are {', '.join(listed.names)}"
                raise DataError([Problem(listed.table.where, rule)])
            guessed["file"] = name
        for role, pattern in (("label", LABEL), ("split", SPLIT), ("group", GROUP)):
            free = [
                name
                for name in listed.names
                if name not in (*options.model_dump().values(), *guessed.values())
            ]
            found = [name for name in free if pattern.fullmatch(name)]
            found = [name for name in found if role != "split" or is_split(listed.table.table.column(name))]
            if getattr(options, role) is None and found:
                guessed[role] = found[0]
        complete = options.model_copy(update=guessed)
        if complete.label is None:
            rule = f"does not show which column has classes: say it by `label`; its columns are {', '.join(listed.names)}"
            raise DataError([Problem(listed.table.where, rule)])
        _check_columns(listed, complete)
        notes = [f"no `{role}` is given: it is `{value}`" for role, value in guessed.items()]
        some, chosen = _resolved(listed, complete)
        form = self._form(some, chosen, complete, listed.table.where)
        if complete.of is None:
            notes.append(f"no `of` is given: the files are {form.name}")
        inner, more = self._inner(form, some, chosen, complete)
        kept = inner.model_dump(exclude_none=True, mode="json")
        return complete.model_copy(update={"of": form.name, "options": kept}), (*notes, *more)

    def gather(self, files: Files, options: Options, classes: Sequence[str] | None = None) -> Collection:
        """Read each file that is listed; all that are not there are named."""
        assert isinstance(options, ManifestOptions)
        listed = self._listed(files)
        _check_columns(listed, options)
        some, chosen = _resolved(listed, options)
        form, inner = self._named(options, listed.table.where)
        roles = {role: getattr(options, role) for role in ("label", "group", "split")}
        columns = {role: listed.column(name) for role, name in roles.items() if name is not None}
        problems: list[Problem] = []
        sequences: list[Values] = []
        features: set[tuple[str, ...]] = set()
        for row, name in enumerate(chosen):
            place = listed.table.place(row)
            for role in columns:
                text = columns[role][row]
                if not text:
                    problems.append(Problem(place, f"has nothing in `{roles[role]}`, but must have a {role}"))
                elif role == "split" and text.lower() not in PART_NAMES:
                    rule = (
                        f"has `{text}` in `{roles[role]}`, but a split must be one of {', '.join(PART_NAMES)}"
                    )
                    problems.append(Problem(place, rule))
            try:
                values, names = _read(form, some, name, inner)
                sequences.append(values)
                features.add(names)
            except DataError as error:
                problems += error.problems
        if problems:
            raise DataError(problems)
        splits = columns.get("split")
        return Collection(
            sequences,
            columns["label"],
            chosen,
            [some.where(name) for name in chosen],
            [None] * len(chosen) if splits is None else [PART_NAMES[each.lower()] for each in splits],
            columns.get("group"),
            features.pop() if len(features) == 1 else (),
            (*listed.table.notes, *_unlisted(listed, chosen, form)),
        )

    def parse(self, files: Files, inner: str, options: Options) -> Iterator[RawSequence]:
        """Read one file as those that were listed; or all that a table lists, which needs no classes."""
        assert isinstance(options, ManifestOptions)
        form, known = self._named(options, files.where(inner))
        path = files.path(inner)
        if inner.lower().endswith(TABLES) and path is not None and options.file is not None:
            listed = self._listed(self.list(path))
            if options.file in listed.names:
                some, chosen = _resolved(listed, options)
                for name in chosen:
                    yield from form.parse(some, name, known)
                return
        yield from form.parse(files, inner, known)

    def _listed(self, files: Files, read: Callable[[Files, str], OneTable] = read_table) -> Listed:
        """Read the one table at the top. Raises DataError where there is none, or several."""
        tops = [inner for inner in sorted(files.contents) if inner.lower().endswith(TABLES)]
        depth = min((inner.count("/") for inner in tops), default=0)
        tops = [inner for inner in tops if inner.count("/") == depth]
        if len(tops) != 1:
            rule = f"must have one table of files at its top, but has {', '.join(tops[:5]) or 'none'}"
            raise DataError([Problem(files.root, rule)])
        path = files.path(tops[0])
        if len(files.contents) == 1 and path is not None:  # named, and the files lie around it
            files = self.list(path)
            tops = [path.name]
        table = read(files, tops[0])
        return Listed(table, files, posixpath.dirname(tops[0]))

    def _form(self, files: Files, chosen: Sequence[str], options: ManifestOptions, where: str) -> Format:
        if options.of is not None:
            return self._named(options.model_copy(update={"options": {}}), where)[0]
        some = [
            chosen[place] for place in np.linspace(0, len(chosen) - 1, min(LOOKED_AT, len(chosen)), dtype=int)
        ]
        for form in self._formats:
            ends_so = all(inner.lower().endswith(form.endings) for inner in some)
            # one of them may be damaged, which reading it tells
            if ends_so and 2 * sum(_fits(form, files, inner) for inner in some) > len(some):
                return form
        rule = (
            f"lists files such as {some[0]}, which are in no format with one sequence a file: say it by `of`"
        )
        raise DataError([Problem(where, rule)])

    def _named(self, options: ManifestOptions, where: str) -> tuple[Format, Options]:
        form = next((each for each in self._formats if each.name == options.of), None)
        if form is None:
            known = ", ".join(each.name for each in self._formats)
            raise DataError([Problem(where, f"`of` is `{options.of}`, but must be one of {known}")])
        return form, _validated(form, options.options or {}, where)

    def _inner(
        self, form: Format, files: Files, chosen: Sequence[str], options: ManifestOptions
    ) -> tuple[Options, tuple[str, ...]]:
        """Complete the options of the files' own format, which need not ask for labels."""
        given = dict(options.options or {})
        if issubclass(form.options_type, PerFileOptions):
            given["label"] = OWN
        listed = replace(files, contents={inner: files.contents[inner] for inner in chosen})
        return form.complete(listed, _validated(form, given, files.root))


def _fits(form: Format, files: Files, inner: str) -> bool:
    if isinstance(form, PerFile):
        return form.looks_right(files, inner)
    try:
        return len([*form.parse(files, inner, form.options_type())]) == 1
    except DataError:
        return False


def _validated(form: Format, given: Mapping[str, Any], where: str) -> Options:
    try:
        return form.options_type.model_validate_json(_json(given))
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
        raise DataError([Problem(where, f"`options` for {form.name}: {'; '.join(faults)}")]) from None


def _json(given: Mapping[str, Any]) -> str:
    import json

    return json.dumps(dict(given))


def _read(form: Format, files: Files, inner: str, options: Options) -> tuple[Values, tuple[str, ...]]:
    if isinstance(form, PerFile):
        content = form.read_one(files, inner, options)
        return content.values, content.features
    [one] = form.parse(files, inner, options)
    return one.values, ()


def _check_columns(listed: Listed, options: ManifestOptions) -> None:
    wanted = [options.file, options.label, options.group, options.split]
    missing = [name for name in wanted if name is not None and name not in listed.names]
    if missing:
        named = ", ".join(f"`{name}`" for name in missing)
        raise DataError(
            [Problem(listed.table.where, f"has no column {named}: it has {', '.join(listed.names)}")]
        )


def _file_column(listed: Listed) -> str | None:
    """Find the column of which the first cells are files; one that is called so comes first."""
    names = sorted(listed.names, key=lambda name: FILE.fullmatch(name) is None)
    for name in names:
        kind = str(listed.table.table.schema.field(name).type)
        if kind not in ("string", "large_string"):
            continue
        some = [str(each) for each in listed.table.table.column(name)[:LOOKED_AT].to_pylist()]
        if some and all(_is_there(listed, each) for each in some):
            return name
    return None


def _is_there(listed: Listed, path: str) -> bool:
    inner = _inner_name(listed, path)
    return inner in listed.files.contents or (inner is None and os.path.isabs(path) and os.path.isfile(path))


def _inner_name(listed: Listed, path: str) -> str | None:
    """Give the name of a file below the root; None where the path is absolute, or leads out of the folder."""
    if PurePosixPath(path).is_absolute() or PureWindowsPath(path).drive or not path.strip():
        return None
    plain = path if path in listed.files.contents else path.replace("\\", "/")
    inner = posixpath.normpath(posixpath.join(listed.folder, plain))
    return None if inner == ".." or inner.startswith("../") else inner


def _resolved(listed: Listed, options: ManifestOptions) -> tuple[Files, list[str]]:
    """Find the file of each row. Raises DataError with all that are not there, and that lead out of the folder."""
    files, chosen = dict(listed.files.contents), []
    places = dict(listed.files.places)
    problems: list[Problem] = []
    first: dict[str, int] = {}
    for row, path in enumerate(listed.column(options.file or "")):
        inner = _inner_name(listed, path)
        if not path:
            fault = f"has nothing in `{options.file}`, but must have a path"
        elif inner is None and not options.outside:
            fault = (
                f"names `{path}`, but paths must be relative and may not lead out of the table's folder: put the table beside "
                "its files, or say `outside = true` where you trust it"
            )
        else:
            if inner is None:
                root = Path(listed.table.where).parent
                inner = os.path.normpath(root / path)
                files[inner] = Path(inner)
                places[inner] = inner
                there = Path(inner).is_file()
            else:
                there = inner in files
            fault = "" if there else f"names `{path}`, which is not there"
            if not fault and first.setdefault(inner, row) != row:
                fault = f"names `{path}`, as {listed.table.place(first[inner])} does"
        if fault:
            problems.append(Problem(listed.table.place(row), fault))
        else:
            chosen.append(inner or "")
    if problems:
        raise DataError(problems)
    return replace(listed.files, contents=files, places=places), chosen


def _unlisted(listed: Listed, chosen: Sequence[str], form: Format) -> tuple[str, ...]:
    endings = {posixpath.splitext(inner)[1].lower() for inner in chosen} & set(form.endings)
    more = [
        each
        for each in listed.files.having(tuple(endings))
        if each not in set(chosen) and each != listed.table.inner
    ]
    return (
        (f"{len(more):,} file(s) such as {more[0]} are not in the table, and are left unread",)
        if more
        else ()
    )
