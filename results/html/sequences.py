"""A page of sequences, drawn class by class, before anything is trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from seqsweep.results.analysis.dataset_facts import Specimen
from seqsweep.results.html import specimen
from seqsweep.results.html.styled import styled


@dataclass(frozen=True)
class DrawnClass:
    """A class, how many sequences it has, and some of them."""

    name: str
    sequences: int
    specimens: tuple[Specimen, ...]


def render(name: str, facts: Sequence[tuple[str, str]], classes: Sequence[DrawnClass], how: str) -> str:
    """Make the page.

    Args:
        name: the data set's.
        facts: what it is, a heading and a sentence each.
        classes: in the order in which they are shown.
        how: `ink` (values are 0..1), `image` or `traces`, as `specimen.draw` takes it.
    """
    return styled("sequences.html", {"specimen": specimen}, title=name, facts=facts, classes=classes, how=how)
