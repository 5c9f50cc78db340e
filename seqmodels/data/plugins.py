"""Formats of other packages: an entry point `seqsweep.formats` names a `Format`, or an instance of one."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import entry_points

from seqsweep.seqmodels.data.formats.base import Format
from seqsweep.seqmodels.data.notes import say

GROUP = "seqsweep.formats"


def plugged(known: Iterable[Format]) -> list[Format]:
    """Load what is installed. One that cannot be loaded, or has a name that is taken, is left out and that is said."""
    names = {each.name for each in known}
    found: list[Format] = []
    for point in sorted(entry_points(group=GROUP), key=lambda each: each.name):
        whose = f"the format `{point.name}` of {point.dist.name if point.dist else 'a package'}"
        try:
            loaded = point.load()
            form = loaded() if isinstance(loaded, type) else loaded
        except Exception as error:  # somebody else's code: the other formats must go on
            say([f"{whose} is left out, as it cannot be loaded: {type(error).__name__}: {error}"])
            continue
        if not isinstance(form, Format):
            say([f"{whose} is left out: {point.value} is no Format"])
        elif form.name in names:
            say([f"{whose} is left out: there is one called `{form.name}` already"])
        else:
            names.add(form.name)
            found.append(form)
    return found
