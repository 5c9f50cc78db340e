"""A few sequences of each class, kept in the store so that a report can draw them when the data is elsewhere."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from seqsweep.results.schema import table

if TYPE_CHECKING:
    import pyarrow as pa

    from seqsweep.seqmodels.data.dataset import SequenceDataset
    from seqsweep.seqmodels.data.splits import Splits

NUMBERS = 60_000  # of a data set at most: 240 kB
PER_CLASS = 3
MOST_CLASSES = 60
MOST_FEATURES = 64
TOKENS = 256  # of a sequence: more are kept only where there is room


def examples(data: Iterable[tuple[SequenceDataset, Splits]]) -> pa.Table:
    """The table `examples` of `seqsweep.results.schema`: of each class up to three sequences of the training part.

    They are those at the quartiles of its lengths. Where a data set's would be more than `NUMBERS` numbers, fewer are
    kept, then only every `token_step`-th token; of more than `MOST_FEATURES` features every `feature_step`-th; of more
    than `MOST_CLASSES` classes the first ones.
    """
    return table("examples", [row for dataset, splits in data for row in _rows(dataset, splits)])


def _rows(dataset: SequenceDataset, splits: Splits) -> Iterator[dict[str, Any]]:
    classes = dataset.class_names[:MOST_CLASSES]
    feature_step = math.ceil(dataset.feature_count / MOST_FEATURES)
    features = math.ceil(dataset.feature_count / feature_step)
    usual = min(int(np.median(dataset.length)), TOKENS)
    per_class = min(max(NUMBERS // (len(classes) * usual * features), 1), PER_CLASS)
    room = NUMBERS // (len(classes) * per_class * features)
    for label, name in enumerate(classes):
        members = splits.train[dataset.label[splits.train] == label]
        for index in _typical(members, dataset.length[members], per_class):
            length = int(dataset.length[index])
            token_step = math.ceil(length / room)
            yield {
                "dataset": dataset.name,
                "class": name,
                "sequence": dataset.ids[index],
                "length": length,
                "features": features,
                "token_step": token_step,
                "feature_step": feature_step,
                "values": dataset.sequence(index)[::token_step, ::feature_step].ravel(),
            }


def _typical(members: Any, lengths: Any, count: int) -> list[int]:
    """`count` of `members`, evenly spread over their lengths, shortest first: of three the quartiles, of one the median."""
    ordered = members[np.argsort(lengths, kind="stable")]
    places = [round((len(ordered) - 1) * (place + 1) / (count + 1)) for place in range(count)]
    return [int(ordered[place]) for place in dict.fromkeys(places)]
