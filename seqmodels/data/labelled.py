"""Labelled sequences as they were written: what a trained model is evaluated on.

Unlike a data set for training, it may have one part only, any classes, and too few sequences for a split.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.files import ARCHIVES, Files, open_files
from seqsweep.seqmodels.data.formats import mfcc, strokes
from seqsweep.seqmodels.data.formats.folders import TEST_NAMES
from seqsweep.seqmodels.data.formats.ts import PART, locate
from seqsweep.seqmodels.data.formats.ts_file import parse
from seqsweep.seqmodels.data.inputs import RawSequence, say

PARTS = ("test", "train", "all")
SUFFIXES = {"strokes": strokes.LAYOUT.suffix, "mfcc": mfcc.LAYOUT.suffix}


@dataclass(frozen=True, eq=False)
class LabelledSequence(RawSequence):
    """One whose class is known."""

    label: str


def read_labelled(path: Path, form: str, part: str = "test") -> list[LabelledSequence]:
    """Every sequence of a folder, archive or `.ts` file in the format `form`, or those of one part (one of `PARTS`).

    strokes, mfcc: `<class>/{train,test}/FILE`, as for training, or `<class>/FILE`, which all belong to any part. ts: one file, or
    a pair as for training. Ids are those of the data set that training reads there.

    Raises DataError with every problem found.
    """
    return _from_ts(path, part) if form == "ts" else _from_folders(path, form, part)


def _from_folders(path: Path, form: str, part: str) -> list[LabelledSequence]:
    files = open_files(path, (SUFFIXES[form],))
    names = [name for name in sorted(files.contents) if name.lower().endswith(SUFFIXES[form])]
    places = {name: _place(name) for name in names}
    if any(split for _, _, split in places.values()):
        places = {name: place for name, place in places.items() if place[2]}
    roots = {root for root, _, _ in places.values()}
    # a file beside the classes' folders, such as a list of names, is none of the data
    places = {name: place for name, place in places.items() if posixpath.dirname(name) not in roots}
    roots = {root for root, _, _ in places.values()}
    if len(roots) > 1:
        listed = ", ".join(map(files.where, sorted(roots)))
        raise DataError([Problem(str(path), f"holds several data sets, name one of them: {listed}")])
    chosen = {
        name: label for name, (_, label, split) in places.items() if split in ("", part) or part == "all"
    }
    if not chosen:
        wanted = f"no files <class>/FILE or <class>/{'test' if part == 'all' else part}/FILE that end in {SUFFIXES[form]}"
        raise DataError([Problem(str(path), f"holds {wanted}; the model reads {form}")])
    if "" in chosen.values():
        raise DataError(
            [Problem(str(path), "holds files, but no folders of classes: name the folder above it")]
        )
    [root] = roots
    read = strokes.parse_stroke if form == "strokes" else mfcc.parse_segment
    found: list[LabelledSequence] = []
    problems: list[Problem] = []
    for name, label in chosen.items():
        try:
            identity = name[len(root) :].lstrip("/")
            found.append(LabelledSequence(identity, files.where(name), read(files, name), label))
        except DataError as error:
            problems.extend(error.problems)
    if problems:
        raise DataError(problems)
    return found


def _place(name: str) -> tuple[str, str, str]:
    """Root, class and part ("" where there is none) of a file."""
    folder = posixpath.dirname(name)
    split = posixpath.basename(folder).lower()
    split = "test" if split in TEST_NAMES else split if split == "train" else ""
    if split:
        folder = posixpath.dirname(folder)
    return posixpath.dirname(folder), posixpath.basename(folder), split


def _from_ts(path: Path, part: str) -> list[LabelledSequence]:
    found: list[LabelledSequence] = []
    problems: list[Problem] = []
    for kind, (files, inner) in _ts_files(path, part).items():
        try:
            read = parse(files, inner)
            say(read.notes)
            for number, row in enumerate(read.rows, 1):
                where = f"{files.where(inner)}:{row.line}"
                found.append(LabelledSequence(f"{kind}/{number}", where, row.values, row.label))
        except DataError as error:
            problems.extend(error.problems)
    if problems:
        raise DataError(problems)
    return found


def _ts_files(path: Path, part: str) -> Mapping[str, tuple[Files, str]]:
    if path.is_file() and not path.name.lower().endswith(ARCHIVES):  # named, so it is wanted
        given = PART.fullmatch(path.name)
        kind = given["part"].lower() if given else "test"
        return {kind: (Files("", "", {str(path): path}, frozenset({""})), str(path))}
    pair = dict(zip(("train", "test"), locate(path), strict=True))
    return pair if part == "all" else {part: pair[part]}
