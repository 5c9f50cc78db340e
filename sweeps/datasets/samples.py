"""A few sequences of each class of raw data, to be looked at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seqsweep.seqmodels.data.collection import Collection


@dataclass(frozen=True, eq=False)
class Sample:
    """One sequence as it was written: `values` [T, D]."""

    label: str
    id: str
    length: int
    values: npt.NDArray[np.float64]


def samples(found: Collection, count: int, classes: Sequence[str] | None = None) -> list[Sample]:
    """Choose up to `count` sequences of each class, spread evenly over their lengths, class by class."""
    chosen = []
    lengths = np.array([len(sequence) for sequence in found.sequences])
    members_of = found.classes()
    for name in members_of if classes is None else classes:
        members = members_of.get(name, np.empty(0, np.int64))
        ordered = members[np.argsort(lengths[members], kind="stable")]
        places = [round((len(ordered) - 1) * (place + 1) / (count + 1)) for place in range(count)]
        for place in dict.fromkeys(places) if len(ordered) else ():
            index = int(ordered[place])
            values = np.asarray(found.sequences[index], np.float64)
            chosen.append(Sample(name, found.ids[index], len(values), values))
    return chosen
