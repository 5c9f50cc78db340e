"""How much memory a trial takes, known before it takes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqsweep.seqmodels.backends.base import Backend
from seqsweep.seqmodels.data.dataset import SequenceDataset
from seqsweep.seqmodels.data.splits import Splits
from seqsweep.seqmodels.engine import EVALUATION_BATCH
from seqsweep.seqmodels.hyperparameters import Lane
from seqsweep.seqmodels.layout import Layout
from seqsweep.seqmodels.optim import moment_buffers
from seqsweep.seqmodels.training_config import TrainingConfig

_FLOAT = 4
_STAGES = 4  # arrays that a random draw is computed in


@dataclass(frozen=True)
class Footprint:
    """Says the most bytes that a trial takes, beyond what the process takes before it.

    Args:
        data: the data set and what is computed from it.
        calls: what the backend's calls that run side by side take, each on its own lanes.
        parked: what lanes go on from after a rung.
        lane: of a lane whether it trains or not: its kept weights, its predictions.
        training: of a lane in training besides: weights, gradients, moments.
        together: of a lane in training besides, where one call has all of them: its part of the call.
        kept: of a lane whether it trains or not besides, while a checkpoint is written or read.
        saving: of a lane in training besides, then.
    """

    data: int
    calls: int
    parked: int
    lane: int
    training: int
    together: int
    kept: int
    saving: int

    @classmethod
    def of(
        cls,
        layout: Layout,
        lanes: Sequence[Lane],
        dataset: SequenceDataset,
        splits: Splits,
        config: TrainingConfig,
        backend: Backend,
        threads: int,
        parks: int = 0,
    ) -> Footprint:
        """Count for a `TrialRun` with these arguments, whose lanes are float32; so many (`parks`) wait at a rung."""
        row = _FLOAT * layout.width
        moments = max((moment_buffers(lane.hyperparameters) for lane in lanes), default=0)
        sequences = len(splits.train) + len(splits.validation) + len(splits.test)
        # logits, probabilities and the scores made of them; each with an index and a prediction
        predictions = (len(splits.validation) + len(splits.train)) * (3 * _FLOAT * layout.classes + 16)
        longest = _usual_most(dataset, splits.train, config.batch_size)
        step = backend.call_bytes(layout, longest, training=True)
        together = backend.lanes_per_call is None
        draws = _draws(layout, lanes, int(longest.sum()), stages=0 if together else _STAGES)
        evaluated = _longest(dataset, np.arange(len(dataset.length)), EVALUATION_BATCH)
        evaluation = backend.call_bytes(layout, evaluated, training=False)
        # a step's memory is kept for the next one
        call = step + max(draws, evaluation)
        return cls(
            data=dataset.tokens.nbytes + 3 * 8 * sequences,
            calls=0 if together else min(threads, max(1, len(lanes))) * call,
            parked=parks * row * (1 + moments),
            lane=row + predictions,
            training=row * (2 + moments),
            together=call if together else 0,
            kept=row,
            saving=row * (1 + moments),
        )

    def total(self, lanes: int, at_once: int | None = None, *, checkpoints: bool = False) -> int:
        """Add up the bytes for so many lanes of which so many (default: all) train at once."""
        at_once = lanes if at_once is None else min(at_once, lanes)
        saving = at_once * self.saving + lanes * self.kept + self.parked if checkpoints else 0
        in_training = at_once * (self.training + self.together)
        return self.data + self.calls + self.parked + lanes * self.lane + in_training + saving

    def lanes_at_once(self, lanes: int, limit: int) -> int:
        """Count the lanes that may train at once so that `total` with checkpoints stays within `limit` bytes; at least 1."""
        left = limit - self.total(lanes, 0, checkpoints=True)
        return max(1, min(lanes, left // (self.training + self.together + self.saving)))


def _longest(dataset: SequenceDataset, index: NDArray[np.int64], rows: int) -> NDArray[np.int64]:
    """Give the lengths of the largest batch that may come."""
    longest: NDArray[np.int64] = np.sort(dataset.length[index])[::-1][:rows]
    return longest


def _usual_most(dataset: SequenceDataset, index: NDArray[np.int64], rows: int) -> NDArray[np.int64]:
    """Give lengths of a batch as large as hardly any of many random ones: 3.5 standard deviations over the mean."""
    length = np.sort(dataset.length[index])
    rows = min(rows, len(length))
    spread = 3.5 * float(length.std()) / max(1e-9, float(length.mean()) * rows**0.5)
    typical = length[((np.arange(rows) + 0.5) / rows * len(length)).astype(np.int64)]
    most: NDArray[np.int64] = np.minimum(np.ceil(typical * (1 + spread)).astype(np.int64), length[-1])
    return most


def _draws(layout: Layout, lanes: Sequence[Lane], tokens: int, *, stages: int) -> int:
    """Count the bytes of one lane's dropout masks and noise in a step; a draw passes through `stages` arrays of its size."""
    settings = [lane.hyperparameters for lane in lanes]
    architecture = layout.architecture
    mask = noise = masks = 0
    if any(h.dropout for h in settings) and architecture.layers > 1:
        mask = tokens * architecture.hidden * architecture.directions
        masks = mask * (architecture.layers - 1)
    if any(h.input_noise for h in settings):
        noise = tokens * layout.features
    return _FLOAT * (masks + noise + stages * max(mask, noise))
