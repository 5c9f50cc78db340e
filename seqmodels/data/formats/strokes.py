"""Pen strokes: `<root>/<class>/{train,dev}/*.txt`, one line a file, `N x1 y1 x2 y2 ... xN yN`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from seqsweep.seqmodels.data.dataset import SequenceDataset
from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.files import Files, open_files
from seqsweep.seqmodels.data.formats.folders import Layout, find_samples, parse_samples
from seqsweep.seqmodels.data.numbers import NumberError, parse_numbers, quoted, read_lines, whole_number
from seqsweep.seqmodels.data.transforms.scaling import minmax

LAYOUT = Layout(suffix=".txt", train="train", test="dev")


def read(path: Path | Sequence[Path], *, name: str, classes: Sequence[str] | None = None) -> SequenceDataset:
    """Read a folder or archive, or several that make one; x and y of each stroke are scaled to 0..1 on their own (D = 2).

    Raises DataError with every problem of every file.
    """
    files = open_files(path, (LAYOUT.suffix,))
    problems: list[Problem] = []
    names, samples = find_samples(files, LAYOUT, classes, problems)
    sequences = parse_samples(samples, lambda inner: parse_stroke(files, inner), problems)
    if problems:
        raise DataError(problems)
    return SequenceDataset.from_sequences(
        name,
        [minmax(sequence) for sequence in sequences.values()],
        label=[sample.label for sample in samples],
        class_names=names,
        ids=[sample.id for sample in samples],
        is_test=[sample.is_test for sample in samples],
        normalization={"kind": "per_sequence_minmax"},
    )


def parse_stroke(files: Files, inner: str) -> npt.NDArray[np.float64]:
    """The points of one file, [N, 2], as written. Raises DataError."""
    lines = read_lines(files, inner)
    where = files.where(inner)
    if len(lines) > 1:
        raise DataError([Problem(f"{where}:2", f"there are {len(lines)} lines, but a stroke is one line")])
    words = lines[0].split()
    count = whole_number(words[0])
    if not count:
        rule = f"value 1 is {quoted(words[0])}, but must be the number of points, 1 or more"
        raise DataError([Problem(f"{where}:1", rule)])
    try:
        values = parse_numbers(words)
    except NumberError as fault:
        raise DataError([Problem(f"{where}:1", str(fault))]) from None
    if len(values) != 1 + 2 * count:
        rule = f"N is {count}, so {2 * count} coordinates must follow, but there are {len(values) - 1}"
        raise DataError([Problem(f"{where}:1", rule)])
    return np.array(values[1:]).reshape(count, 2)
