"""The `cuda` backend: the recurrence as an autograd function around the kernels."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int64
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from seqsweep.seqmodels.backends.base import Epoch, EpochResult, Rows, Weights
from seqsweep.seqmodels.backends.cuda.device import Device
from seqsweep.seqmodels.backends.cuda.gpu import NoGpuError, first_gpu
from seqsweep.seqmodels.backends.cuda.memory import Measures, lane_bytes
from seqsweep.seqmodels.backends.cuda.recurrence import RecurrencePass, RowTable
from seqsweep.seqmodels.backends.cuda.shapes import PRECISIONS
from seqsweep.seqmodels.backends.cuda.training import LaneTraining
from seqsweep.seqmodels.layout import Layout


class CudaBackend:
    """Computes in float32 on a GPU of compute capability 8.0 or newer. All lanes of a call advance together.

    Args:
        device: what to run on; None for the GPU of this process. Where it has none, the backend still has its measures.
        precision: of matrix products: `tf32`, as torch's own recurrent modules on a GPU, or `float32`.

    Raises:
        ValueError: there is no such precision.
    """

    name = "cuda"
    lanes_per_call: int | None = None

    def __init__(self, device: Device | None = None, precision: str = "tf32") -> None:
        if precision not in PRECISIONS:
            raise ValueError(f"`precision` is {precision!r}, but must be one of {', '.join(PRECISIONS)}")
        self.device = device or _device_here()
        self.precision = precision
        major, minor = self.device.capability
        self.arithmetic = f"cuda {precision} sm_{major}{minor}"
        self._training = LaneTraining(self.device, precision)

    def train_epoch(self, epoch: Epoch) -> EpochResult:
        """Train every lane for an epoch, see `EpochBackend.train_epoch`.

        Lanes that do not fit into the device's memory together take turns.
        """
        self._check(epoch.tokens, epoch.params)
        return self._training.train_epoch(epoch)

    def logits(
        self,
        layout: Layout,
        params: Float[Tensor, "K P"],
        tokens: Float[Tensor, "N D"],
        start: Int64[Tensor, "B"],
        length: Int64[Tensor, "B"],
    ) -> Float[Tensor, "K B C"]:
        """Compute logits, see `EpochBackend.logits`."""
        self._check(tokens, params)
        return self._training.logits(layout, params, tokens, start, length)

    def call_bytes(self, layout: Layout, length: NDArray[np.int64], *, training: bool) -> int:
        """See `Backend.call_bytes`: device memory, counted."""
        return lane_bytes(self.device, layout, length, self.precision, training=training)

    def recurrence(
        self,
        cell: str,
        weights: Weights,
        tokens: Float[Tensor, "N F"],
        rows: Rows,
        *,
        reverse: bool,
        bptt: int | None,
        threads: int = 1,
    ) -> Float[Tensor, "M H"]:
        """Compute the recurrence, see `Backend.recurrence`. Lanes have no use for `threads` on a GPU.

        Raises:
            ValueError: not float32 on the backend's device, or more hidden units than there are kernels for.
        """
        self._check(tokens, *weights)
        output: Tensor = _Recurrence.apply(self, cell, rows, reverse, bptt, tokens.contiguous(), *weights)  # type: ignore[no-untyped-call]
        return output

    def _check(self, *tensors: Tensor) -> None:
        """Raise ValueError where kernels would take these for something else."""
        here = self.device.tensor_device
        for tensor in tensors:
            # a device of measures alone says itself why it computes nothing
            if tensor.dtype != torch.float32 or (tensor.device != here and here.type != "meta"):
                raise ValueError(
                    f"the cuda backend computes in float32 on {here}, not in {tensor.dtype} on {tensor.device}"
                )


def _device_here() -> Device:
    try:
        return first_gpu()
    except NoGpuError as error:
        return Measures(reason=str(error))


class _Recurrence(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        backend: CudaBackend,
        cell: str,
        rows: Rows,
        reverse: bool,
        bptt: int | None,
        tokens: Tensor,
        *parts: Tensor,
    ) -> Tensor:
        weights = Weights(*(part if part[0].is_contiguous() else part.contiguous() for part in parts))
        lanes, _, hidden = weights.weight_hh.shape
        table, rows_of_lane, lane_tokens = _table(rows, lanes)
        step = RecurrencePass(
            backend.device,
            cell,
            lanes=lanes,
            rows=rows_of_lane,
            tokens=rows.tokens,
            lane_tokens=lane_tokens,
            features=tokens.shape[1],
            hidden=hidden,
            reverse=reverse,
            bptt=bptt,
            precision=backend.precision,
            training=any(ctx.needs_input_grad),
        )
        output = backend.device.empty(rows.tokens, hidden)
        step.forward(weights, tokens, table, output)
        if step.training:
            ctx.step, ctx.table, ctx.rows = step, table, rows
            ctx.save_for_backward(tokens, output, *weights)
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, output_grad: Tensor) -> tuple[Tensor | None, ...]:
        step: RecurrencePass | None = ctx.step
        if step is None:
            raise RuntimeError(
                "the cuda backend's gradients can be asked for once: they take the place of what was saved"
            )
        ctx.step = None
        tokens, output, *parts = ctx.saved_tensors
        weights = Weights(*parts)
        grads = Weights(*(step.device.empty(*weight.shape) for weight in weights))
        token_grad = step.device.empty(len(output), tokens.shape[1]) if ctx.needs_input_grad[5] else None
        step.backward(weights, tokens, ctx.table, output, output_grad.contiguous(), grads, token_grad)
        if token_grad is not None:
            # adds up where rows share a token, in a fixed order on the GPU too, unlike index_add_
            token_grad = torch.zeros_like(tokens).index_put_((ctx.rows.gather,), token_grad, accumulate=True)
        return None, None, None, None, None, token_grad, *grads


def _table(rows: Rows, lanes: int) -> tuple[RowTable, int, int]:
    """Give as many rows to each lane, absent ones at its end; says how many, and the most tokens of a lane."""
    counts = torch.bincount(rows.lane, minlength=lanes)
    most = int(counts.max())
    within = torch.arange(len(rows.lane), device=rows.lane.device) - (counts.cumsum(0) - counts)[rows.lane]
    place = rows.lane * most + within
    start, length = (
        rows.start.new_zeros(lanes * most).index_copy_(0, place, part) for part in (rows.start, rows.length)
    )
    table = RowTable(start, length, length.cumsum(0) - length)
    return table, most, int(length.view(lanes, most).sum(1).max())
