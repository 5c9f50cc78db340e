"""MATLAB files, and HDF5 by the extra `matlab`: sequences in a cell array, a struct array, one array, or a file each."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice

from pydantic import Field, field_validator

from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.files import Files, decompress
from seqsweep.seqmodels.data.formats.base import Options, check_name_pattern
from seqsweep.seqmodels.data.formats.mat_layout import (
    by_path,
    cut,
    guess,
    guess_axis,
    guess_transposed,
    names_of,
    why_not,
)
from seqsweep.seqmodels.data.formats.mat_nodes import Column, MatError, Refused, Struct, columns
from seqsweep.seqmodels.data.formats.mat_v4 import byte_order, read_v4
from seqsweep.seqmodels.data.formats.mat_v5 import ORDERS, read_v5
from seqsweep.seqmodels.data.formats.per_file import PART_NAMES, PREFIX, Nameless, name_in
from seqsweep.seqmodels.data.formats.several import (
    PADDED,
    Entry,
    FileEntries,
    SeveralPerFile,
    unpadded_length,
)
from seqsweep.seqmodels.data.numbers import quoted
from seqsweep.seqmodels.data.transforms.standardize import STANDARDIZE

FILE_NAME = r"([^/]+?)\.[^./]+(?:\.(?:gz|xz|bz2))?$"
"""A file's name without its ending."""
HDF5 = b"\x89HDF\r\n\x1a\n"
HDF5_PLACES = (0, 512, 1024, 2048)  # MATLAB puts a header of its own before it
SHOWN = 8


class MatOptions(Options):
    """Which of the variables are the sequences and their classes, and how arrays lie."""

    variable: str | None = Field(
        None,
        description="the variable that holds the sequences, with the fields of structs behind dots; `{part}` in it stands for "
        "train, val or test",
        examples=['variable = "demos.pos"', 'variable = "mts.{part}"'],
    )
    label: int | str | None = Field(
        None,
        description="the variable that holds their classes, in the same way; or where a file's class is found: the number of "
        "a folder level (-1: the one the file lies in), or a regular expression with one group in parentheses, searched in "
        "its path",
        examples=['label = "labels"', "label = -1", r"label = '([^/]+)\.mat$'"],
    )
    group: int | str | None = Field(
        None,
        description="the variable that holds their speakers or writers, or where a file's is found, as with `label`",
        examples=['group = "subject"', r"group = '^s(\d+)_'"],
    )
    transposed: bool | None = Field(
        None, description="whether an array is channels by steps, [D, T]", examples=["transposed = true"]
    )
    axis: int | None = Field(
        None,
        ge=1,
        le=3,
        description="along which axis of one array the sequences lie: 1, 2 or 3",
        examples=["axis = 1"],
    )

    @field_validator("label", "group")
    @classmethod
    def _one_group(cls, value: int | str | None) -> int | str | None:
        if value == 0:
            raise ValueError("must be 1 or more, or -1 or less")
        if isinstance(value, str) and "(" in value:
            check_name_pattern(value, "a variable or ")
        return value


