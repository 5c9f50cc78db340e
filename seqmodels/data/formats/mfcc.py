"""MFCC segments: `<root>/<class>/{Train,Test}/*.mfcc`, a row a frame, D numbers in each row."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import Field

from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.files import Files
from seqsweep.seqmodels.data.formats.base import Options
from seqsweep.seqmodels.data.formats.class_folders import ClassFolders
from seqsweep.seqmodels.data.formats.folders import Layout, Sample
from seqsweep.seqmodels.data.numbers import NumberError, parse_numbers, read_lines
from seqsweep.seqmodels.data.transforms.standardize import STANDARDIZE


class MfccOptions(Options):
    """`group = "prefix"`: the number that leads each file name is its speaker."""

    group: Literal["prefix"] | None = Field(
        None,
        description="`prefix`: the number that leads each file name is the speaker",
        examples=['group = "prefix"'],
    )


class Mfcc(ClassFolders):
    """A file is a row a frame; each feature is standardised by all training frames.

    `group="prefix"` takes the number that leads each file name (`07_ka_12_3.mfcc` -> 7) as the speaker.
    """

    name = "mfcc"
    layout = Layout(suffix=".mfcc", train="Train", test="Test")
    endings = (layout.suffix,)
    row = "the features of a frame, as a line of an `.mfcc` file"
    drawing = "image"
    transforms = (STANDARDIZE,)
    options_type = MfccOptions

    def groups(
        self, files: Files, samples: Sequence[Sample], problems: list[Problem], options: Options
    ) -> list[str] | None:
        """Read the speakers off the file names."""
        assert isinstance(options, MfccOptions)
        return [_speaker(files, sample, problems) for sample in samples] if options.group else None

    def parse_file(self, files: Files, inner: str) -> npt.NDArray[np.float64]:
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


MFCC = Mfcc()


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


def _speaker(files: Files, sample: Sample, problems: list[Problem]) -> str:
    leading = re.match(r"\d{1,18}", posixpath.basename(sample.name), re.ASCII)
    if not leading:
        rule = "the file name does not begin with a number, so `group` cannot be read from it"
        problems.append(Problem(files.where(sample.name), rule))
        return ""
    return str(int(leading.group()))
