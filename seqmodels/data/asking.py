"""The list `transforms` of a data set's table: what a spec asks to be done to the numbers."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

from seqsweep.seqmodels.data.registry import TRANSFORMS, transform_names
from seqsweep.seqmodels.data.transforms.base import Transform, settings_fault
from seqsweep.seqmodels.data.transforms.pipeline import MOST_STEPS


def asked_transforms(value: object) -> list[Transform]:
    """Make the transforms that are listed by name, or as a table `{NAME = {KEY = ...}}`. Raises ValueError."""
    if not isinstance(value, list | tuple):
        raise ValueError(f'`transforms` is {repr(value)[:70]}, but must be a list such as ["standardize"]')
    if len(value) > MOST_STEPS:
        raise ValueError(f"`transforms` has {len(value)} entries, but must have at most {MOST_STEPS}")
    return [_asked(each) for each in value]


def transforms_fault(value: object) -> str | None:
    """Say what is wrong with such a list; None where nothing is."""
    try:
        asked_transforms(value)
    except ValueError as error:
        return str(error)
    return None


def _asked(entry: object) -> Transform:
    name, settings = entry, dict[str, Any]()
    if isinstance(entry, Mapping) and len(entry) == 1:
        [(name, settings)] = entry.items()
    if not isinstance(name, str):
        raise ValueError(
            f"`transforms` has {repr(entry)[:70]}, but an entry must be a name, or a table with one name such as "
            "{resample = {length = 40}}"
        )
    kind = next((each for each in TRANSFORMS if each.name == name), None)
    if kind is None:
        near = _near(name, transform_names())
        raise ValueError(f"`transforms` has {name[:40]!r}{near}; there are {', '.join(transform_names())}")
    return kind(_settings(kind, settings))


def _settings(kind: type[Transform], given: Any) -> Any:
    keys = tuple(kind.settings_type.model_fields)
    if not isinstance(given, Mapping):
        raise ValueError(
            f"`transforms`, {kind.name}: is {repr(given)[:40]}, but must be a table of its settings"
        )
    for key in given:
        if key not in keys:
            known = f"{_near(str(key), keys)}; it has {', '.join(keys)}" if keys else ": it has no settings"
            raise ValueError(f"`transforms`, {kind.name}: unknown key `{str(key)[:40]}`{known}")
    try:
        return kind.settings_type.model_validate(dict(given))
    except ValidationError as error:
        raise ValueError(f"`transforms`, {kind.name}: {settings_fault(error)}") from None


def _near(word: str, known: tuple[str, ...]) -> str:
    near = get_close_matches(word, known, 1)
    return f" (did you mean `{near[0]}`?)" if near else ""
