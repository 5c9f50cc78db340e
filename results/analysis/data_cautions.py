"""What `sweep.json`'s description of a data set warns of, how even its classes are, and what always answering one gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seqsweep.class_averages import are_uneven
from seqsweep.results.analysis.caution import Caution

FEW_VALIDATION = 30
"""Fewer validation sequences than that are called few."""


@dataclass(frozen=True)
class Majority:
    """`label` is the largest class of train and validation, `share` (0..1) the test sequences that are of it.

    So it is the accuracy of always answering `label`. Of equally large classes the one with more test sequences.
    """

    label: str
    share: float


def data_cautions(entry: Mapping[str, Any]) -> tuple[Caution, ...]:
    """All that the description of one data set warns of.

    `entry` is one of `sweep.json`'s `datasets`; what a sweep of an older version did not record is passed over.
    """
    return (*_findings(entry), *_few_validation(entry), *_absent(entry))


def majority(entry: Mapping[str, Any]) -> Majority | None:
    """Say what always answering the largest class would give; None where the counts were not recorded or test is empty."""
    train, validation, test = (_counts(entry, part) for part in ("train", "validation", "test"))
    classes = entry.get("classes") or ()
    if not classes or not sum(test) or not len(classes) == len(train) == len(validation) == len(test):
        return None
    known = [sum(pair) for pair in zip(train, validation, strict=True)]
    place = max(range(len(classes)), key=lambda each: (known[each], test[each]))
    return Majority(classes[place], test[place] / sum(test))


def is_uneven(entry: Mapping[str, Any]) -> bool:
    """Tell whether classes differ much in their numbers of test sequences; False where these were not recorded."""
    return are_uneven(_counts(entry, "test"))


def _findings(entry: Mapping[str, Any]) -> list[Caution]:
    """Read what was found in the data when they were there."""
    return [Caution(each["kind"], each["text"]) for each in entry.get("findings") or ()]


def _few_validation(entry: Mapping[str, Any]) -> list[Caution]:
    count = entry.get("validation")
    if count is None or count >= FEW_VALIDATION:
        return []
    step = f": one of them moves its accuracy by {100 / count:.1f} points" if count else ""
    text = f"{count} validation sequences are few to choose candidates by{step}"
    return [Caution("small validation part", text)]


def _absent(entry: Mapping[str, Any]) -> list[Caution]:
    """Classes that a part has no sequence of."""
    found = []
    for part, harm in (
        ("train", "no model can learn them"),
        ("validation", "candidates are chosen without them"),
        ("test", "the test accuracy says nothing about them"),
    ):
        absent = [
            name
            for name, count in zip(entry.get("classes") or (), _counts(entry, part), strict=False)
            if not count
        ]
        if absent:
            named = ", ".join(f"`{name}`" for name in absent[:3])
            named += f" and {len(absent) - 3} more" if len(absent) > 3 else ""
            found.append(Caution("class without sequences", f"{part} has no sequence of {named}: {harm}"))
    return found


def _counts(entry: Mapping[str, Any], part: str) -> Sequence[int]:
    return (entry.get("class_counts") or {}).get(part) or ()
