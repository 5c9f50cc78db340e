"""Pen strokes: `<root>/<class>/{train,dev}/*.txt`, one line a file, `N x1 y1 x2 y2 ... xN yN`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.files import Files
from seqsweep.seqmodels.data.formats.class_folders import ClassFolders
from seqsweep.seqmodels.data.formats.folders import Layout
from seqsweep.seqmodels.data.numbers import (
    NumberError,
    parse_numbers,
    quoted,
    read_lines,
    whole_number,
)
from seqsweep.seqmodels.data.transforms.minmax import MINMAX


class Strokes(ClassFolders):
    """A file is one line `N x1 y1 ... xN yN`; x and y of each stroke are scaled to 0..1 on their own (D = 2)."""

    name = "strokes"
    layout = Layout(suffix=".txt", train="train", test="dev")
    endings = (layout.suffix,)
    row = "x and y of a pen's point, as in a strokes file"
    drawing = "ink"
    transforms = (MINMAX,)

    def parse_file(self, files: Files, inner: str) -> npt.NDArray[np.float64]:
        """The points of one file, [N, 2], as written. Raises DataError."""
        lines = read_lines(files, inner)
        where = files.where(inner)
        if len(lines) > 1:
            raise DataError(
                [Problem(f"{where}:2", f"there are {len(lines)} lines, but a stroke is one line")]
            )
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


STROKES = Strokes()
