"""Text to numbers: quick when all is well, exact about what is wrong when not."""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence

import numpy as np

from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.files import Files, decompress

LARGEST = float(np.finfo(np.float32).max)
NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
NOT_FINITE = re.compile(r"\s*[+-]?(nan|inf|infinity)\s*", re.IGNORECASE)
SHOWN = 30  # characters of a wrong value that a message repeats


class NumberError(ValueError):
    """A word that is not a usable number; the message says which and why."""


def read_lines(files: Files, name: str) -> list[str]:
    """The lines of one text file, without blank ones at its end.

    Raises DataError when it cannot be read or decompressed, is not UTF-8, or holds nothing.
    """
    where = files.where(name)
    data = _text_bytes(files, name)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        rule = f"is not UTF-8 text: {error.reason}"
        raise DataError([Problem(f"{where}:{_line(data, error)}", rule)]) from error
    return _lines(text, where)


def read_text_lines(files: Files, name: str) -> tuple[list[str], list[str]]:
    """The same of a file that holds words too, with a note where they are not UTF-8 and are read as Latin-1."""
    data, notes = _text_bytes(files, name), []
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        text = data.decode("latin-1")
        notes.append(f"line {_line(data, error)} is not UTF-8 text, so the file is read as Latin-1")
    return _lines(text, files.where(name)), notes


def _text_bytes(files: Files, name: str) -> bytes:
    where = files.where(name)
    data = decompress(name, files.read(name), where)
    for width, marks in (
        (32, (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)),  # first: one begins like UTF-16's
        (16, (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)),
    ):
        if data.startswith(marks):
            raise DataError([Problem(where, f"is UTF-{width} text, but must be UTF-8: save it as UTF-8")])
    if 4 * data[:4096].count(0) > len(data[:4096]):
        raise DataError(
            [
                Problem(
                    where,
                    "is no text, or UTF-16 without its mark: it is full of zero bytes, and must be UTF-8",
                )
            ]
        )
    return data


def _line(data: bytes, error: UnicodeDecodeError) -> int:
    return data.count(b"\n", 0, error.start) + 1


def _lines(text: str, where: str) -> list[str]:
    lines = re.split("\r\n|\r|\n", text.rstrip()) if "\r" in text else text.rstrip().split("\n")
    if lines == [""]:
        raise DataError([Problem(where, "is empty")])
    return lines


def parse_numbers(words: Sequence[str]) -> list[float]:
    """Each word as a finite number that fits float32. Raises NumberError for the first that is not one."""
    try:
        values = list(map(float, words))
    except ValueError:
        raise NumberError(_fault(words)) from None
    if _doubtful(values, words) and (fault := _fault(words)):
        raise NumberError(fault)
    return values


def whole_number(word: str) -> int:
    """A count written in plain digits (nine at most), or 0 when `word` is none."""
    return int(word) if re.fullmatch(r"\d{1,9}", word, re.ASCII) else 0


def quoted(word: str) -> str:
    """A user's word as a message shows it: printable, not too long."""
    shown = word.strip()
    shown = shown if len(shown) <= SHOWN else shown[:SHOWN] + "…"
    return "`" + "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in shown) + "`"


def _doubtful(values: list[float], words: Sequence[str]) -> bool:
    # max and min pass over NaN, the sum does not; float() takes `1_000` and the digits of other scripts
    total, joined = sum(values), "".join(words)
    in_range = total == total and max(values) <= LARGEST and min(values) >= -LARGEST
    return not in_range or "_" in joined or not joined.isascii()


def _fault(words: Sequence[str]) -> str:
    for position, word in enumerate(words, 1):
        if not word.strip():
            return f"value {position} is empty, but must be a number"
        if word.strip() == "?":
            return f"value {position} is `?`, but missing values are not supported"
        if not NOT_FINITE.fullmatch(word) and not NUMBER.fullmatch(word):
            return f"value {position} is {quoted(word)}, but must be a number"
        if not abs(float(word)) <= LARGEST:
            return f"value {position} is {quoted(word)}, but must be finite and fit float32"
    return ""
