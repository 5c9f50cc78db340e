"""Columns by name, or by number from 1, as a spec says them; in a record they are places from 0."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Annotated

from pydantic import Field

from seqsweep.seqmodels.data.transforms.base import Names, Record, Settings

Columns = Annotated[list[str | int], Field(min_length=1, max_length=10_000)]
PEN_UP = "pen_up"
"""What formats of ink call the column that is 1 where the pen is lifted after a point."""
SHOWN = 8


class PlaneSettings(Settings):
    """Which two columns are a plane."""

    columns: Annotated[list[str | int], Field(min_length=2, max_length=2)] | None = Field(
        None,
        description="the two columns that the path is drawn in; left out: `x` and `y`, or the first two",
        examples=['columns = ["x", "y"]'],
    )


def plane(settings: PlaneSettings, names: Names) -> list[int]:
    """Find the two columns of the plane. Raises ValueError where there are none."""
    if settings.columns is not None:
        return places_of(settings.columns, names)
    if len(names) < 2:
        raise ValueError(f"a path needs two columns, but there is {', '.join(names)}")
    return places_of(["x", "y"], names) if {"x", "y"} <= set(names) else [0, 1]


def moving(columns: Sequence[str | int] | None, names: Names) -> list[int]:
    """Find the columns that are asked for; where none are, all but that of the lifted pen."""
    if columns is not None:
        return places_of(columns, names)
    return [place for place, name in enumerate(names) if name != PEN_UP or len(names) == 1]


def places_of(columns: Sequence[str | int], names: Names) -> list[int]:
    """Find columns among the names of the features. Raises ValueError that names one that is not there, or is named twice."""
    found: list[int] = []
    for column in columns:
        place = _place(column, names)
        if place in found:
            raise ValueError(f"the column {column!r} is named twice")
        found.append(place)
    return found


def check_places(record: Record, name: str, features: int, *, least: int = 1) -> None:
    """Raise ValueError where an entry of a record that somebody else wrote is no list of different places."""
    places = record.get(name)
    sound = isinstance(places, list) and all(type(each) is int and 0 <= each < features for each in places)
    if not sound or not isinstance(places, list) or len(set(places)) < len(places) or len(places) < least:
        raise ValueError(f"`normalization.{name}` must be different whole numbers from 0 to {features - 1}")


def _place(column: str | int, names: Names) -> int:
    if isinstance(column, int):
        if not 1 <= column <= len(names):
            raise ValueError(f"there is no column {column}: they are numbered from 1 to {len(names)}")
        return column - 1
    if column in names:
        return names.index(column)
    near = get_close_matches(column, names, 1)
    meant = f" (did you mean `{near[0]}`?)" if near else ""
    there = ", ".join([*names[:SHOWN], *(["..."] if len(names) > SHOWN else [])])
    raise ValueError(f"there is no column `{column}`{meant}; there are {there}")
