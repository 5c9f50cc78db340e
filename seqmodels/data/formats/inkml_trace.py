"""The text of an InkML `<trace>`: points separated by commas, values as such or as differences of first or second order."""

from __future__ import annotations

import re
from itertools import chain

import numpy as np
import numpy.typing as npt

from seqsweep.seqmodels.data.numbers import NumberError, parse_numbers, quoted

VALUE = re.compile(
    r"\s*([!'\"]?)\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|#[0-9a-fA-F]{1,16}|[TF*?])", re.ASCII
)
ORDERS = {"!": 0, "'": 1, '"': 2}


def parse_trace(text: str, width: int) -> tuple[npt.NDArray[np.float64], bool]:
    """Read the points [n, width] of a trace, and whether they had further values. Raises NumberError.

    As in the W3C's recommendation, a prefix holds for its channel until the next: `'` first differences, `"` second ones, `!`
    values. `*` goes on as before, `?` is no value (NaN), `T` and `F` are 1 and 0, `#` begins a hexadecimal number.
    """
    rows = [point.split() for point in text.split(",")]
    if not rows[-1]:
        rows.pop()
    try:
        if rows and min(map(len, rows)) < width:
            raise NumberError
        values = parse_numbers(list(chain.from_iterable(row[:width] for row in rows)))
    except NumberError:
        return _by_channel(text, width)
    except ValueError:  # no points
        return np.empty((0, width)), False
    return np.array(values).reshape(-1, width), any(len(row) > width for row in rows)


class _Channel:
    """Where a channel is, and how its next value is told."""

    def __init__(self) -> None:
        self.order = 0
        self.value = self.velocity = self.told = 0.0

    def next(self, prefix: str, word: str) -> float:
        """Take in a value."""
        self.order = ORDERS.get(prefix, self.order)
        if word == "?":
            return float("nan")
        if word in "TF":
            told = float(word == "T")
        elif word.startswith("#"):
            told = float(int(word[1:], 16))
        else:
            told = self.told if word == "*" else parse_numbers([word])[0]
        before = self.value
        self.told = told
        self.value = (told, before + told, before + self.velocity + told)[self.order]
        self.velocity = self.value - before
        return self.value


def _by_channel(text: str, width: int) -> tuple[npt.NDArray[np.float64], bool]:
    points = text.split(",")
    if not points[-1].strip():
        points.pop()
    channels = [_Channel() for _ in range(width)]
    found, more = [], False
    for number, point in enumerate(points, 1):
        words, place = [], 0
        while match := VALUE.match(point, place):
            words.append(match.groups())
            place = match.end()
        if point[place:].strip():
            raise NumberError(f"point {number} has {quoted(point[place:])}, which is no value")
        if len(words) < width:
            raise NumberError(f"point {number} has {len(words)} value(s), but there are {width} channels")
        more |= len(words) > width
        found.append([channel.next(*word) for channel, word in zip(channels, words, strict=False)])
    return np.array(found, np.float64).reshape(-1, width), more
