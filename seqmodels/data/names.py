"""Names compared as people see them: one é is another, however many code points it takes."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path


def seen(name: str) -> str:
    """What a reader sees of `name`: composed (NFC), blanks as one space and none around, without invisible characters."""
    if name.isascii():
        return " ".join(name.split())
    visible = (c for c in unicodedata.normalize("NFC", name) if unicodedata.category(c) != "Cf")
    return unicodedata.normalize("NFC", " ".join("".join(visible).split()))


def match(name: str, known: Sequence[str]) -> str | None:
    """The one of `known` that is `name`, or else looks the same; None where none does."""
    if name in known:
        return name
    return next((each for each in known if seen(each) == seen(name)), None)


def lookalikes(names: Iterable[str]) -> list[tuple[str, str]]:
    """Pairs of different names that look the same."""
    first: dict[str, str] = {}
    return [(first[seen(name)], name) for name in names if first.setdefault(seen(name), name) != name]


def spelled(name: str) -> str:
    """`name` for a message that tells lookalikes apart: what is not ASCII is escaped."""
    return name if name.isascii() and seen(name) == name else ascii(name)


def is_text(name: str) -> bool:
    """Tell whether `name` can be written as UTF-8: bytes of a file name that are none are lone surrogates in Python."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def on_disk(path: Path) -> Path:
    """`path` as the disk spells it, where it names nothing but each part looks like one file or folder that is there."""
    if path.exists() or path == path.parent:
        return path
    parent = on_disk(path.parent)
    try:
        there = [entry for entry in parent.iterdir() if seen(entry.name) == seen(path.name)]
    except OSError:
        return path
    return there[0] if len(there) == 1 else parent / path.name
