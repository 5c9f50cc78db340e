"""The layout `<root>/<class>/{train,test}/<file>`: which files there are, and what is missing."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy.typing as npt

from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.files import Files
from seqsweep.seqmodels.data.names import lookalikes, match, spelled

TEST_NAMES = ("dev", "test")


@dataclass(frozen=True)
class Layout:
    """What a format calls its parts; a folder's name may be in capitals, and `dev` and `test` both mean test."""

    suffix: str
    train: str
    test: str


@dataclass(frozen=True)
class Sample:
    """One file, one sequence."""

    name: str  # in the listing
    id: str  # the same wherever the data set lies: <class>/<split>/<file>
    label: int
    is_test: bool


def find_samples(
    files: Files, layout: Layout, classes: Sequence[str] | None, problems: list[Problem]
) -> tuple[tuple[str, ...], list[Sample]]:
    """Class names and samples in order: class by class, train before test, then by file name.

    The root is `files` itself or a folder in it (an archive often holds one folder). Without `classes` every
    folder in the root is a class. What is missing or superfluous is added to `problems`; DataError is raised
    only when no root is found.
    """
    root = _find_root(files, layout)
    found = {posixpath.basename(folder): folder for folder in files.folders_in.get(root, [])}
    names = check_classes(classes, sorted(found), files.where(root), problems)
    samples = []
    for label, name in enumerate(names):
        for is_test in (False, True):
            for path in _class_files(files, layout, found[name], is_test, problems):
                identity = path[len(root) :].lstrip("/")
                samples.append(Sample(path, identity, label, is_test))
    return names, samples


def check_classes(
    wanted: Sequence[str] | None, found: Sequence[str], where: str, problems: list[Problem]
) -> tuple[str, ...]:
    """The classes to read, in order: `wanted`, or all that were `found`. Unknown ones become problems."""
    for one, other in lookalikes(found):
        rule = f"has two classes that look the same, {spelled(one)} and {spelled(other)}: put them into one, or rename one"
        problems.append(Problem(where, rule))
    names = [
        here for name in (found if wanted is None else wanted) if (here := match(name, found)) is not None
    ]
    for name in wanted or ():
        if match(name, found) is None:
            near = get_close_matches(name, found, 1, 0.4)
            hint = f" (did you mean `{near[0]}`?)" if near else ""
            problems.append(Problem(where, f"has no class `{name}`{hint}; it has {', '.join(found)}"))
    if len(names) < 2 and not (wanted and problems):
        problems.append(Problem(where, f"has {len(names)} class(es), but at least 2 are needed"))
    return tuple(names)


def without(name: str, names: Sequence[str]) -> str:
    """The way out for a class that cannot be learnt or tested."""
    rest = [each for each in names if each != name]
    if len(rest) < 2:
        return "add some, as a data set needs two classes with training and test sequences each"
    listed = ", ".join(json.dumps(each, ensure_ascii=False) for each in rest)
    listed = listed if len(listed) <= 200 else "..., without it"
    return f"add some, or leave the class out by `classes = [{listed}]` in the data set's table"


def parse_samples(
    samples: Sequence[Sample], parse: Callable[[str], npt.NDArray[Any]], problems: list[Problem]
) -> dict[str, npt.NDArray[Any]]:
    """The sequence of every sample that can be parsed, by file name, in order; other faults go to `problems`."""
    sequences = {}
    for sample in samples:
        try:
            sequences[sample.name] = parse(sample.name)
        except DataError as error:
            problems.extend(error.problems)
    return sequences


def _is_split(folder: str, is_test: bool) -> bool:
    name = posixpath.basename(folder).lower()
    return name in TEST_NAMES if is_test else name == "train"


def _find_root(files: Files, layout: Layout) -> str:
    splits = [
        folder
        for folder in files.folders
        if "/" in folder and (_is_split(folder, is_test=False) or _is_split(folder, is_test=True))
    ]
    holding = {posixpath.dirname(name) for name in files.contents if name.lower().endswith(layout.suffix)}
    roots = {
        posixpath.dirname(posixpath.dirname(folder))
        for folder in [folder for folder in splits if folder in holding] or splits
    }
    if len(roots) == 1:
        return roots.pop()
    if roots:
        message = f"holds several data sets, name one of them: {', '.join(map(files.where, sorted(roots)))}"
    else:
        message = _no_root(files, layout)
    raise DataError([Problem(files.root, message)])


def _no_root(files: Files, layout: Layout) -> str:
    """What is wanted, and what was found instead."""
    wanted = f"holds no folders <class>/{layout.train} and <class>/{layout.test} (the test part)"
    own = [folder for folder in files.folders if "/" not in folder and folder]
    if any(_is_split(folder, is_test=False) or _is_split(folder, is_test=True) for folder in own):
        inner = next((each for each in sorted(files.folders) if "/" in each), None)
        if inner is None:
            return f"{wanted}: this is one class, name the folder above it"
        swapped = posixpath.join(*reversed(inner.split("/")[:2]))
        return f"{wanted}: the parts lie outside the classes ({inner}, where {swapped} is wanted)"
    data = [name for name in sorted(files.contents) if name.lower().endswith(layout.suffix)]
    if data:
        return f"{wanted}: its {len(data)} {layout.suffix} file(s) lie elsewhere, the first as {data[0]}"
    near = [each for each in sorted(files.folders) if "/" in each][:1]
    there = [*sorted(own), *(name for name in sorted(files.contents) if "/" not in name)]
    listed = ", ".join([*there[:8], *(["..."] if len(there) > 8 else [])])
    deeper = f", and below them {near[0]}" if near else ""
    return f"{wanted}: it holds {listed + deeper if listed else 'nothing at all'}"


def _class_files(
    files: Files, layout: Layout, folder: str, is_test: bool, problems: list[Problem]
) -> list[str]:
    name, wanted = posixpath.basename(folder), layout.test if is_test else layout.train
    splits = [path for path in files.folders_in.get(folder, []) if _is_split(path, is_test)]
    if len(splits) != 1:
        have = " and ".join(f"`{posixpath.basename(split)}`" for split in splits) or f"no `{wanted}` folder"
        rule = (
            f"class `{name}` has {have}, but must have one folder of {'test' if is_test else 'train'} files"
        )
        problems.append(Problem(files.where(folder), rule))
        return []
    inside = files.files_in.get(splits[0], [])
    good = [path for path in inside if path.lower().endswith(layout.suffix)]
    for path in sorted({*inside, *files.folders_in.get(splits[0], [])} - set(good)):
        rule = f"is unexpected: `{posixpath.basename(splits[0])}` may hold only {layout.suffix} files"
        problems.append(Problem(files.where(path), rule))
    if not good:
        kind = "test" if is_test else "train"
        way_out = "add some, or leave the class out by naming the others in `classes`"
        rule = f"class `{name}` has no {kind} files ({layout.suffix}): {way_out}"
        problems.append(Problem(files.where(splits[0]), rule))
    return good
