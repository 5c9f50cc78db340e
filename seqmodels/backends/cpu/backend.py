"""The `cpu` backend: the recurrence as an autograd function around the kernels, and whole training steps without autograd."""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import Array, byref, c_int64, c_void_p
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int64
from numpy.typing import NDArray
from torch import Tensor
from torch.autograd.function import once_differentiable

from seqsweep.seqmodels.architecture import READOUT_BITS
from seqsweep.seqmodels.backends.base import Batch, Rows, Updates, Weights
from seqsweep.seqmodels.backends.cpu.library import (
    INSTRUCTION_SETS,
    Recurrence,
    Step,
    Update,
    instruction_sets,
    library,
)
from seqsweep.seqmodels.backends.cpu.workspace import Loan, Workspaces
from seqsweep.seqmodels.cells import CELLS
from seqsweep.seqmodels.hyperparameters import OPTIMIZERS
from seqsweep.seqmodels.layout import Layout


class CpuBackend:
    """Computes in float32 on the CPU. Sequences are neither padded nor copied.

    Args:
        instruction_set: one of `instruction_sets()`; None for the widest. Each has its own bits.
        poison: see `Workspaces`.

    Raises:
        ValueError: the kernels were not built, or the machine cannot run `instruction_set`.
    """

    name = "cpu"
    lanes_per_call: int | None = 1  # the state of more lanes than threads would only fall out of the caches

    def __init__(self, *, instruction_set: str | None = None, poison: bool = False) -> None:
        usable = instruction_sets()
        self.instruction_set = instruction_set or usable[-1]
        if self.instruction_set not in usable:
            raise ValueError(
                f"`instruction_set` is {instruction_set!r}, but must be one of {', '.join(usable)} on this machine"
            )
        self.arithmetic = f"cpu {self.instruction_set}"
        self.workspaces = Workspaces(poison=poison)

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
        """Compute the recurrence, see `Backend.recurrence`.

        Lanes are shared out to `threads`, and a lane's rows where lanes are fewer.

        Raises:
            ValueError: not float32 on the CPU.
        """
        _check(tokens, *weights)
        output: Tensor = _Recurrence.apply(  # type: ignore[no-untyped-call]
            self, cell, rows, reverse, bptt, threads, tokens.contiguous(), *weights
        )
        return output

    def describe_call(
        self,
        cell: str,
        rows: Rows,
        reverse: bool,
        bptt: int | None,
        threads: int,
        tokens: Tensor,
        weights: Weights,
    ) -> Recurrence:
        """Fill the C struct of a call, without outputs and workspaces."""
        call = Recurrence(
            cell=CELLS.index(cell),
            instruction_set=INSTRUCTION_SETS.index(self.instruction_set),
            reverse=reverse,
            threads=threads,
            bptt=bptt or 0,
            hidden=weights.weight_hh.shape[2],
            features=tokens.shape[1],
            lanes=weights.weight_hh.shape[0],
            rows=len(rows.lane),
            lane=rows.lane.data_ptr(),
            start=rows.start.data_ptr(),
            length=rows.length.data_ptr(),
            tokens=tokens.data_ptr(),
            output_stride=weights.weight_hh.shape[2],
        )
        for name, value in weights._asdict().items():
            setattr(call, name, value.data_ptr())
            setattr(call, f"{name}_stride", value.stride(0))
        return call

    def gradients(
        self,
        layout: Layout,
        params: Float[Tensor, "k P"],
        batch: Batch,
        bptt: int | None,
        grads: Float[Tensor, "k P"],
        *,
        threads: int = 1,
    ) -> tuple[Float[Tensor, "k"], Int64[Tensor, "k"]]:
        """Compute loss and gradients of a step, see `Steps.gradients`.

        Writes straight into `grads`; what the backward pass needs stays in a workspace.

        Raises:
            ValueError: not float32 on the CPU.
        """
        weights = None if batch.class_weights is None else batch.class_weights.contiguous()
        _check(batch.tokens, params, grads, *(batch.masks or ()), *(() if weights is None else (weights,)))
        tokens = batch.tokens.contiguous()
        masks = None if batch.masks is None else [mask.contiguous() for mask in batch.masks]
        start, length, label = (
            part.contiguous() for part in (batch.rows.start, batch.rows.length, batch.label)
        )
        lanes = params.shape[0]
        count = length.shape[0] // lanes
        step = self._describe_step(layout, count, threads)
        step.bptt = bptt or 0
        step.tokens = tokens.data_ptr()
        step.class_weights = None if weights is None else weights.data_ptr()
        losses, corrects, first_token = [], [], 0
        for lane in range(lanes):
            first_row = lane * count
            step.start = start.data_ptr() + 8 * first_row
            step.length = length.data_ptr() + 8 * first_row
            step.label = label.data_ptr() + 8 * first_row
            step.params, step.grads = _row(params, lane), _row(grads, lane)
            step.smoothing = batch.smoothing[lane]
            if masks is not None:
                step.masks = _addresses(masks, [first_token] * (len(masks) - 1) + [first_row])
                first_token += int(length[first_row : first_row + count].sum())
            workspace = self.workspaces.lend(library().step_workspace(byref(step)))
            step.workspace = workspace.address
            library().step_gradients(byref(step))
            workspace.close()
            losses.append(step.loss)
            corrects.append(step.correct)
        return torch.tensor(losses), torch.tensor(corrects)

    def update(
        self,
        updates: Updates,
        step: int,
        params: Float[Tensor, "k P"],
        grads: Float[Tensor, "k P"],
    ) -> None:
        """Update weights after a step, see `Steps.update`. `grads` is only read.

        Raises:
            ValueError: not float32 on the CPU.
        """
        first, second = updates.first, updates.second
        _check(params, grads, *(moments for moments in (first, second) if moments is not None))
        call = Update(instruction_set=INSTRUCTION_SETS.index(self.instruction_set), count=params.shape[1])
        lanes = zip(updates.kinds, updates.max_norm, updates.coefficients[:, step].tolist(), strict=True)
        for lane, (kind, max_norm, coefficients) in enumerate(lanes):
            call.optimizer = OPTIMIZERS.index(kind.optimizer)
            call.nesterov = kind.nesterov
            call.max_norm = -1.0 if max_norm is None else max_norm
            call.params, call.grads = _row(params, lane), _row(grads, lane)
            call.first = _row(first, lane) if first is not None and kind.uses_first else None
            call.second = _row(second, lane) if second is not None and kind.uses_second else None
            call.coefficients = tuple(coefficients)
            library().update_lane(byref(call))

    def call_bytes(self, layout: Layout, length: NDArray[np.int64], *, training: bool) -> int:
        """See `Backend.call_bytes`. Exact: what a workspace has grown beyond it is never touched."""
        length = np.ascontiguousarray(length, dtype=np.int64)
        architecture = layout.architecture
        if training:
            step = self._describe_step(layout, len(length), threads=1)
            step.start = step.length = length.ctypes.data
            return 4 * int(library().step_workspace(byref(step)))
        # a layer's input and output, and their join where a layer has two directions
        copies = min(architecture.layers, 2) + (architecture.directions - 1)
        return 4 * copies * int(length.sum()) * architecture.hidden * architecture.directions

    def _describe_step(self, layout: Layout, rows: int, threads: int) -> Step:
        """Fill the C struct of a training step, without its batch."""
        architecture = layout.architecture
        return Step(
            cell=CELLS.index(architecture.cell),
            instruction_set=INSTRUCTION_SETS.index(self.instruction_set),
            threads=threads,
            directions=architecture.directions,
            readout=sum(READOUT_BITS[part] for part in architecture.readout),
            layers=architecture.layers,
            hidden=architecture.hidden,
            features=layout.features,
            classes=layout.classes,
            rows=rows,
            head_hidden=architecture.head_hidden,
            offsets=layout.offsets.ctypes.data,
        )


