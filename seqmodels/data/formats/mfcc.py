"""MFCC segments: `<root>/<class>/{Train,Test}/*.mfcc`, a row a frame, D numbers in each row."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt

from seqsweep.seqmodels.data.dataset import SequenceDataset
from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.files import Files, open_files
from seqsweep.seqmodels.data.formats.folders import Layout, Sample, find_samples, parse_samples
from seqsweep.seqmodels.data.numbers import NumberError, parse_numbers, read_lines
from seqsweep.seqmodels.data.transforms.scaling import standardize

LAYOUT = Layout(suffix=".mfcc", train="Train", test="Test")


def read(
    path: Path | Sequence[Path], *, name: str, classes: Sequence[str] | None = None, group: str | None = None
) -> SequenceDataset:
    """Read a folder or archive, or several that make one; each feature is standardised by all training frames.

    `group="prefix"` takes the number that leads each file name (`07_ka_12_3.mfcc` -> 7) as the speaker.
    Raises DataError with every problem of every file; the number of columns that most files have is the rule
    for the others.
    """
    files = open_files(path, (LAYOUT.suffix,))
    problems: list[Problem] = []
    names, samples = find_samples(files, LAYOUT, classes, problems)
    speakers = [_speaker(files, sample, problems) for sample in samples] if group else None
    segments = parse_samples(samples, lambda inner: parse_segment(files, inner), problems)
    columns = Counter(segment.shape[1] for segment in segments.values()).most_common(1)
    for inner, segment in segments.items():
        if segment.shape[1] != columns[0][0]:
            rule = f"has {segment.shape[1]} columns, but the other files have {columns[0][0]}"
            problems.append(Problem(files.where(inner), rule))
    if problems:
        raise DataError(problems)
    is_test = [sample.is_test for sample in samples]
    scaled, normalization, notes = standardize(list(segments.values()), is_test, name)
    return SequenceDataset.from_sequences(
        name,
        scaled,
        label=[sample.label for sample in samples],
        class_names=names,
        ids=[sample.id for sample in samples],
        is_test=is_test,
        group=speakers,
        normalization=normalization,
        notes=notes,
    )


def parse_segment(files: Files, inner: str) -> npt.NDArray[np.float64]:
    """The frames of one file, [T, D], as written. Raises DataError."""
    rows = [line.split() for line in read_lines(files, inner)]
    widths = Counter(map(len, rows))
    try:
        values = parse_numbers(list(chain.from_iterable(rows)))
    except NumberError:
        values = []
    if not values or len(widths) > 1:
        raise DataError(_row_problems(files.where(inner), rows, widths.most_common(1)[0][0]))
    return np.array(values).reshape(len(rows), -1)


def _row_problems(where: str, rows: list[list[str]], columns: int) -> Iterator[Problem]:
    """The slow way over a file that is known to be wrong: one problem for each wrong row."""
    for number, row in enumerate(rows, 1):
        rule = f"has {len(row)} columns, but the other rows have {columns}" if len(row) != columns else ""
        try:
            parse_numbers(row or ["0"])
        except NumberError as fault:
            rule = str(fault)
        if rule:
            yield Problem(f"{where}:{number}", rule)


def _speaker(files: Files, sample: Sample, problems: list[Problem]) -> int:
    leading = re.match(r"\d{1,18}", posixpath.basename(sample.name), re.ASCII)
    if not leading:
        rule = "the file name does not begin with a number, so `group` cannot be read from it"
        problems.append(Problem(files.where(sample.name), rule))
        return 0
    return int(leading.group())
