"""ARFF of the UCR and UEA archives: a row is a sequence, with an attribute a step, or a relation of all its channels."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
from pydantic import Field

from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.files import Files
from seqsweep.seqmodels.data.formats.arff_file import (
    NOMINAL,
    RELATIONAL,
    ArffFile,
    Attribute,
    read_header,
    split_row,
    split_rows,
)
from seqsweep.seqmodels.data.formats.base import Options
from seqsweep.seqmodels.data.formats.delimited import as_floats
from seqsweep.seqmodels.data.formats.several import (
    NAMED_PART,
    PADDED,
    Entry,
    FileEntries,
    SeveralPerFile,
    unpacked,
    unpadded_length,
)
from seqsweep.seqmodels.data.formats.ts_file import values_or_missing
from seqsweep.seqmodels.data.numbers import NumberError, quoted
from seqsweep.seqmodels.data.transforms.standardize import STANDARDIZE

DIMENSION = re.compile(r"(?P<stem>.*?)_?Dimension_?\d+", re.IGNORECASE)
TARGETS = ("target", "class", "label", "classification")
MISSING = "?"


class ArffOptions(Options):
    """Which attribute is the class, and what a relation's rows are."""

    target: str | None = Field(
        None, description="the nominal attribute that is the class", examples=['target = "target"']
    )
    transposed: bool = Field(
        False,
        description="a row of a relation is a step, and its attributes are channels (else a row is a channel, as in the UEA "
        "archive)",
        examples=["transposed = true"],
    )


class Arff(SeveralPerFile):
    """A file, or several whose names end in their parts; each channel is standardised by all training steps."""

    name = "arff"
    endings = (".arff",)
    row = "the values of all channels at one time"
    transforms = (STANDARDIZE,)
    options_type = ArffOptions
    unlabelled = "has no class (`?`)"

    def looks_right(self, files: Files, inner: str) -> bool:
        """Trust the ending, which nobody else has, where the file begins with text."""
        return b"\0" not in files.peek(inner, 256)

    def described(self, files: Files, chosen: Sequence[str]) -> str:
        """End the sentence `it is ...`."""
        return f"{len(chosen):,} ARFF file(s), such as {chosen[0]}"

    def chosen(self, files: Files) -> list[str]:
        """Name the files of the one data set. Raises DataError where there are several, or none."""
        stems: dict[str, list[str]] = {}
        for inner in super().chosen(files):
            stem = posixpath.splitext(unpacked(inner))[0]
            match = NAMED_PART.fullmatch(stem)
            stems.setdefault(match["stem"].rstrip("_-. ") if match else stem, []).append(inner)
        # the UEA archive has each channel in a file of its own too
        single = {stem for stem in stems if (each := DIMENSION.fullmatch(stem)) and each["stem"] in stems}
        whole = {stem: chosen for stem, chosen in stems.items() if stem not in single}
        if len(whole) > 1:
            names = ", ".join(files.where(stem) for stem in sorted(whole)[:10])
            raise DataError([Problem(files.root, f"holds several data sets, name one of them: {names}")])
        return next(iter(whole.values()))

    def complete(self, files: Files, options: Options) -> tuple[Options, tuple[str, ...]]:
        """Find the attribute that is the class."""
        assert isinstance(options, ArffOptions)
        if options.target is not None:
            return options, ()
        inner = self.chosen(files)[0]
        attributes = read_header(files, inner).attributes
        nominal = [each.name for each in attributes if each.kind == NOMINAL]
        named = [each for each in nominal if each.lower() in TARGETS]
        found = named[:1] or nominal[-1:]
        if not found:
            rule = "has no nominal attribute, such as `@attribute target {1,2}`, to be the class"
            raise DataError([Problem(files.where(inner), rule)])
        note = f"no `target` is given: the class is the attribute {found[0]}"
        return options.model_copy(update={"target": found[0]}), (note,) * (len(nominal) > 1)

    def read_file(self, files: Files, inner: str, options: Options, *, labelled: bool) -> FileEntries:
        """Read a row a sequence."""
        assert isinstance(options, ArffOptions)
        where = files.where(inner)
        file = read_header(files, inner)
        try:
            target, columns, relation = _columns(file, options.target, labelled)
        except NumberError as fault:
            raise DataError([Problem(where, str(fault))]) from None
        counts: Counter[str] = Counter({f"{posixpath.basename(inner)}: {note}": 1 for note in file.notes})
        if relation is None and (quick := _quickly(file, target)) is not None:
            return FileEntries(list(_cut(*quick, file.lines, counts)), (), counts)
        split_rows(file, where)
        problems: list[Problem] = []
        entries: list[Entry] = []
        for number, (line, words) in enumerate(file.rows, 1):
            try:
                if relation is not None:
                    values = _relation(words[columns[0]], relation, options.transposed)
                else:
                    values = np.array(values_or_missing([words[each] for each in columns]))[:, None]
                label = None if target is None else _label(words[target], file.attributes[target])
            except NumberError as fault:
                problems.append(Problem(f"{where}:{line}", str(fault)))
                continue
            length = unpadded_length(values)
            counts[PADDED] += length < len(values)
            entries.append(Entry(values[:length], str(number), f":{line}", label))
        if problems:
            raise DataError(problems)
        return FileEntries(entries, (), counts)


