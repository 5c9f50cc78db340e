"""Bytes that a sweep moves and keeps: in Ray's object store, in Parquet, in checkpoints."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seqsweep.results.schema import SCHEMAS

if TYPE_CHECKING:
    from seqsweep.seqmodels.data.dataset import SequenceDataset
    from seqsweep.seqmodels.data.splits import Splits
    from seqsweep.seqmodels.layout import Layout
    from seqsweep.sweeps.spec.plan import TrialPlan

FILE_BYTES = {"lanes": 12_400, "epochs": 6_600, "confusions": 5_200, "predictions": 4_000}
"""Of a part with no rows: its schema, names and statistics. These and the next from 105 trials of five sweeps."""
ROW_BYTES = {"lanes": 37.0, "epochs": 27.0, "confusions": 0.7, "predictions": 11.0}
PROBABILITY_BYTES = 4.0
"""Of one class in a row of predictions: random digits, which no compression shortens."""
TENSOR_BYTES = 100
"""Of a model's file, besides the numbers, for each tensor."""


@dataclass(frozen=True)
class Written:
    """What a trial, or a sweep, leaves in the store: rows and bytes by table, and bytes of the models."""

    rows: Mapping[str, int]
    tables: Mapping[str, int]
    models: int

    @property
    def parquet(self) -> int:
        """Bytes of all tables."""
        return sum(self.tables.values())


def written(
    layout: Layout,
    trial: TrialPlan,
    splits: Splits,
) -> Written:
    """Count what one trial writes, whose lanes run all their epochs."""
    searched, tested = trial.most_lanes - len(trial.final_seeds), len(trial.final_seeds) or trial.seeds
    rows = {
        "lanes": trial.most_lanes,
        "epochs": sum(lanes * epochs for lanes, epochs in trial.stages),
        "confusions": (searched + tested) * layout.classes**2,
        "predictions": trial.seeds * len(splits.validation) + tested * len(splits.test),
    }
    each = dict(ROW_BYTES)
    each["predictions"] += PROBABILITY_BYTES * layout.classes
    tables = {name: FILE_BYTES[name] + round(count * each[name]) for name, count in rows.items()}
    model = 4 * layout.parameter_count + TENSOR_BYTES * len(layout.slices)
    return Written(rows, tables, tested * model)


def total(parts: list[Written]) -> Written:
    """Sum what all trials write."""
    return Written(
        {name: sum(part.rows[name] for part in parts) for name in SCHEMAS},
        {name: sum(part.tables[name] for part in parts) for name in SCHEMAS},
        sum(part.models for part in parts),
    )


def serialised(value: Any) -> int:
    """Bytes of `value` in Ray's object store: pickled, with its arrays beside the pickle. No array is copied to know it."""
    arrays: list[pickle.PickleBuffer] = []
    head = pickle.dumps(value, protocol=5, buffer_callback=arrays.append)
    return len(head) + sum(array.raw().nbytes for array in arrays)


def shared_data(data: Mapping[str, tuple[SequenceDataset, Splits]]) -> dict[str, int]:
    """Bytes of each data set in the object store, with its splits. A node has it once, for all its trials."""
    return {name: serialised(content) for name, content in data.items()}
