"""Whole epochs on the device: one step is recorded once and repeated, and the host waits once an epoch."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import torch
from jaxtyping import Float32, Int32, Int64
from torch import Tensor

from seqsweep.seqmodels.backends.base import Epoch, EpochResult
from seqsweep.seqmodels.backends.cuda.device import Device, Kernel, Long
from seqsweep.seqmodels.backends.cuda.network_pass import NetworkPass
from seqsweep.seqmodels.backends.cuda.step_inputs import THREADS, Draws, LaneRows, blocks
from seqsweep.seqmodels.hyperparameters import OPTIMIZERS
from seqsweep.seqmodels.updates import COEFFICIENTS

_NORM_PART = 4096  # as in update.cuh
_ROW_THREADS = 128
_KEYS = 4  # of a thread in `order_keys`
SPARE_TOKENS = 1.05
"""Room beyond the largest batch seen so far: the next epoch's may be a little larger."""


class EpochRunner:
    """Runs epochs of the same lanes in the same memory.

    Args:
        device: where.
        epoch: the first; those that follow must have the same layout, lanes and tensors (`fits`).
        most_tokens: of a lane in a step.
        precision: see `NetworkPass`.
    """

    def __init__(self, device: Device, epoch: Epoch, most_tokens: int, precision: str) -> None:
        self._device = device
        self._epoch = epoch
        self.most_tokens = most_tokens
        lanes, settings = len(epoch.lanes), [lane.hyperparameters for lane in epoch.lanes]
        to = device.tensor_device
        self._sequences = device.empty(lanes, len(epoch.train), dtype=torch.int64)
        self._coefficients = device.empty(lanes, epoch.steps, COEFFICIENTS)
        self._step = device.empty(lanes, dtype=torch.int32)
        self._frozen = device.empty(lanes, dtype=torch.int32)
        self._loss = device.empty(lanes, dtype=torch.float64)
        self._correct = device.empty(lanes, dtype=torch.int64)
        self._steps = device.empty(lanes, dtype=torch.int64)
        self._totals = device.empty(4, lanes, dtype=torch.float64)
        self._smoothing = _floats([h.label_smoothing for h in settings], to)
        updates = epoch.updates
        self._optimizer = _ints([OPTIMIZERS.index(kind.optimizer) for kind in updates.kinds], to)
        self._momentum = _ints([kind.momentum for kind in updates.kinds], to)
        self._nesterov = _ints([kind.nesterov for kind in updates.kinds], to)
        self._max_norm = _floats([-1.0 if limit is None else limit for limit in updates.max_norm], to)
        self._clips = any(limit is not None for limit in updates.max_norm)
        self._norm_parts = math.ceil(epoch.layout.width / _NORM_PART)
        self._norms = device.empty(lanes, self._norm_parts)
        self._draws = Draws(
            seed=torch.tensor([lane.seed for lane in epoch.lanes], device=to),
            dropout=_floats([h.dropout for h in settings], to),
            kept=_floats([1 - h.dropout for h in settings], to),
            noise=_floats([h.input_noise for h in settings], to),
            epoch=torch.zeros(1, dtype=torch.int32, device=to),
            step=self._step,
            any_dropout=any(h.dropout for h in settings),
            any_noise=any(h.input_noise for h in settings),
        )
        rows = min(epoch.batch_size, len(epoch.train))
        self._rows = LaneRows.empty(device, lanes, rows, most_tokens)
        self._network = NetworkPass(
            device,
            epoch.layout,
            self._rows,
            bptt=epoch.bptt,
            precision=precision,
            draws=self._draws,
            training=True,
        )
        self._replay = device.record(self._launch_step)

    def fits(self, epoch: Epoch) -> bool:
        """Tell whether `epoch` is one of the same lanes in the same memory."""
        own = self._epoch
        return (
            own.layout is epoch.layout
            and own.lanes == epoch.lanes
            and (own.batch_size, own.bptt, own.steps) == (epoch.batch_size, epoch.bptt, epoch.steps)
            and len(own.train) == len(epoch.train)
            and _places(own) == _places(epoch)
        )

    def run(self, epoch: Epoch, sequences: Int64[Tensor, "K n"]) -> EpochResult:
        """Run the epoch; `sequences` are each lane's, in its order."""
        self._sequences.copy_(sequences)
        self._coefficients.copy_(epoch.updates.coefficients)
        self._draws.epoch.fill_(epoch.number)
        self._step.fill_(-1)
        for total in (self._frozen, self._loss, self._correct, self._steps):
            total.zero_()
        for _ in range(epoch.steps):
            self._replay()
        # no memory is asked for from the first step on: an epoch that has begun does not fail for want of it
        for place, total in enumerate((self._loss, self._correct, self._steps, self._frozen)):
            self._totals[place].copy_(total)
        loss, correct, steps, frozen = self._totals.cpu().numpy()
        return EpochResult(
            np.where(frozen != 0, np.nan, loss), correct.astype(np.int64), steps.astype(np.int64)
        )

    def _launch_step(self) -> None:
        epoch, rows, device = self._epoch, self._rows, self._device
        lanes = len(epoch.lanes)
        device.launch(
            Kernel("rows.cuh", "batch_rows"),
            (lanes, 1, 1),
            _ROW_THREADS,
            8 * _ROW_THREADS,
            self._sequences,
            epoch.start,
            epoch.length,
            epoch.label,
            self._frozen,
            len(epoch.train),
            rows.most,
            Long(rows.most_tokens),
            self._step,
            *rows.table,
            rows.label,
            rows.count,
            rows.tokens,
        )
        self._network.forward(epoch.params, epoch.tokens)
        device.launch(
            Kernel("head.cuh", "cross_entropy"),
            (lanes, 1, 1),
            THREADS,
            8 * THREADS // 32,
            self._network.logits,
            rows.label,
            rows.count,
            self._smoothing,
            epoch.class_weights,
            rows.most,
            epoch.layout.classes,
            self._frozen,
            self._loss,
            self._correct,
            self._steps,
        )
        self._network.backward(epoch.params, epoch.tokens, epoch.grads)
        self._launch_update()

    def _launch_update(self) -> None:
        epoch, updates = self._epoch, self._epoch.updates
        lanes, width = epoch.params.shape
        if self._clips:
            self._device.launch(
                Kernel("update.cuh", "squared_norms"),
                (self._norm_parts, lanes, 1),
                THREADS,
                4 * THREADS // 32,
                epoch.grads,
                width,
                self._norms,
            )
        self._device.launch(
            Kernel("update.cuh", "update_lanes"),
            (blocks(width), lanes, 1),
            THREADS,
            4,
            epoch.params,
            epoch.grads,
            updates.first,
            updates.second,
            self._norms,
            self._optimizer,
            self._momentum,
            self._nesterov,
            self._max_norm,
            self._coefficients,
            self._step,
            self._frozen,
            width,
            self._norm_parts,
            epoch.steps,
        )