class Mat(SeveralPerFile):
    """Each channel is standardised by all training steps."""

    name = "mat"
    endings = (".mat", ".h5", ".hdf5")
    row = "the values of all channels at one time"
    transforms = (STANDARDIZE,)
    options_type = MatOptions

    def looks_right(self, files: Files, inner: str) -> bool:
        """Look for the header of a MAT file, or of HDF5."""
        return version(files.peek(inner)) is not None

    def described(self, files: Files, chosen: Sequence[str]) -> str:
        """End the sentence `it is ...`."""
        return f"{len(chosen):,} MATLAB or HDF5 file(s), such as {chosen[0]}"

    def complete(self, files: Files, options: Options) -> tuple[Options, tuple[str, ...]]:
        """Find by the first file which variables are meant, and how they lie."""
        assert isinstance(options, MatOptions)
        chosen = self.chosen(files)
        where = files.where(chosen[0])
        root = read_tree(files, chosen[0])
        notes: list[str] = []
        update: dict[str, object] = {}
        label = options.label
        if options.variable is None:
            best = guess(root)
            if best is None:
                raise DataError(
                    [Problem(where, f"has nothing that is sequences of numbers; {_listed(root)}")]
                )
            update["variable"] = best.variable
            more = f"; others are {', '.join(best.others[:SHOWN])}" if best.others else ""
            notes.append(f"no `variable` is given: sequences are in {best.variable}{more}")
            if label is None and best.label is not None:
                label = best.label
                notes.append(f"no `label` is given: classes are in {label}")
        variable = options.variable or str(update["variable"])
        try:
            parts = _columns(root, variable)
            if label is None:
                label, note = _file_label(files, chosen)
                notes.append(note)
            counts = {part: _count(root, label, part) for part in parts}
            part, column = next(iter(parts.items()))
            axis = options.axis or guess_axis(column, counts[part], root.axis)
            arrays = [each for other in parts.values() for each in cut(other, axis)]
        except MatError as error:
            raise DataError([Problem(where, str(error))]) from None
        if axis is not None and options.axis is None:
            notes.append(f"no `axis` is given: a sequence is a slice of axis {axis} of {variable}")
        if options.transposed is None:
            transposed = guess_transposed(arrays)
            if transposed is None:
                rule = f"{variable} has arrays that differ in both sizes: say by `transposed` whether they are channels by steps"
                raise DataError([Problem(where, rule)])
            update["transposed"] = transposed
            shape = "x".join(map(str, arrays[0].shape))
            kind = "channels by steps" if transposed else "steps by channels"
            notes.append(f"no `transposed` is given: an array, such as the first of {shape}, is {kind}")
        return options.model_copy(update={**update, "label": label, "axis": axis}), tuple(notes)

    def groups_asked(self, options: Options) -> bool:
        """Tell whether entries have groups."""
        assert isinstance(options, MatOptions)
        return options.group is not None

    def read_file(self, files: Files, inner: str, options: Options, *, labelled: bool) -> FileEntries:
        """Take the sequences out of one file."""
        assert isinstance(options, MatOptions)
        root = read_tree(files, inner)
        counts: Counter[str] = Counter()
        try:
            entries = _entries(root, inner, options, labelled, counts)
        except (MatError, Nameless) as error:
            raise DataError([Problem(files.where(inner), str(error))]) from None
        return FileEntries(entries, (), counts)


MAT = Mat()


def version(begin: bytes) -> str | None:
    """Tell by its beginning (4 kB) what a file is: `hdf5`, `5`, `4`, or None. A header's text may say otherwise."""
    if any(begin[place : place + 8] == HDF5 for place in HDF5_PLACES):
        return "hdf5"
    if begin[126:128] in ORDERS and begin.startswith(b"MATLAB"):
        return "5"
    return "4" if byte_order(begin) else None


def read_tree(files: Files, inner: str) -> Struct:
    """Read all that a file holds. Raises DataError."""
    where = files.where(inner)
    content = decompress(inner, files.read(inner), where)
    try:
        match version(content[:4096]):
            case "hdf5":
                from seqsweep.seqmodels.data.formats.mat_hdf5 import read_hdf5

                return read_hdf5(content)
            case "5":
                return read_v5(content)
            case "4":
                return read_v4(content)
        raise MatError("is no MAT file: it has neither the header of one nor that of HDF5")
    except MatError as error:
        raise DataError([Problem(where, str(error))]) from None


