"""Text that a user wrote, from bytes: UTF-8, as every editor can write it; another encoding is named."""

from __future__ import annotations

import codecs

# those of UTF-32 first: one begins like UTF-16's
_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
_LOOKED_AT = 4096


class EncodingError(ValueError):
    """Text is not UTF-8; the message says what it is as far as can be told, where, and what to do.

    Args:
        what: the encoding, and what to do.
        line: the first line that is not UTF-8, from 1; None where all are.
    """

    def __init__(self, what: str, line: int | None = None) -> None:
        self.line = line
        super().__init__(what)


def decode(content: bytes) -> str:
    """The text of `content`, with or without a byte-order mark, each line ended by a line feed. Raises EncodingError."""
    check_width(content)
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        start = error.start + (len(codecs.BOM_UTF8) if content.startswith(codecs.BOM_UTF8) else 0)
        raise EncodingError(
            f"is not UTF-8 text (byte {start + 1} is 0x{content[start]:02x}): "
            "save it as UTF-8; Latin-1 and Windows-1252 are not read",
            content.count(b"\n", 0, start) + 1,
        ) from None


def check_width(content: bytes) -> None:
    """Raise EncodingError where `content`, whole or its beginning, is UTF-16 or UTF-32."""
    if (encoding := _wide(content)) is not None:
        raise EncodingError(f"is written in {encoding}, but must be UTF-8: save it as UTF-8")


def _wide(content: bytes) -> str | None:
    """UTF-16 or UTF-32 where it is one: by its mark or, without, by the zeros of its Latin letters."""
    for mark, name in _MARKS:
        if content.startswith(mark):
            return name
    beginning = content[:_LOOKED_AT]
    zeros = beginning.count(0)
    if zeros * 5 > len(beginning) * 3:
        return "UTF-32"
    return "UTF-16" if zeros * 3 > len(beginning) else None
