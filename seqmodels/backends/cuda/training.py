"""Whole epochs and evaluations of many lanes: in parts where they do not fit into the device's memory together."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from seqsweep.seqmodels.backends.base import Epoch, EpochResult
from seqsweep.seqmodels.backends.cuda.device import Device
from seqsweep.seqmodels.backends.cuda.epoch import SPARE_TOKENS, EpochRunner, largest_step, orders
from seqsweep.seqmodels.backends.cuda.network_pass import NetworkPass
from seqsweep.seqmodels.backends.cuda.step_inputs import LaneRows
from seqsweep.seqmodels.layout import Layout

T = TypeVar("T")
MOST_LANES = 65535
"""At once: lanes are a grid's blocks in y or z, of which there are no more."""


class LaneTraining:
    """Trains and evaluates lanes on a device: `EpochBackend`'s methods.

    Args:
        device: where.
        precision: see `NetworkPass`.
    """

    def __init__(self, device: Device, precision: str) -> None:
        self._device = device
        self._precision = precision
        self._runner: EpochRunner | None = None
        self._most_lanes = MOST_LANES
        """That fit at once, as far as is known; found by halving when memory runs out."""

    def train_epoch(self, epoch: Epoch) -> EpochResult:
        """Train every lane for an epoch, see `EpochBackend.train_epoch`."""
        parts = self._in_parts(len(epoch.lanes), lambda part: self._train(epoch.of(part)))
        return EpochResult(*(np.concatenate(each) for each in zip(*parts, strict=True)))

    def logits(
        self,
        layout: Layout,
        params: Float[Tensor, "K P"],
        tokens: Float[Tensor, "N D"],
        start: Int64[Tensor, "B"],
        length: Int64[Tensor, "B"],
    ) -> Float[Tensor, "K B C"]:
        """Compute logits, see `EpochBackend.logits`."""

        def evaluate(part: slice) -> Tensor:
            own = params[part]
            rows = _same_rows(self._device, len(own), start, length)
            network = NetworkPass(self._device, layout, rows, bptt=None, precision=self._precision)
            network.forward(own, tokens)
            return network.logits.view(len(own), len(start), layout.classes)

        return torch.cat(self._in_parts(len(params), evaluate))

    def _train(self, epoch: Epoch) -> EpochResult:
        sequences = orders(self._device, epoch)
        tokens = largest_step(epoch, sequences)
        runner = self._runner
        if runner is None or not runner.fits(epoch) or tokens > runner.most_tokens:
            self._runner = runner = None  # its memory is needed
            room = max(tokens, min(int(SPARE_TOKENS * tokens), _most(epoch)))
            runner = EpochRunner(self._device, epoch, room, self._precision)
            self._runner = runner
        return runner.run(epoch, sequences)

    def _in_parts(self, lanes: int, run: Callable[[slice], T]) -> list[T]:
        """Do `run` for all lanes, in as few parts as memory allows: what a lane gets does not depend on them."""
        found: list[T] = []
        first = 0
        while first < lanes:
            count = min(self._most_lanes, lanes - first)
            try:
                found.append(run(slice(first, first + count)))
                first += count
                continue
            except torch.OutOfMemoryError:
                if count == 1:
                    raise
            self._runner = None
            self._most_lanes = count // 2
            if self._device.tensor_device.type == "cuda":
                torch.cuda.empty_cache()
        return found


def _most(epoch: Epoch) -> int:
    """Count the tokens of the longest sequences that a step may have."""
    longest = epoch.length[epoch.train].sort(descending=True).values
    return int(longest[: epoch.batch_size].sum())


def _same_rows(device: Device, lanes: int, start: Int64[Tensor, "B"], length: Int64[Tensor, "B"]) -> LaneRows:
    """Give every lane the same sequences."""
    count, tokens = len(start), int(length.sum())
    rows = LaneRows.empty(device, lanes, count, tokens)
    first = torch.arange(lanes, device=start.device) * tokens
    rows.table.start.copy_(start.repeat(lanes))
    rows.table.length.copy_(length.repeat(lanes))
    rows.table.offset.copy_((first[:, None] + length.cumsum(0) - length).flatten())
    rows.count.fill_(count)
    rows.tokens.fill_(tokens)
    return rows