def _entries(
    root: Struct, inner: str, options: MatOptions, labelled: bool, counts: Counter[str]
) -> list[Entry]:
    found = []
    of_file = {
        key: name_in(inner, rule, key)
        for key, rule in (("label", options.label), ("group", options.group))
        if labelled and rule is not None and not _is_variable(rule)
    }
    for part, column in _columns(root, options.variable or "").items():
        arrays = cut(column, options.axis)
        names = {
            key: _names(root, str(rule), part, len(arrays), key)
            for key, rule in (("label", options.label), ("group", options.group))
            if labelled and _is_variable(rule)
        }
        for place, array in enumerate(arrays):
            values = array.T if options.transposed else array
            length = len(values) if options.axis is None else unpadded_length(values)
            counts[PADDED] += length < len(values)
            found.append(
                Entry(
                    values[:length],
                    f"{part}/{place + 1}" if part else str(place + 1),
                    f":{column.path}({place + 1})",
                    names["label"][place] if "label" in names else of_file.get("label"),
                    names["group"][place] if "group" in names else of_file.get("group"),
                    part,
                )
            )
    return found


def _columns(root: Struct, variable: str) -> Mapping[str | None, Column]:
    found = by_path(root).get(variable)
    if found is None:
        raise MatError(f"has no {quoted(variable)}; {_listed(root)}")
    for column in found.values():
        if fault := why_not(column):
            raise MatError(f"{column.path} {fault}")
    return found


def _names(root: Struct, path: str, part: str | None, count: int, key: str) -> list[str]:
    column = by_path(root).get(path, {}).get(part)
    if column is None:
        raise MatError(f"has no {quoted(path)}, which `{key}` names; {_listed(root)}")
    names = names_of(column)
    if names is None and any(isinstance(each, Refused) for each in column.nodes):
        raise MatError(f"{column.path} {why_not(column)}, as which `{key}` is not read")
    if names is None:
        raise MatError(
            f"{column.path} must be texts or whole numbers, one for each sequence, as `{key}` names it"
        )
    if len(names) != count:
        raise MatError(f"{column.path} has {len(names):,} values, but there are {count:,} sequences")
    if wrong := next((place for place, each in enumerate(names, 1) if not each), None):
        raise MatError(f"{column.path}({wrong}) is empty, but must name a {key}")
    return names


def _count(root: Struct, label: int | str | None, part: str | None) -> int | None:
    if not _is_variable(label):
        return None
    column = by_path(root).get(str(label), {}).get(part)
    names = None if column is None else names_of(column)
    return None if names is None else len(names)


def _is_variable(label: int | str | None) -> bool:
    return isinstance(label, str) and "(" not in label


def _file_label(files: Files, chosen: Sequence[str]) -> tuple[int | str, str]:
    """Find the class of each file: its folder, or its name."""
    folders = {posixpath.basename(posixpath.dirname(inner)) for inner in chosen}
    if len(folders) > 1 and "" not in folders and not all(each.lower() in PART_NAMES for each in folders):
        return -1, "no `label` is given: the class of a file is its folder (`label = -1`)"
    above = {posixpath.basename(posixpath.dirname(posixpath.dirname(inner))) for inner in chosen}
    if len(above) > 1 and "" not in above:
        return -2, "no `label` is given: the class of a file is the folder above its own (`label = -2`)"
    begins = Counter(match[1] for inner in chosen if (match := re.search(PREFIX, inner)))
    if begins.total() == len(chosen) and 2 <= len(begins) <= len(chosen) // 2:
        return (
            PREFIX,
            f"no `label` is given: the class of a file is how its name begins (`label = '{PREFIX}'`)",
        )
    if len(chosen) < 2:
        rule = "has no classes: say by `label` which variable holds them, or put files into a folder for each class"
        raise DataError([Problem(files.where(chosen[0]), rule)])
    return FILE_NAME, f"no `label` is given: the class of a file is its name (`label = '{FILE_NAME}'`)"


def _listed(root: Struct) -> str:
    shown = [
        f"{column.path} ({fault})" if (fault := why_not(column)) else column.path
        for column in islice(columns(root), SHOWN + 1)
    ]
    return f"it holds {', '.join(shown[:SHOWN]) or 'nothing'}{', ...' if len(shown) > SHOWN else ''}"
