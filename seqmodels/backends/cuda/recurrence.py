"""One direction of one layer on a device: its workspaces, and the launches of its forward and backward."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from seqsweep.seqmodels.backends.base import Weights
from seqsweep.seqmodels.backends.cuda.device import Argument, Device, Kernel, Long
from seqsweep.seqmodels.backends.cuda.shapes import (
    CELL_SHAPES,
    PRECISIONS,
    RecurrenceShape,
    backward_shape,
    forward_shape,
)

TILE = (128, 64)  # of tile_product.cuh
ALL = 1 << 30  # tokens: a chunk that holds any lane
MOST_TOKENS = (1 << 31) - 1  # of an array: kernels count them in 32 bits


class RowTable(NamedTuple):
    """Lists the rows of K lanes, R each, on the device: row r of lane k is entry k * R + r.

    A lane's rows lie one after the other in the outputs: `offset[r + 1] == offset[r] + length[r]`.
    """

    start: Int64[Tensor, "KR"]
    """First token in the input."""
    length: Int64[Tensor, "KR"]
    """Tokens; 0 where the row is absent."""
    offset: Int64[Tensor, "KR"]
    """First token in the outputs."""


class RecurrencePass:
    """Runs one direction of one layer for K lanes, forward and backward.

    Both only launch: no memory is taken, nothing is waited for.

    Args:
        device: what to run on.
        cell: as in `Architecture.cell`.
        lanes: K.
        rows: R, rows of a lane.
        tokens: tokens of the outputs, M.
        lane_tokens: the most tokens of one lane.
        features: of the input, F.
        hidden: H.
        reverse: rows are read from their end.
        bptt: see `Backend.recurrence`.
        precision: `tf32` or `float32`.
        training: whether there will be a backward.

    Raises:
        ValueError: more hidden units than there are kernels for.
        torch.OutOfMemoryError: more tokens than kernels can count.
    """

    def __init__(
        self,
        device: Device,
        cell: str,
        *,
        lanes: int,
        rows: int,
        tokens: int,
        lane_tokens: int,
        features: int,
        hidden: int,
        reverse: bool,
        bptt: int | None,
        precision: str,
        training: bool,
    ) -> None:
        if tokens > MOST_TOKENS:
            raise torch.OutOfMemoryError(f"{tokens} tokens at once, but there may be at most {MOST_TOKENS}")
        self.device, self.lanes, self.rows, self.lane_tokens = device, lanes, rows, lane_tokens
        self.features, self.hidden, self.reverse, self.bptt = features, hidden, reverse, bptt
        self.training = training
        self._cell = CELL_SHAPES[cell]
        self._precision = PRECISIONS[precision]
        self._forward = forward_shape(device, cell, features, hidden, precision)
        self._backward = backward_shape(device, cell, hidden, precision)
        projects = not self._forward.input_steps
        self._saved = device.empty(tokens, hidden, self._cell.sums) if training or projects else None
        self._cells = device.empty(tokens, hidden) if training and self._cell.has_cell_state else None
        self._token_map = device.empty(tokens, 2, dtype=torch.int32) if training or projects else None
        self._packed_forward = self._packed(self._forward)
        self._packed_backward = self._packed(self._backward) if training else None
        self._columns = hidden + features + 1
        self._chunk = chunk_tokens(self._cell.sums * hidden, self._columns)
        self._chunks = _parts(max(lane_tokens, 1), self._chunk)
        self._partial = (
            device.empty(lanes, self._chunks, self._cell.sums * hidden, self._columns) if training else None
        )

    def forward(
        self,
        weights: Weights,
        inputs: Float[Tensor, "N F"],
        rows: RowTable,
        output: Float[Tensor, "M H"],
    ) -> None:
        """Write the output of every step of every row.

        Args:
            weights: each lane's values adjacent, lanes at any distance.
            inputs: a token's features adjacent, tokens at any distance.
            rows: the rows.
            output: as `inputs`; what belongs to no row is left as it is.

        Raises:
            ValueError: more tokens of the input than kernels can count.
        """
        shape = self._forward
        if len(inputs) > MOST_TOKENS:
            raise ValueError(
                f"the data have {len(inputs)} tokens, but must have at most {MOST_TOKENS} with the cuda backend"
            )
        if self._token_map is not None:
            self._launch(
                Kernel("lane_tokens.cuh", "token_map"),
                (_parts(self.rows, 8), self.lanes, 1),
                rows.start,
                rows.length,
                rows.offset,
                self.rows,
                self._token_map,
                int(self.reverse),
            )
        if not shape.input_steps:
            m_tiles, n_tiles = (
                _parts(self.lane_tokens, TILE[0]),
                _parts(self.hidden * self._cell.sums, TILE[1]),
            )
            self._launch(
                self._kernel("projection.cuh", "projection"),
                (m_tiles, n_tiles, self.lanes),
                *_with_stride(weights.weight_ih),
                *_with_stride(weights.bias_ih),
                *_with_stride(weights.bias_hh),
                *_with_stride(inputs),
                rows.length,
                rows.offset,
                self.rows,
                self._token_map,
                self._saved,
                self.hidden,
                self.features,
            )
        self._pack(shape, weights.weight_hh, self._packed_forward)
        self.device.launch(
            shape.kernel,
            (_parts(self.rows, shape.rows), self.lanes, 1),
            shape.threads,
            shape.shared_bytes,
            *_with_stride(weights.weight_ih),
            *_with_stride(weights.weight_hh),
            *_with_stride(weights.bias_ih),
            *_with_stride(weights.bias_hh),
            self._packed_forward,
            *_with_stride(inputs),
            *rows,
            self.rows,
            self._saved,
            self._cells,
            *_with_stride(output),
            self.hidden,
            self.features,
            shape.input_steps,
            shape.shared_steps,
            int(self.reverse),
            int(self.training),
        )

    def backward(
        self,
        weights: Weights,
        inputs: Float[Tensor, "N F"],
        rows: RowTable,
        output: Float[Tensor, "M H"],
        output_grad: Float[Tensor, "M H"],
        grads: Weights,
        input_grad: Float[Tensor, "M F"] | None,
        *,
        add: bool = False,
    ) -> None:
        """Write the gradients of the weights and of the input; once for every `forward`, whose arguments are unchanged.

        Args:
            weights: as in `forward`.
            inputs: as in `forward`.
            rows: as in `forward`.
            output: what `forward` wrote.
            output_grad: gradient of the output, tokens at any distance.
            grads: where the gradients of `weights` belong.
            input_grad: where the gradient of the input of each token of the outputs belongs; None if nobody wants it.
            add: whether to add to what is in `input_grad`.
        """
        shape, history = self._backward, output if self._cells is None else self._cells
        self._pack(shape, weights.weight_hh, self._packed_backward)
        self.device.launch(
            shape.kernel,
            (_parts(self.rows, shape.rows), self.lanes, 1),
            shape.threads,
            shape.shared_bytes,
            *_with_stride(weights.weight_hh),
            self._packed_backward,
            rows.length,
            rows.offset,
            self.rows,
            self._saved,
            *_with_stride(history),
            *_with_stride(output_grad),
            self.hidden,
            shape.shared_steps,
            int(self.reverse),
            self.bptt or 0,
        )
        values = self._cell.sums * self.hidden
        self._launch(
            self._kernel("weight_gradient.cuh", "weight_gradient"),
            (_parts(values, TILE[0]) * _parts(self._columns, TILE[1]), self._chunks, self.lanes),
            self._saved,
            *_with_stride(output),
            *_with_stride(inputs),
            rows.length,
            rows.offset,
            self.rows,
            self._token_map,
            self._partial,
            self.hidden,
            self.features,
            self._chunk,
        )
        self._launch(
            Kernel("weight_gradient.cuh", f"add_chunks<{self._cell.struct}>"),
            (_parts(values * self._columns, 256), self.lanes, 1),
            self._partial,
            rows.length,
            rows.offset,
            self.rows,
            self.hidden,
            self.features,
            self._chunk,
            self._chunks,
            *_with_stride(grads.weight_ih),
            *_with_stride(grads.weight_hh),
            *_with_stride(grads.bias_ih),
            *_with_stride(grads.bias_hh),
        )
        if input_grad is not None:
            self._launch(
                self._kernel("projection.cuh", "input_gradient"),
                (_parts(self.lane_tokens, TILE[0]), _parts(self.features, TILE[1]), self.lanes),
                *_with_stride(weights.weight_ih),
                rows.length,
                rows.offset,
                self.rows,
                self._saved,
                *_with_stride(input_grad),
                self.hidden,
                self.features,
                int(add),
            )

    def _kernel(self, file: str, name: str) -> Kernel:
        return Kernel(file, f"{name}<{self._cell.struct}, {self._precision}>")

    def _launch(self, kernel: Kernel, grid: tuple[int, int, int], *arguments: Argument) -> None:
        self.device.launch(kernel, grid, 256, TILE_SHARED_BYTES.get(kernel.name.split("<")[0], 0), *arguments)

    def _packed(self, shape: RecurrenceShape) -> Tensor | None:
        return self.device.empty(self.lanes, shape.packed_words) if shape.streamed_steps else None

    def _pack(
        self, shape: RecurrenceShape, weight_hh: Float[Tensor, "K GH H"], packed: Tensor | None
    ) -> None:
        if packed is not None:
            self.device.launch(
                shape.pack,
                (shape.streamed_steps, _parts(shape.tiles, 4), self.lanes),
                128,
                0,
                *_with_stride(weight_hh),
                packed,
                self.hidden,
                shape.first_streamed,
                shape.tiles,
            )


# Of TileProduct: 2 buffers of 32 k of both operands, padded by the way they lie in memory
_ALONG_K, _ACROSS_K = 36, 8
TILE_SHARED_BYTES = {
    "projection": 8 * (128 + 64) * _ALONG_K,
    "input_gradient": 8 * (128 * _ALONG_K + 32 * (64 + _ACROSS_K)),
    "weight_gradient": 8 * 32 * (128 + 64 + 2 * _ACROSS_K),
}


def chunk_tokens(rows: int, columns: int) -> int:
    """Count the tokens whose products are added at a stretch in a weight gradient of this size.

    Small ones want parallelism; for large ones, which have enough of it, the chunks' sums would take much memory.
    """
    tiles = _parts(rows, TILE[0]) * _parts(columns, TILE[1])
    return 512 if tiles <= 16 else 2048 if tiles <= 64 else ALL


def _with_stride(part: Tensor) -> tuple[Tensor, Long]:
    return part, Long(part.stride(0))


def _parts(count: int, size: int) -> int:
    return -(-count // size)
