"""Describes a data set for `sweep.json`, and says what to beware of in it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from seqsweep.seqmodels.data.findings import findings
from seqsweep.seqmodels.data.registry import format_named

if TYPE_CHECKING:
    from seqsweep.results.analysis.caution import Caution
    from seqsweep.seqmodels.data.dataset import SequenceDataset
    from seqsweep.seqmodels.data.splits import Splits
    from seqsweep.sweeps.datasets.loading import Data


def description(dataset: SequenceDataset, splits: Splits) -> dict[str, Any]:
    """Make what `sweep.json` says about a data set, findings included: plain values.

    It takes a pass over the data, as no reader of the store has them.
    """
    parts = {"train": splits.train, "validation": splits.validation, "test": splits.test}
    return {
        "name": dataset.name,
        "format": dataset.reading["format"],
        "reading": dict(dataset.reading),
        "drawing": format_named(dataset.reading["format"]).drawing,
        "synthetic": dataset.synthetic,
        "features": dataset.feature_count,
        "classes": list(dataset.class_names),
        "train": len(splits.train),
        "validation": len(splits.validation),
        "test": len(splits.test),
        "fingerprint": dataset.fingerprint,
        "normalization": dict(dataset.normalization),
        "notes": list(dataset.notes),
        "length_min": int(dataset.length.min()),
        "length_median": float(np.median(dataset.length)),
        "length_max": int(dataset.length.max()),
        "tokens": int(dataset.length.sum()),
        "groups": None if dataset.group is None else len(np.unique(dataset.group)),
        "class_counts": {
            name: np.bincount(dataset.label[part], minlength=dataset.class_count).tolist()
            for name, part in parts.items()
        },
        "class_lengths": [
            [int(length.min()), float(np.median(length)), int(length.max())]
            for length in (dataset.length[dataset.label == label] for label in range(dataset.class_count))
        ],
        "findings": [asdict(finding) for finding in findings(dataset, splits)],
    }


def data_cautions(data: Data) -> dict[str, tuple[Caution, ...]]:
    """Find what to beware of in the data before anything is trained, by data set; none where there is nothing."""
    from seqsweep.results.analysis.data_cautions import data_cautions as data_cautions_of

    found = {name: data_cautions_of(description(*each)) for name, each in data.items()}
    return {name: cautions for name, cautions in found.items() if cautions}
