"""MFCC segments: `<root>/<class>/{Train,Test}/*.mfcc`, a row a frame, D numbers in each row."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from seqmodels.data.dataset import SequenceDataset
from seqmodels.data.errors import DataError, Problem
from seqmodels.data.files import Files, open_files
from seqmodels.data.readers.folders import Layout, Sample, find_samples, parse_samples
from seqmodels.data.readers.numbers import NumberError, parse_numbers, read_lines
from seqmodels.data.readers.scaling import standardize

LAYOUT = Layout(suffix=".mfcc", train="Train", test="Test")


def read(
    path: Path, *, name: str, classes: Sequence[str] | None = None, group: str | None = None
) -> SequenceDataset:
    """Read a folder or tar archive; each feature is standardised by all training frames.

    `group="prefix"` takes the number that leads each file name (`07_ka_12_3.mfcc` -> 7) as the speaker.
    Raises DataError with every problem of every file; the number of columns that most files have is the rule
    for the others.
    """
    files = open_files(path)
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
    scaled, normalization = standardize(list(segments.values()), is_test, name)
    return SequenceDataset.from_sequences(
        name,
        scaled,
        label=[sample.label for sample in samples],
        class_names=names,
        ids=[sample.id for sample in samples],
        is_test=is_test,
        group=speakers,
        normalization=normalization,
    )


def parse_segment(files: Files, inner: str) -> npt.NDArray[np.float64]:
    """The frames of one file, [T, D], as written. Raises DataError."""
    where = files.where(inner)
    rows, problems = [], []
    for number, line in enumerate(read_lines(files, inner), 1):
        try:
            rows.append(parse_numbers(words) if (words := line.split()) else [])
        except NumberError as fault:
            problems.append(Problem(f"{where}:{number}", str(fault)))
    if problems:
        raise DataError(problems)
    columns = Counter(map(len, rows)).most_common(1)[0][0]
    for number, row in enumerate(rows, 1):
        if len(row) != columns:
            rule = f"has {len(row)} columns, but the other rows have {columns}"
            problems.append(Problem(f"{where}:{number}", rule))
    if problems:
        raise DataError(problems)
    return np.array(rows)


def _speaker(files: Files, sample: Sample, problems: list[Problem]) -> int:
    leading = re.match(r"\d{1,18}", posixpath.basename(sample.name), re.ASCII)
    if not leading:
        rule = "the file name does not begin with a number, so `group` cannot be read from it"
        problems.append(Problem(files.where(sample.name), rule))
        return 0
    return int(leading.group())
