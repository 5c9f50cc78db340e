"""Which of a file's columns are sequences, and which their classes: found by names and counts, or said."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from seqsweep.seqmodels.data.collection import PARTS
from seqsweep.seqmodels.data.formats.mat_nodes import Column, Numbers, Refused, Struct, Text, columns

PART = "{part}"
SPELLED = {
    "train": ("train", "Train", "TRAIN", "training", "Training"),
    "validation": ("val", "Val", "valid", "validation", "Validation"),
    "test": ("test", "Test", "TEST", "testing", "Testing"),
}
IN_NAME = re.compile(
    "|".join(word for words in SPELLED.values() for word in sorted(words, key=len, reverse=True))
)
LABEL_LIKE = re.compile(
    r"(?i)(label|class|target|categor|word|digit|gesture|activity)|(^|[._])[yt]($|[._\d{])"
)
GROUP_LIKE = re.compile(r"(?i)subject|speaker|writer|person|group|patient|user")
UNIQUE = 0.5  # share of sequences that may have classes of their own, for a guess


def by_path(root: Struct) -> dict[str, dict[str | None, Column]]:
    """Give the columns of each path; in one with `{part}` those of the parts that are there."""
    found: dict[str, dict[str | None, Column]] = {}
    for column in columns(root):
        found[column.path] = {None: column}
        for pattern, part in _patterns(column.path):
            found.setdefault(pattern, {})[part] = column
    return {
        path: {part: each[part] for part in (None, *PARTS) if part in each} for path, each in found.items()
    }


def _patterns(path: str) -> Iterator[tuple[str, str]]:
    for match in IN_NAME.finditer(path):
        part = next(each for each in PARTS if match[0] in SPELLED[each])
        yield path[: match.start()] + PART + path[match.end() :], part


def names_of(column: Column) -> list[str] | None:
    """Give a column as names, one each: of texts, or of whole numbers; None where it is something else."""
    nodes = column.nodes
    if len(nodes) == 1 and column.single:
        node = nodes[0]
        if isinstance(node, Text):
            return list(node.rows)
        if isinstance(node, np.ndarray) and node.size and node.size == max(node.shape) and _whole(node):
            return [str(int(each)) for each in node.ravel("F")]
        return None
    if not nodes:
        return None
    if all(isinstance(each, Text) and len(each.rows) == 1 for each in nodes):
        return [each.rows[0] for each in nodes if isinstance(each, Text)]
    if all(isinstance(each, np.ndarray) and each.size == 1 and _whole(each) for each in nodes):
        return [str(int(each.ravel()[0])) for each in nodes if isinstance(each, np.ndarray)]
    return None


def _whole(node: Numbers) -> bool:
    with np.errstate(invalid="ignore"):
        return bool((np.isfinite(node) & (node == np.round(node)) & (np.abs(node) < 2**53)).all())


def why_not(column: Column) -> str:
    """Say why a column holds no sequences; empty where it does."""
    for node in column.nodes:
        if isinstance(node, Refused):
            return f"is {node.why}" if not node.why.startswith("has") else node.why
        if not isinstance(node, np.ndarray):
            return "holds text" if isinstance(node, Text) else "holds cells or structs of several levels"
    if not column.nodes:
        return "is empty"
    most = 3 if column.single else 2
    wrong = next(
        (each for each in column.nodes if isinstance(each, np.ndarray) and not 1 <= each.ndim <= most), None
    )
    return (
        ""
        if wrong is None
        else f"has {wrong.ndim} dimensions, but sequences have 2 (or 3, several in one array)"
    )


def arrays_of(column: Column) -> list[Numbers]:
    """Give the arrays of a column that `why_not` has nothing against."""
    return [np.atleast_2d(each) for each in column.nodes if isinstance(each, np.ndarray)]


def guess_axis(column: Column, count: int | None, usual: int) -> int | None:
    """Tell along which axis (from 1) the sequences of one array lie; None where it is one sequence, or there are several arrays.

    `count` is how many classes there are, if they are known; else it is the `usual` one of three.
    """
    if not column.single:
        return None
    [array] = arrays_of(column)
    if count is not None:
        fitting = [axis + 1 for axis, size in enumerate(array.shape) if size == count]
        return fitting[0] if fitting else None
    return usual if array.ndim == 3 else None


def cut(column: Column, axis: int | None) -> list[Numbers]:
    """Take one array apart along an axis; those of a vector's rows become [T, 1]."""
    arrays = arrays_of(column)
    if axis is None or not column.single:
        return arrays
    moved = np.moveaxis(arrays[0], axis - 1, 0)
    return [each if each.ndim == 2 else each[:, None] for each in moved]


def guess_transposed(arrays: Sequence[Numbers]) -> bool | None:
    """Tell whether arrays are [D, T]; None where none can be told from the other.

    What all have alike is D; where all is alike, the smaller is.
    """
    rows, width = ({each.shape[axis] for each in arrays} for axis in (0, 1))
    if len(rows) > 1 and len(width) > 1:
        return None
    if len(rows) == 1 and len(width) == 1:
        return bool(next(iter(rows)) < next(iter(width)))
    return len(rows) == 1


@dataclass(frozen=True)
class Guess:
    """What was found."""

    variable: str
    label: str | None
    others: tuple[str, ...]  # that could have been chosen


def guess(root: Struct) -> Guess | None:
    """Choose the sequences and their classes; None where nothing in the file is a sequence."""
    found = by_path(root)
    candidates: list[tuple[tuple[bool, bool, bool, bool, int], str, str | None]] = []
    for path, parts in found.items():
        if any(why_not(column) for column in parts.values()) or (PART in path and len(parts) < 2):
            continue
        label = _label(path, parts, found)
        sizes = sum(each.size for column in parts.values() for each in arrays_of(column))
        several = any(not column.single for column in parts.values()) or any(
            each.ndim == 3 for column in parts.values() for each in arrays_of(column)
        )
        is_names = all(names_of(column) is not None for column in parts.values())
        if sizes > 1 or not is_names:
            candidates.append(
                ((not is_names, label is not None, several, len(parts) > 1, sizes), path, label)
            )
    if not candidates:
        return None
    best = max(range(len(candidates)), key=lambda place: (candidates[place][0], -place))
    rank, path, label = candidates[best]
    others = [
        each for other, each, _ in candidates if each != path and other[:3] == rank[:3] and PART not in each
    ]
    own = {column.path for column in found[path].values()}
    return Guess(path, label, tuple(each for each in others if each not in own))


def _label(
    path: str, parts: Mapping[str | None, Column], found: Mapping[str, Mapping[str | None, Column]]
) -> str | None:
    fitting = []
    for other, columns_ in found.items():
        if other == path or set(columns_) != set(parts):
            continue
        names = {part: names_of(column) for part, column in columns_.items()}
        if any(each is None or "" in each for each in names.values()):
            continue
        counts = {part: len(each or ()) for part, each in names.items()}
        if all(_could_be(parts[part], counts[part]) for part in parts):
            everything = [each for part in names.values() for each in part or ()]
            few = len(set(everything)) <= max(2, UNIQUE * len(everything))
            same = other.rpartition(".")[0] == path.rpartition(".")[0]
            named = LABEL_LIKE.search(other) is not None
            if (few or named) and len(set(everything)) > 1 and not (GROUP_LIKE.search(other) and not named):
                fitting.append(((named, same, few), other))
    return max(fitting, key=lambda each: each[0])[1] if fitting else None


def _could_be(column: Column, count: int) -> bool:
    if not column.single:
        return len(column.nodes) == count
    [array] = arrays_of(column)
    return count > 1 and count in array.shape
