"""What is drawn in a training step: noise on the input, dropout masks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from seqsweep.seqmodels.backends.base import Rows
from seqsweep.seqmodels.hyperparameters import Lane
from seqsweep.seqmodels.layout import Layout
from seqsweep.seqmodels.randomness import Purpose, normal, uniform


class StepDraws:
    """Draws noise and dropout masks of some lanes in one step: for each lane alone, from its seed and the counters.

    Args:
        lanes: whose.
        layout: of their network.
        rows: the sequences of all lanes, as many for each.
        epoch: its number.
        step: its number in the epoch.
    """

    def __init__(self, lanes: Sequence[Lane], layout: Layout, rows: Rows, epoch: int, step: int) -> None:
        self._lanes = lanes
        self._architecture = layout.architecture
        self._rows = rows
        count = rows.lane.shape[0] // len(lanes)
        self._parts = [slice(lane * count, (lane + 1) * count) for lane in range(len(lanes))]
        self._counters = {"epoch": epoch, "step": step}

    def noisy(self, tokens: Float[Tensor, "N D"]) -> tuple[Float[Tensor, "M D"], Rows]:
        """Give the rows' tokens with noise, one row after the other; untouched where no lane wants any."""
        if not any(lane.hyperparameters.input_noise for lane in self._lanes):
            return tokens, self._rows
        noisy = tokens.index_select(0, self._rows.gather)
        first = 0
        for lane, part in zip(self._lanes, self._parts, strict=True):
            count = int(self._rows.length[part].sum())
            deviation = lane.hyperparameters.input_noise
            if deviation:
                draw = normal(lane.seed, Purpose.NOISE, (count, tokens.shape[1]), **self._counters)
                noisy[first : first + count] += deviation * torch.from_numpy(draw).to(tokens)
            first += count
        return noisy, self._rows.packed()

    def masks(self, dtype: torch.dtype) -> list[Tensor] | None:
        """Draw dropout masks as `Network.logits` takes them; None where no lane wants any."""
        if not any(lane.hyperparameters.dropout for lane in self._lanes):
            return None
        width = self._architecture.hidden * self._architecture.directions
        token_counts = [int(self._rows.length[part].sum()) for part in self._parts]
        row_counts = [part.stop - part.start for part in self._parts]
        masks = [
            self._mask(token_counts, width, layer, dtype) for layer in range(self._architecture.layers - 1)
        ]
        top = self._architecture.layers - 1
        return [*masks, self._mask(row_counts, self._architecture.readout_features, top, dtype)]

    def _mask(self, counts: list[int], features: int, layer: int, dtype: torch.dtype) -> Float[Tensor, "n F"]:
        parts = []
        for lane, count in zip(self._lanes, counts, strict=True):
            rate = lane.hyperparameters.dropout
            draw = uniform(lane.seed, Purpose.DROPOUT, (count, features), layer=layer, **self._counters)
            parts.append(torch.from_numpy(draw >= np.float32(rate)).to(dtype) / (1 - rate))
        return torch.cat(parts).to(self._rows.length.device)
