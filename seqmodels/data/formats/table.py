"""Tables: a row a time step (CSV, TSV, Parquet, Feather, Arrow), or a row a sequence with lists (Parquet, Feather, Arrow)."""

from __future__ import annotations

import json
import posixpath
import re
import weakref
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import ClassVar

import numpy as np

from seqsweep.seqmodels.data.collection import Collection, merged
from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.files import Files
from seqsweep.seqmodels.data.formats.base import Format, Options, RawSequence
from seqsweep.seqmodels.data.formats.columns import LABEL, list_depth
from seqsweep.seqmodels.data.formats.joined import Joined, join
from seqsweep.seqmodels.data.formats.list_columns import gather_lists
from seqsweep.seqmodels.data.formats.long_table import gather_long
from seqsweep.seqmodels.data.formats.per_file import PART_NAMES, part_of_each
from seqsweep.seqmodels.data.formats.table_options import TableOptions
from seqsweep.seqmodels.data.formats.table_reading import (
    BINARY,
    HEAD,
    TEXT,
    OneTable,
    class_labels,
    give_back,
    kind_of,
    read_head,
    read_one,
)
from seqsweep.seqmodels.data.formats.table_roles import complete_roles
from seqsweep.seqmodels.data.transforms.standardize import STANDARDIZE

VALUES = "values"
"""What the column of numbers is called where nobody says otherwise."""
LOOKED_AT = 1 << 24  # bytes of a text by which a table is recognised
STATE = "state.json"
"""By which Hugging Face `save_to_disk` names the files of a data set."""


class Table(Format):
    """Files that are one table, or a table for each part; each feature is standardised by all training rows."""

    name = "table"
    endings: ClassVar[tuple[str, ...]] = (*TEXT, *BINARY)
    row = "the features of a time step, as the columns of a table"
    transforms = (STANDARDIZE,)
    options_type = TableOptions

    def __init__(self) -> None:
        self._last: tuple[weakref.ref[Files], list[OneTable]] | None = None

    def recognise(self, files: Files) -> str | None:
        """Look for Parquet, Feather or Arrow files; or for text with a header, columns that come to sequences and labels."""
        chosen = self.choose(files)
        if not chosen:
            return None
        if kind_of(files.peek(chosen[0], 16)):
            return f"{len(chosen):,} {'file' if len(chosen) == 1 else 'files'} of a table such as {chosen[0]}"
        in_parts = None not in parts_of(chosen).values()
        if len(chosen) > 1 and not in_parts and len({posixpath.dirname(inner) for inner in chosen}) > 1:
            return None  # folders are classes
        complete: TableOptions | None = None
        with suppress(DataError):  # no id has come again there, it may be
            complete = _glanced(files, chosen, HEAD)
        try:
            if complete is None or not LABEL.fullmatch(complete.label or ""):
                complete = _glanced(files, chosen, LOOKED_AT)
        except DataError:  # one file alone is nothing else, and what it lacks is told by `complete`
            lone = len(chosen) == 1 and _has_columns(files, chosen[0])
            return f"text in columns, {chosen[0]}" if lone else None
        if len(chosen) > 1 and not in_parts and not LABEL.fullmatch(complete.label or ""):
            return None
        return f"a table with a row a time step: `{complete.label}` is the label in {chosen[0]}"

    def complete(self, files: Files, options: Options) -> tuple[Options, tuple[str, ...]]:
        """Find out what each column is."""
        assert isinstance(options, TableOptions)
        joined = self._joined(files, self._of_first_part(files))
        complete, notes = complete_roles(
            joined, options, joined.files[0].where if len(joined.files) == 1 else files.root
        )
        return complete, notes

    def gather(self, files: Files, options: Options, classes: Sequence[str] | None = None) -> Collection:
        """Read every file; those of each part are one table."""
        assert isinstance(options, TableOptions)
        chosen = self._files(files)
        parts = parts_of(chosen)
        found: list[Collection] = []
        problems: list[Problem] = []
        for part in dict.fromkeys(parts.values()):
            try:
                one = self._collected(
                    self._joined(files, [each for each in chosen if parts[each] == part]), options
                )
            except DataError as error:
                problems += error.problems
                continue
            if part is not None:
                one = replace(one, ids=[f"{part}/{each}" for each in one.ids], parts=[part] * len(one))
            found.append(one)
        self._last = None
        give_back()
        if problems:
            raise DataError(problems)
        whole = merged(found)
        left = len(files.having(self.endings)) - len(chosen)
        notes = (f"{left:,} file(s) of other endings are left unread",) * (left > 0 and len(chosen) > 0)
        return replace(whole, notes=(*whole.notes, *notes))

    def parse(self, files: Files, inner: str, options: Options) -> Iterator[RawSequence]:
        """Read the sequences of a file, which need have no labels; without the column of their ids it is one sequence."""
        assert isinstance(options, TableOptions)
        joined = join([self.read_table(files, inner)], {})
        where = files.where(inner)
        there = joined.table.column_names
        features = options.features or []
        missing = [name for name in features if name not in there]
        if missing and all(name.isdigit() for name in features) and len(there) == len(features):
            joined = joined.renamed(features)  # no header, and no other columns
        elif missing and len(features) == 1 and VALUES in there:
            joined = joined.renamed([features[0] if name == VALUES else name for name in there])
        elif missing:
            named = ", ".join(f"`{name}`" for name in missing)
            raise DataError(
                [Problem(where, f"has no column {named}, which the model reads: it has {', '.join(there)}")]
            )
        there = joined.table.column_names
        known = options.model_copy(
            update={
                "sequence": options.sequence if all(key in there for key in options.keys) else None,
                "time": options.time if options.time in there else None,
                "group": None,
                "split": None,
                "cut": None,
            }
        )
        found = self._collected(joined, known, labelled=False)
        for identity, place, values in zip(found.ids, found.places, found.sequences, strict=True):
            name = identity if known.sequence is not None else place
            yield RawSequence(name, place, np.asarray(values, np.float64))

    def _collected(self, joined: Joined, options: TableOptions, *, labelled: bool = True) -> Collection:
        _check_columns(joined, options, labelled=labelled)
        first = joined.table.schema.field((options.features or [""])[0]).type
        gather = gather_lists if list_depth(first) > 0 else gather_long
        return gather(joined, options, labelled=labelled)

    def choose(self, files: Files) -> list[str]:
        """Name the files to read."""
        return _chosen(files, self.endings)

    def read_table(self, files: Files, inner: str) -> OneTable:
        """Read one file. Raises DataError."""
        return read_one(files, inner)

    def _files(self, files: Files) -> list[str]:
        if not (chosen := self.choose(files)):
            wanted = ", ".join(self.endings)
            raise DataError(
                [Problem(files.root, f"holds no files that end in {wanted}, as the format {self.name} has")]
            )
        return chosen

    def _of_first_part(self, files: Files) -> list[str]:
        chosen = self._files(files)
        parts = parts_of(chosen)
        first = "train" if "train" in parts.values() else parts[chosen[0]]
        return [each for each in chosen if parts[each] == first]

    def _joined(self, files: Files, chosen: Sequence[str]) -> Joined:
        """Read some files as one table; those read last are kept, for they are read twice: to look, and to gather."""
        problems: list[Problem] = []
        tables: list[OneTable] = []
        known = {each.inner: each for each in self._kept(files)}
        for inner in chosen:
            try:
                tables.append(known.get(inner) or self.read_table(files, inner))
            except DataError as error:
                problems += error.problems
        if problems:
            raise DataError(problems)
        self._last = (weakref.ref(files), tables)
        return join(tables, class_labels(files, tables[0]))

    def _kept(self, files: Files) -> list[OneTable]:
        return self._last[1] if self._last is not None and self._last[0]() is files else []