def orders(device: Device, epoch: Epoch) -> Int64[Tensor, "K n"]:
    """Order each lane's sequences for the epoch, the same as `seqsweep.seqmodels.randomness.permutation` gives."""
    lanes, count = len(epoch.lanes), len(epoch.train)
    keys = device.empty(lanes, count, dtype=torch.int64)
    seed = torch.tensor([lane.seed for lane in epoch.lanes], device=device.tensor_device)
    device.launch(
        Kernel("draws.cuh", "order_keys"),
        (math.ceil(count / (_KEYS * _ROW_THREADS)), lanes, 1),
        _ROW_THREADS,
        0,
        seed,
        count,
        epoch.number,
        keys,
    )
    return epoch.train[torch.argsort(keys, dim=1, stable=True)]


def largest_step(epoch: Epoch, sequences: Int64[Tensor, "K n"]) -> int:
    """Count the most tokens of a lane in a step of this epoch."""
    length = epoch.length[sequences]
    missing = epoch.steps * epoch.batch_size - length.shape[1]
    steps = torch.nn.functional.pad(length, (0, missing)).view(len(length), epoch.steps, -1).sum(2)
    return int(steps.max())


def _floats(values: Iterable[float], device: torch.device) -> Float32[Tensor, "K"]:
    return torch.tensor(
        list(values), dtype=torch.float32, device=device
    )  # of whole numbers it would make integers


def _ints(values: Iterable[int], device: torch.device) -> Int32[Tensor, "K"]:
    return torch.tensor(list(values), dtype=torch.int32, device=device)


def _places(epoch: Epoch) -> list[int]:
    """Say where everything lies that a recorded step reads and writes."""
    updates = epoch.updates
    tensors = (
        epoch.tokens,
        epoch.start,
        epoch.length,
        epoch.label,
        epoch.params,
        epoch.grads,
        updates.first,
        updates.second,
        epoch.class_weights,
    )
    return [0 if tensor is None else tensor.data_ptr() for tensor in tensors]
