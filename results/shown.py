"""One rule for text that others wrote: what commands a terminal or cannot be seen is shown as Python writes it in a string.

ESC reads `\\x1b`, a line break `\\n`, a right-to-left override `\\u202e`, half of a surrogate pair `\\ud800`. What is printable
stays as it is, backslashes too.
"""

import re
import unicodedata
from collections.abc import Callable

# Letters and marks that nobody sees: Unicode's Default_Ignorable_Code_Point, where `str.isprintable` lets them pass.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
_SELECTORS = "\ufe0e\ufe0f"  # of a symbol's picture, plain or coloured: seen, behind a symbol


def escaped(char: str) -> str:
    """One character as Python writes it in a string."""
    return char.encode("unicode_escape", "backslashreplace").decode("ascii")


def shown(text: str, escape: Callable[[str], str] = escaped) -> str:
    """`text` as one line in which every character is seen."""
    if text.isprintable() and not _UNSEEN.search(text):
        return text
    return "".join(
        char if _seen(char, text[place - 1] if place else "") else escape(char)
        for place, char in enumerate(text)
    )


def shown_lines(text: str) -> str:
    """Show several lines: line breaks stay."""
    return "\n".join(map(shown, text.split("\n")))


def _seen(char: str, before: str) -> bool:
    if char in _SELECTORS:
        return bool(before) and unicodedata.category(before) in ("So", "Sm")
    return char.isprintable() and not _UNSEEN.match(char)