TABLE = Table()


def _check_columns(joined: Joined, options: TableOptions, *, labelled: bool) -> None:
    there = joined.table.column_names
    wanted = [
        *(options.features or []),
        *(key for key in options.keys if key != "file"),
        options.time,
        options.group,
        options.split,
    ]
    missing = [
        name
        for name in (*wanted, options.label if labelled else None)
        if name is not None and name not in there
    ]
    if missing:
        named = ", ".join(f"`{name}`" for name in missing)
        raise DataError(
            [
                Problem(each.where, f"has no column {named}: it has {', '.join(there)}")
                for each in joined.files[:1]
            ]
        )


def _glanced(files: Files, chosen: Sequence[str], most: int) -> TableOptions:
    """Find out what the columns are by so many bytes of the first files. Raises DataError where they do not tell."""
    heads = [read_head(files, inner, most) for inner in chosen[:2]]
    return complete_roles(join(heads, {}), TableOptions.model_validate({}), heads[0].where)[0]


def _has_columns(files: Files, inner: str) -> bool:
    try:
        table = read_head(files, inner).table
    except DataError:
        return False
    return table.num_columns > 1 and any(list_depth(field.type) == 0 for field in table.schema)


def _chosen(files: Files, endings: Sequence[str]) -> list[str]:
    """Name the files to read: of the first ending that is there, and those that Hugging Face's lists name."""
    if len(files.contents) == 1:
        return list(files.contents)  # named, so it is wanted
    binary = tuple(each for each in endings if each in BINARY)
    for kinds in (binary, *((each,) for each in endings if each not in BINARY)):
        found = files.having(kinds) if kinds else []
        listed = [inner for inner in found if _is_listed(files, inner)]
        if listed:
            return listed
    return []


def _is_listed(files: Files, inner: str) -> bool:
    state = posixpath.join(posixpath.dirname(inner), STATE)
    if state not in files.contents:
        return True
    try:
        about = json.loads(files.peek(state, 1 << 20))
        if about.get("_indices_data_files") or about.get("_indices_files"):
            rule = "says that rows are picked by an index: save the data set again after `dataset.flatten_indices()`"
            raise DataError([Problem(files.where(state), rule)])
        names = [each["filename"] for each in about["_data_files"]]
    except DataError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return True
    return posixpath.basename(inner) in names


def parts_of(chosen: Sequence[str]) -> dict[str, str | None]:
    """Read the part of each file off its folders, else off its name (`train.csv`, `test-00000-of-00002.parquet`)."""
    found = part_of_each(chosen)
    if None not in found.values():
        return found
    words = {
        inner: [
            PART_NAMES[word]
            for word in re.split(r"[^a-z]+", posixpath.basename(inner).lower())
            if word in PART_NAMES
        ]
        for inner in chosen
    }
    named = {inner: each[0] if len(each) == 1 else None for inner, each in words.items()}
    return dict.fromkeys(chosen) if None in named.values() or len(chosen) < 2 else named
