"""Data sets whose paths are URIs, brought to this disk to be read; what is said of them names the URI, not the copy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.source import is_uri, paths_of
from seqsweep.sweeps.spec.paths import each_path

if TYPE_CHECKING:
    from seqsweep.seqmodels.data.collection import Collection
    from seqsweep.seqmodels.data.inspection import Inspection

Source = str | Mapping[str, Any]


@dataclass(frozen=True)
class Near:
    """A data set's name or table as `seqmodels.data.source.load` takes it, and how to speak of it.

    `uris` has a URI for the path of each copy, and for the folder that this lies in.
    """

    source: Source
    uris: Mapping[str, str] = field(default_factory=dict)

    @property
    def paths(self) -> list[str]:
        """Where it lies on this disk."""
        return paths_of(self.source)

    def said(self, text: str) -> str:
        """Name URIs in a message instead of copies."""
        for path, uri in self.uris.items():
            text = text.replace(path, uri)
        return text

    def problem(self, problem: Problem) -> Problem:
        """Name URIs in a problem."""
        return Problem(self.said(problem.where), self.said(problem.message))

    @contextmanager
    def speaking(self) -> Iterator[None]:
        """Name URIs in the problems of a DataError that is raised within."""
        try:
            yield
        except DataError as error:
            if not self.uris:
                raise
            raise DataError(map(self.problem, error.problems)) from error


@contextmanager
def near(source: Source) -> Iterator[Near]:
    """Fetch what a data set's name or table names by URI; a DataError raised within names the URI.

    Raises DataError where something cannot be fetched, with every such problem.
    """
    brought = bring(source)
    with brought.speaking():
        yield brought


def bring(source: Source) -> Near:
    """Fetch what a data set's name or table names by URI. Raises DataError, with every problem."""
    if isinstance(source, str):
        return Near(source)
    copies: dict[str, str] = {}
    above: dict[str, str] = {}
    problems: list[Problem] = []

    def brought(path: str) -> str:
        from seqsweep.sweeps.datasets.fetching import fetch

        if not is_uri(path):
            return path
        try:
            copy = fetch(path)
        except DataError as error:
            problems.extend(error.problems)
            return path
        uri = path.rstrip("/")
        copies[str(copy)] = uri
        above[str(copy.parent)] = uri.rpartition("/")[0].rstrip("/")  # of a bucket `s3:`
        return str(copy)

    local = {**source, "path": each_path(source["path"], brought)}
    if problems:
        raise DataError(problems)
    return Near(local, copies | above)


def inspect(source: Source, *, base: Path = Path()) -> tuple[Inspection, Collection]:
    """Look at a data set as `seqmodels.data.inspection.inspect` does, wherever it lies. Raises DataError."""
    from seqsweep.seqmodels.data import inspection

    with near(source) as here:
        about, found = inspection.inspect(here.source, base=base)
    if not here.uris or isinstance(source, str):
        return about, found
    notes = tuple(map(here.said, about.notes))
    recognised = about.recognised and here.said(about.recognised)
    about = replace(about, path=str(source["path"]), recognised=recognised, notes=notes)
    return about, replace(
        found, places=list(map(here.said, found.places)), notes=tuple(map(here.said, found.notes))
    )
