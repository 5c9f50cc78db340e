"""Parts of other packages, such as formats and samplers: an entry point names a class of the kind, or an instance of one."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import entry_points
from typing import Any, TypeVar

from seqsweep.seqmodels.data.notes import say

T = TypeVar("T")


def plugged(group: str, word: str, kind: type[T], known: Iterable[str]) -> list[T]:
    """Load what is installed. What cannot be loaded, or has a `name` that is taken, is left out and that is said.

    Args:
        group: of the entry points.
        word: what one of them is called, as in "the format `x` of a package".
        kind: the class of all of them.
        known: names that are taken.
    """
    names = set(known)
    found: list[T] = []
    for point in sorted(entry_points(group=group), key=lambda each: each.name):
        whose = f"the {word} `{point.name}` of {point.dist.name if point.dist else 'a package'}"
        try:
            loaded: Any = point.load()
            part = loaded() if isinstance(loaded, type) else loaded
        except Exception as error:  # somebody else's code: the others must go on
            say([f"{whose} is left out, as it cannot be loaded: {type(error).__name__}: {error}"])
            continue
        if not isinstance(part, kind):
            say([f"{whose} is left out: {point.value} is no {kind.__name__}"])
        elif (name := part.name) in names:  # type: ignore[attr-defined]
            say([f"{whose} is left out: there is one called `{name}` already"])
        else:
            names.add(name)
            found.append(part)
    return found
