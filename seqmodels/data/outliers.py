"""Values that nothing in the training part prepares a model for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from seqsweep.seqmodels.data.dataset import SequenceDataset
from seqsweep.seqmodels.data.splits import Splits
from seqsweep.seqmodels.data.transforms.standardize import FAR

STILL = 1e-6  # a feature is constant in training whose scaled values vary less


@dataclass(frozen=True)
class FarValues:
    """A part, "validation" or "test", some of whose `sequences` have a value far off.

    Feature `feature` (from 1) is farthest off, by `deviations` of training; None where it is constant there.
    """

    part: str
    sequences: int
    feature: int
    deviations: float | None


def far_values(dataset: SequenceDataset, splits: Splits) -> list[FarValues]:
    """What is far off in validation and in test: at most one entry each.

    Far is more than `FAR` standard deviations from the mean, both of the training part, feature by feature. Of a feature that
    is constant there every other value is far.
    """
    if not len(splits.train):
        return []
    train = np.concatenate([dataset.sequence(index) for index in splits.train]).astype(np.float64)
    mean, deviation = train.mean(0), train.std(0)
    constant = deviation <= STILL
    bound = np.where(constant, STILL, FAR * deviation)
    found = []
    for part, members in (("validation", splits.validation), ("test", splits.test)):
        apart = [np.abs(dataset.sequence(index) - mean).max(0) for index in members]
        count = sum(bool((each > bound).any()) for each in apart)
        if count:
            most = np.max(apart, axis=0)
            feature = int(np.argmax(most / bound))
            deviations = None if constant[feature] else float(most[feature] / deviation[feature])
            found.append(FarValues(part, count, feature + 1, deviations))
    return found