class _Recurrence(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        backend: CpuBackend,
        cell: str,
        rows: Rows,
        reverse: bool,
        bptt: int | None,
        threads: int,
        tokens: Tensor,
        *parts: Tensor,
    ) -> Tensor:
        weights = Weights(*(_dense_lanes(part) for part in parts))
        rows = Rows(rows.lane.contiguous(), rows.start.contiguous(), rows.length.contiguous())
        call = backend.describe_call(cell, rows, reverse, bptt, threads, tokens, weights)
        call.training = any(ctx.needs_input_grad)
        output = torch.empty(rows.tokens, call.hidden)
        saved_floats, scratch_floats = c_int64(), c_int64()
        library().recurrence_workspace(byref(call), byref(saved_floats), byref(scratch_floats))
        saved = backend.workspaces.lend(saved_floats.value)
        scratch = backend.workspaces.lend(scratch_floats.value)
        call.output, call.saved, call.scratch = output.data_ptr(), saved.address, scratch.address
        library().recurrence_forward(byref(call))
        scratch.close()
        if call.training:
            ctx.backend, ctx.call, ctx.rows, ctx.saved = backend, call, rows, saved
            ctx.scratch_floats = scratch_floats.value
            ctx.save_for_backward(
                tokens, *weights
            )  # holds what `call` points to, and checks that nobody changed it
        else:
            saved.close()
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, output_grad: Tensor) -> tuple[Tensor | None, ...]:
        tokens, *weights = ctx.saved_tensors
        call: Recurrence = ctx.call
        saved: Loan = ctx.saved
        output_grad = output_grad.contiguous()
        call.saved = saved.address
        call.output_grad = output_grad.data_ptr()
        grads = [torch.empty(weight.shape) for weight in weights]
        for name, grad in zip(Weights._fields, grads, strict=True):
            setattr(call, f"{name}_grad", grad.data_ptr())
        token_grad = torch.empty(len(output_grad), tokens.shape[1]) if ctx.needs_input_grad[6] else None
        call.token_grad = None if token_grad is None else token_grad.data_ptr()
        scratch = ctx.backend.workspaces.lend(ctx.scratch_floats)
        call.scratch = scratch.address
        library().recurrence_backward(byref(call))
        scratch.close()
        saved.close()
        if token_grad is not None:
            token_grad = _to_tokens(token_grad, ctx.rows, len(tokens))
        return None, None, None, None, None, None, token_grad, *grads


