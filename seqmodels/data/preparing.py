"""From what a format read to what models see: checked, shared out to the three parts, brought to scale."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from seqsweep.seqmodels.data.collection import Collection
from seqsweep.seqmodels.data.dataset import SequenceDataset
from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.formats.folders import check_classes
from seqsweep.seqmodels.data.names import match
from seqsweep.seqmodels.data.scaling import bring_to_scale
from seqsweep.seqmodels.data.splits import Labelled, SplitRule, own_test, share_out
from seqsweep.seqmodels.data.transforms.base import Transform
from seqsweep.seqmodels.data.transforms.pipeline import joined


def prepare(
    found: Collection,
    name: str,
    transforms: Sequence[Transform],
    *,
    classes: Sequence[str] | None = None,
    rule: SplitRule | None = None,
    reading: Mapping[str, Any] | None = None,
) -> SequenceDataset:
    """Make the data set `name` of what was read by `transforms`, which sequences that are held out teach nothing.

    Without a `rule` the data's own test part is held out, and validation is left to be decided. Classes are in sorted order
    unless `classes` gives another (and perhaps fewer). Raises DataError with what is wrong.
    """
    names, found = of_classes(found, classes, name)
    found.check_shapes()
    transform = joined(transforms)
    found.check_values(missing_allowed=transform.fills_missing)
    groups, group_names = group_numbers(found.groups)
    labelled = Labelled(
        name,
        np.array([names.index(label) for label in found.labels], np.int64),
        names,
        found.ids,
        groups,
        group_names,
        found.parts,
    )
    parts = None if rule is None else share_out(labelled, rule)
    is_test = own_test(labelled) if parts is None else marked(parts.test, len(found))
    is_validation = None if parts is None else marked(parts.validation, len(found))
    held_out = is_test if is_validation is None else is_test | is_validation
    scaled = bring_to_scale(found, held_out, transform, name)
    return SequenceDataset(
        name=name,
        tokens=scaled.tokens,
        start=scaled.start,
        length=scaled.length,
        label=labelled.label,
        class_names=names,
        ids=tuple(found.ids),
        is_test=is_test,
        is_validation=is_validation,
        group=groups,
        normalization=scaled.normalization,
        notes=(*found.notes, *scaled.notes),
        reading={} if reading is None else reading,
    )


def marked(part: npt.NDArray[np.int64], count: int) -> npt.NDArray[np.bool_]:
    """Mark the indices of a part among `count` sequences."""
    return np.isin(np.arange(count), part)


def of_classes(
    found: Collection, classes: Sequence[str] | None, name: str
) -> tuple[tuple[str, ...], Collection]:
    """Give the names of the classes in their order, and the sequences that are of one. Raises DataError."""
    problems: list[Problem] = []
    there = sorted(set(found.labels))
    names = check_classes(classes, there, name, problems)
    if problems:
        raise DataError(problems)
    if len(names) == len(there):
        return names, found
    return names, found.taken([place for place, label in enumerate(found.labels) if match(label, names)])


def group_numbers(
    groups: Sequence[str] | None,
) -> tuple[npt.NDArray[np.int64] | None, tuple[str, ...]]:
    """Number the groups [S], and name the numbers; groups that are numbers keep theirs, and need no names."""
    if groups is None:
        return None, ()
    if all(re.fullmatch(r"0|[1-9]\d{0,17}", each, re.ASCII) for each in groups):
        return np.array([int(each) for each in groups], np.int64), ()
    names, numbers = np.unique(np.array(groups), return_inverse=True)
    return numbers.astype(np.int64), tuple(map(str, names.tolist()))