ARFF = Arff()


def _columns(
    file: ArffFile, wanted: str | None, labelled: bool
) -> tuple[int | None, list[int], Attribute | None]:
    """Tell which attributes are the class and the values, and the relation where they are one. Raises NumberError."""
    found = [place for place, each in enumerate(file.attributes) if each.name == wanted]
    if labelled and not found:
        names = ", ".join(each.name for each in file.attributes if each.kind == NOMINAL) or "none"
        raise NumberError(f"has no attribute {quoted(wanted or '')} to be the class; nominal are: {names}")
    target = found[0] if found else None
    rest = [place for place in range(len(file.attributes)) if place != target]
    relations = [file.attributes[place] for place in rest if file.attributes[place].kind == RELATIONAL]
    if len(relations) > 1 or (relations and len(rest) > 1):
        raise NumberError("has a relational attribute beside others, but must have one and the class")
    inner = relations[0].inner if relations else [file.attributes[place] for place in rest]
    wrong = [each for each in inner if each.kind != "numeric"]
    if wrong or not inner:
        what = f"{quoted(wrong[0].name)} is {wrong[0].kind}" if wrong else "there is none"
        raise NumberError(f"but for the class all attributes must be numeric, a step each, but {what}")
    return target, rest, relations[0] if relations else None


def _quickly(file: ArffFile, target: int | None) -> tuple[npt.NDArray[np.float64], list[str | None]] | None:
    """Read rows of numbers [S, T] and classes all at once; None where they are not so simple, or something is wrong."""
    text = "\n".join(line for _, line in file.lines)
    if any(letter in text for letter in "'\"{\t\r"):
        return None
    import pyarrow as pa
    from pyarrow import csv

    places = [place for place in range(len(file.attributes)) if place != target]
    kinds = {str(place): pa.float64() for place in places} | (
        {str(target): pa.string()} if target is not None else {}
    )
    try:
        table = csv.read_csv(
            pa.BufferReader(text.encode()),
            read_options=csv.ReadOptions(
                column_names=list(map(str, range(len(file.attributes)))), use_threads=False
            ),
            parse_options=csv.ParseOptions(quote_char=False),
            convert_options=csv.ConvertOptions(
                column_types=kinds, null_values=["?"], strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid:
        return None
    values = np.empty((table.num_rows, len(places)))
    for column, place in enumerate(places):
        values[:, column] = as_floats(table.column(str(place)))
    words = (
        [None] * len(values)
        if target is None
        else [each.strip() for each in table.column(str(target)).to_pylist()]
    )
    known = () if target is None else file.attributes[target].values
    if len(values) != len(file.lines) or any(
        word == MISSING or (known and word not in known) for word in words if word
    ):
        return None
    return values, words


def _cut(
    values: npt.NDArray[np.float64],
    labels: Sequence[str | None],
    lines: Sequence[tuple[int, str]],
    counts: Counter[str],
) -> Iterator[Entry]:
    """Make a sequence of each row, without the padding at its end."""
    ends = np.isnan(values[:, -1])
    for number, (row, label, (line, _)) in enumerate(zip(values, labels, lines, strict=True), 1):
        length = unpadded_length(row[:, None]) if ends[number - 1] else len(row)
        counts[PADDED] += length < len(row)
        yield Entry(row[:length, None], str(number), f":{line}", label)


def _relation(text: str, relation: Attribute, transposed: bool) -> npt.NDArray[np.float64]:
    """Read a relation: its rows are channels or, transposed, steps. Raises NumberError."""
    channels = []
    for number, row in enumerate(text.strip().split("\n"), 1):
        try:
            words = split_row(row.strip())
            if len(words) != len(relation.inner):
                rule = f"has {len(words)} values, but {quoted(relation.name)} has {len(relation.inner)} attributes"
                raise NumberError(rule)
            channels.append(values_or_missing(words))
        except NumberError as fault:
            raise NumberError(f"row {number} of the relation {fault}") from None
    values = np.array(channels)
    return values if transposed else values.T


def _label(word: str, attribute: Attribute) -> str | None:
    if word == MISSING:
        return None
    if attribute.values and word not in attribute.values:
        shown = ", ".join(attribute.values[:10])
        raise NumberError(f"the class is {quoted(word)}, but {quoted(attribute.name)} may be {shown}")
    return word
