"""Parameter files of HTK, whatever their suffix, and Sphinx's `.mfc` that look like them: a file a sequence."""

from __future__ import annotations

import builtins
import posixpath
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from seqsweep.seqmodels.data.collection import Collection
from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.files import ARCHIVES, PACKED, Files, decompress, list_files
from seqsweep.seqmodels.data.formats.base import Options
from seqsweep.seqmodels.data.formats.htk_file import (
    CHECKED,
    HEADER,
    HtkError,
    looks_like_htk,
    looks_like_sphinx,
    read_htk,
    read_sphinx,
)
from seqsweep.seqmodels.data.formats.per_file import FileContent, PerFile, PerFileOptions
from seqsweep.seqmodels.data.transforms.standardize import STANDARDIZE

SPHINX_DIMENSIONS = 13  # of its usual cepstra; the file does not say
MOST_SUFFIXES, LOOKED_AT = 50, 5
MOST_PACKED = 1_000_000  # bytes of a compressed file that is unpacked to learn its size


class HtkOptions(PerFileOptions):
    """What Sphinx's files do not say."""

    dimensions: int | None = Field(
        None,
        ge=1,
        le=10_000,
        description="numbers in a frame of a Sphinx file, which does not say it; HTK's do",
        examples=["dimensions = 39"],
    )


class Htk(PerFile):
    """Files are told by a header that agrees with their size, so their suffix may be anything, a number too."""

    name = "htk"
    endings = (".htk", ".mfc", ".fea", ".fbk", ".plp")
    row = "a frame of an HTK parameter file"
    drawing = "image"
    transforms = (STANDARDIZE,)
    options_type: ClassVar[type[Options]] = HtkOptions

    def looks_right(self, files: Files, inner: str) -> bool:
        """Tell by the header and the size."""
        beginning, size = _beginning(files, inner)
        return looks_like_htk(beginning, size) or looks_like_sphinx(beginning, size)

    def list(self, path: Path | Sequence[Path]) -> Files:
        """List everything, as an ending says nothing. Raises DataError."""
        return list_files(path)

    def recognise(self, files: Files) -> str | None:
        """Look at a few files of each suffix."""
        chosen = self._of_its_suffixes(files)
        return (
            f"{len(chosen):,} file(s) such as {chosen[0]}, whose header agrees with the size"
            if chosen
            else None
        )

    def chosen(self, files: Files) -> builtins.list[str]:
        """Name the files of each suffix of which most look right, so that a damaged one is not passed over."""
        if not (found := self._of_its_suffixes(files)):
            rule = "holds no files of which most of a suffix have HTK's header, or Sphinx's, that agrees with their size"
            raise DataError([Problem(files.root, rule)])
        return found

    def complete(self, files: Files, options: Options) -> tuple[Options, tuple[str, ...]]:
        """Find the classes; say how long the frames of Sphinx files are taken to be."""
        options, notes = super().complete(files, options)
        assert isinstance(options, HtkOptions)
        if options.dimensions is None and any(
            not looks_like_htk(*_beginning(files, inner)) for inner in _spread(self.chosen(files))
        ):
            options = options.model_copy(update={"dimensions": SPHINX_DIMENSIONS})
            notes += (f"no `dimensions` is given: a frame of a Sphinx file has {SPHINX_DIMENSIONS} numbers",)
        return options, notes

    def gather(self, files: Files, options: Options, classes: Sequence[str] | None = None) -> Collection:
        """Read every file of the suffixes that have such; what is passed over is counted."""
        found = super().gather(files, options, classes)
        others = sorted(set(files.contents) - set(self.chosen(files)))
        if not others:
            return found
        note = f"passed over {len(others):,} file(s) of other suffixes, such as {others[0]}"
        return replace(found, notes=(*found.notes, note))

    def read_one(self, files: Files, inner: str, options: Options) -> FileContent:
        """Read one file."""
        assert isinstance(options, HtkOptions)
        where = files.where(inner)
        data = decompress(inner, files.read(inner), where)
        notes: tuple[str, ...] = ()
        try:
            if looks_like_sphinx(data[:HEADER], len(data)) and not looks_like_htk(data[:HEADER], len(data)):
                return FileContent(read_sphinx(data, options.dimensions or SPHINX_DIMENSIONS))
            values, header = read_htk(data)
        except HtkError as error:
            raise DataError([Problem(where, str(error))]) from None
        if header.order == "<":
            notes += ("it is little-endian, unlike what HTK itself writes",)
        if header.kind & CHECKED:
            notes += ("its checksum (`_K`) is not verified",)
        return FileContent(values, notes=notes)

    def _of_its_suffixes(self, files: Files) -> builtins.list[str]:
        names: dict[str, builtins.list[str]] = {}
        for inner in sorted(files.contents):
            names.setdefault(_suffix(inner), []).append(inner)
        usual = Counter({suffix: len(found) for suffix, found in names.items()}).most_common(MOST_SUFFIXES)
        right: builtins.list[str] = []
        for suffix, _ in usual:
            looked_at = _spread(names[suffix])
            if 2 * sum(self.looks_right(files, inner) for inner in looked_at) >= len(looked_at):
                right += names[suffix]
        return sorted(right)


HTK = Htk()


def _beginning(files: Files, inner: str) -> tuple[bytes, int]:
    """Give the first bytes of a file, and its size."""
    content = files.contents[inner]
    if inner.lower().endswith(ARCHIVES):
        return b"", 0  # it is not unpacked to look whether it is none
    try:
        if inner.lower().endswith(PACKED):
            packed = content.stat().st_size if isinstance(content, Path) else len(files.read(inner))
            if packed > MOST_PACKED:
                return b"", 0
            whole = decompress(inner, files.read(inner), inner)
            return whole[:HEADER], len(whole)
        size = content.stat().st_size if isinstance(content, Path) else len(files.read(inner))
    except (DataError, OSError):
        return b"", 0  # reading it says why
    return files.peek(inner, HEADER), size


def _suffix(inner: str) -> str:
    """The last suffix of a name, in small letters, without that of a compression; all numbers are one."""
    name = posixpath.basename(inner).lower()
    for packed in PACKED:
        name = name.removesuffix(packed)
    suffix = posixpath.splitext(name)[1]
    return ".1" if suffix[1:].isdigit() else suffix


def _spread(names: Sequence[str]) -> list[str]:
    """The first, the last, and some between."""
    if len(names) <= LOOKED_AT:
        return list(names)
    return [names[place * (len(names) - 1) // (LOOKED_AT - 1)] for place in range(LOOKED_AT)]