def _check(*tensors: Tensor) -> None:
    for tensor in tensors:
        if tensor.dtype != torch.float32 or tensor.device.type != "cpu":
            raise ValueError(
                f"the cpu backend computes in float32 on the CPU, not in {tensor.dtype} on {tensor.device}"
            )


def _row(values: Float[Tensor, "k P"], lane: int) -> int:
    """Find a lane's row in memory."""
    return values.data_ptr() + 4 * values.stride(0) * lane


def _addresses(masks: Sequence[Float[Tensor, "..."]], first: Sequence[int]) -> Array[c_void_p]:
    """Find one row of each mask in memory."""
    places = [mask.data_ptr() + 4 * mask.shape[1] * row for mask, row in zip(masks, first, strict=True)]
    return (c_void_p * len(places))(*places)


def _dense_lanes(part: Float[Tensor, "K ..."]) -> Float[Tensor, "K ..."]:
    """Lay weights as the kernels want them: each lane's values adjacent, lanes at any distance."""
    return part if part[0].is_contiguous() else part.contiguous()


def _to_tokens(grad: Float[Tensor, "M F"], rows: Rows, count: int) -> Float[Tensor, "N F"]:
    """Add up the gradients of tokens that rows share."""
    if count == len(grad) and torch.equal(rows.start, rows.offset):
        return grad
    return torch.zeros(count, grad.shape[1]).index_add_(0, rows.gather, grad)
