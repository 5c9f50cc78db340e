"""What is wrong with a spec, all of it at once."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

SHOWN = 50  # problems that are printed


class SpecError(ValueError):
    """The user's spec cannot be run as it stands.

    Args:
        problems: one whole sentence each: file, field, value, rule.
    """

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        lines = [*self.problems[:SHOWN]]
        if len(self.problems) > SHOWN:
            lines.append(f"... and {len(self.problems) - SHOWN} more")
        super().__init__("\n".join(lines))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.problems,)


def nearest(name: object, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The known name that `name` most likely means, or None where none is as alike as `cutoff` (0..1)."""
    if not isinstance(name, str):
        return None
    lower = {each.lower(): each for each in known}
    found = get_close_matches(name.lower(), lower, n=1, cutoff=cutoff)
    return lower[found[0]] if found else None


def did_you_mean(name: object, known: Iterable[str]) -> str:
    """`"; did you mean 'lstm'?"`, or nothing where no known name is near."""
    found = nearest(name, known)
    return f"; did you mean {found!r}?" if found else ""


def shown(value: object, depth: int = 0) -> str:
    """A value as the user wrote it in TOML, cut where it is long or nested deeply."""
    if depth > 5 and isinstance(value, list | tuple | dict):
        text = "..."
    elif isinstance(value, bool):
        text = str(value).lower()
    elif isinstance(value, list | tuple):
        text = (
            "["
            + ", ".join(shown(each, depth + 1) for each in value[:10])
            + (", ..." if len(value) > 10 else "")
            + "]"
        )
    elif isinstance(value, dict):
        text = (
            "{"
            + ", ".join(f"{key} = {shown(each, depth + 1)}" for key, each in list(value.items())[:10])
            + "}"
        )
    elif isinstance(value, int) and abs(value) >= 10**60:
        text = (
            f"a number of about {int(value.bit_length() * 0.30103)} digits"  # Python prints no more than 4300
        )
    else:
        text = repr(value)
    return text if len(text) <= 70 else text[:67] + "..."
