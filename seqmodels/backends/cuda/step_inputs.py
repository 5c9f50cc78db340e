"""What the launches of a step read besides data and weights: the lanes' rows, and what their random draws depend on."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float32, Int32, Int64
from torch import Tensor

from seqsweep.seqmodels.backends.cuda.device import Device, Kernel, Long
from seqsweep.seqmodels.backends.cuda.recurrence import RowTable

THREADS = 256
_UNIFORMS = 8  # draws of a thread in `dropout`


def blocks(threads: int) -> int:
    """Count the blocks, of `THREADS` threads each."""
    return math.ceil(threads / THREADS)


@dataclass(frozen=True, eq=False)
class LaneRows:
    """Holds the rows of K lanes, R places each, written by the device.

    Args:
        table: where the rows are; outputs of lane k begin at `k * T`.
        label: class of each row.
        count: rows of each lane.
        tokens: tokens of each lane.
        most: R.
        most_tokens: T.
    """

    table: RowTable
    label: Int64[Tensor, "KR"]
    count: Int64[Tensor, "K"]
    tokens: Int64[Tensor, "K"]
    most: int
    most_tokens: int

    @classmethod
    def empty(cls, device: Device, lanes: int, most: int, most_tokens: int) -> LaneRows:
        """Take memory for rows of `lanes` lanes, not yet written."""
        start, length, offset, label = (device.empty(lanes * most, dtype=torch.int64) for _ in range(4))
        count, tokens = (device.empty(lanes, dtype=torch.int64) for _ in range(2))
        return cls(RowTable(start, length, offset), label, count, tokens, most, most_tokens)

    @property
    def lanes(self) -> int:
        """Count the lanes, K."""
        return len(self.count)

    @property
    def packed(self) -> RowTable:
        """Describe the rows in an array that holds them as the outputs do."""
        return RowTable(self.table.offset, self.table.length, self.table.offset)


@dataclass(frozen=True, eq=False)
class Draws:
    """Holds what the random draws of a step depend on, on the device.

    Args:
        seed: of each lane.
        dropout: rate of each lane.
        kept: 1 - rate.
        noise: standard deviation of each lane.
        epoch: its number.
        step: of the epoch.
        any_dropout, any_noise: whether any lane has some.
    """

    seed: Int64[Tensor, "K"]
    dropout: Float32[Tensor, "K"]
    kept: Float32[Tensor, "K"]
    noise: Float32[Tensor, "K"]
    epoch: Int32[Tensor, "1"]
    step: Int32[Tensor, "K"]
    any_dropout: bool
    any_noise: bool

    def add_noise(
        self, device: Device, rows: LaneRows, tokens: Float[Tensor, "N D"], noisy: Float[Tensor, "M D"]
    ) -> None:
        """Launch: the rows' tokens with noise, where the outputs of the rows are."""
        device.launch(
            Kernel("draws.cuh", "noisy_tokens"),
            (rows.most, rows.lanes, 1),
            THREADS,
            0,
            tokens,
            *rows.table,
            self.seed,
            self.noise,
            self.step,
            self.epoch,
            tokens.shape[1],
            Long(rows.most_tokens),
            noisy,
        )

    def drop_steps(
        self,
        device: Device,
        rows: LaneRows,
        layer: int,
        values: Float[Tensor, "M F"],
        to: Float[Tensor, "M F"],
    ) -> None:
        """Launch: the mask after a layer on its outputs, or on their gradients."""
        self._drop(device, rows.tokens, rows.most_tokens, layer, values, to)

    def drop_summaries(
        self, device: Device, rows: LaneRows, layer: int, values: Float[Tensor, "KR F"]
    ) -> None:
        """Launch: the mask before the head, in place, on the rows' summaries or on their gradients; `layer` is the top one."""
        self._drop(device, rows.count, rows.most, layer, values, values)

    def _drop(
        self,
        device: Device,
        items: Int64[Tensor, "K"],
        most: int,
        layer: int,
        values: Float[Tensor, "n F"],
        to: Float[Tensor, "n F"],
    ) -> None:
        features = values.shape[1]
        device.launch(
            Kernel("draws.cuh", "dropout"),
            (blocks(math.ceil(most * features / _UNIFORMS)), len(items), 1),
            THREADS,
            0,
            values,
            to,
            items,
            self.seed,
            self.dropout,
            self.kept,
            self.step,
            self.epoch,
            layer,
            features,
            Long(most),
        )
