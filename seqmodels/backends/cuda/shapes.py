"""How the recurrence's kernels are cut for a cell, a hidden size and a device: instantiation, threads, shared memory."""

from __future__ import annotations

from dataclasses import dataclass

from seqsweep.seqmodels.backends.cuda.device import Device, Kernel
from seqsweep.seqmodels.backends.cuda.limits import MOST_HIDDEN

PRECISIONS = {"tf32": "Tf32", "float32": "Float32"}  # `precision` and its struct in precision.cuh
ROWS = (32, 16, 8)  # of a block: the most that has room
MOST_WARPS = 16
FRAGMENT_BYTES = 512  # 16 x 8 words

MOST_INPUT_STEPS = 5  # wider inputs are projected beforehand


@dataclass(frozen=True)
class CellShape:
    """Names a cell's struct in cells.cuh and its constants there."""

    struct: str
    gates: int
    sums: int
    units: int
    has_cell_state: bool
    most_warps: int
    """Of a block in the forward: with 8, a thread may have twice as many registers as with 16."""
    forward_registers: dict[int, int]
    """Steps whose weights stay in registers in TF32, by the padded hidden size: what there is room for without spilling."""
    backward_registers: dict[int, int]


_SIMPLE = {32: 4, 64: 8, 104: 13, 128: 16}
CELL_SHAPES = {
    "rnn_tanh": CellShape("Tanh", 1, 1, 16, False, 16, _SIMPLE, _SIMPLE),
    "rnn_relu": CellShape("Relu", 1, 1, 16, False, 16, _SIMPLE, _SIMPLE),
    "gru": CellShape(
        "Gru", 3, 4, 16, False, 8, {32: 4, 64: 4, 104: 4, 128: 4}, {32: 12, 64: 24, 104: 24, 128: 24}
    ),
    "lstm": CellShape(
        "Lstm", 4, 4, 8, True, 16, {32: 4, 64: 6, 104: 3, 128: 3}, {32: 16, 64: 24, 104: 24, 128: 24}
    ),
}
PADDED_HIDDEN = (32, 64, 104, 128, 256, MOST_HIDDEN)


@dataclass(frozen=True)
class RecurrenceShape:
    """Describes one launch of recurrence_forward or recurrence_backward.

    Args:
        kernel: the instantiation.
        pack: the kernel that packs the streamed weights.
        threads: of a block.
        rows: of a block.
        shared_bytes: of a block.
        input_steps: see recurrence_forward.cuh; 0 in the backward.
        shared_steps: steps whose weights are kept in shared memory.
        streamed_steps: steps whose weights have no room on chip.
        first_streamed: the first of them.
        tiles: fragments of a step.
    """

    kernel: Kernel
    pack: Kernel
    threads: int
    rows: int
    shared_bytes: int
    input_steps: int
    shared_steps: int
    streamed_steps: int
    first_streamed: int
    tiles: int

    @property
    def packed_words(self) -> int:
        """Count the words of a lane's streamed weights."""
        return self.streamed_steps * self.tiles * FRAGMENT_BYTES // 4


def forward_shape(device: Device, cell: str, features: int, hidden: int, precision: str) -> RecurrenceShape:
    """Choose the forward's launch.

    Raises:
        ValueError: more hidden units than there are kernels for.
    """
    of, padded = CELL_SHAPES[cell], padded_hidden(hidden)
    groups = _parts(hidden, of.units)
    tiles = groups * of.gates * of.units // 16

    def fixed_bytes(rows: int, input_steps: int) -> int:
        words = 3 * rows + groups * of.units * (of.sums + 2 * rows) + 2 * input_steps * 8 * rows
        return 4 * words + input_steps * tiles * FRAGMENT_BYTES

    input_steps = _parts(features, 8)
    if (
        input_steps > MOST_INPUT_STEPS
        or padded > 128
        or fixed_bytes(ROWS[0], input_steps) > device.shared_bytes
    ):
        input_steps = 0
    most_rows = ROWS[1] if padded > 256 and precision == "float32" else ROWS[0]  # more would spill
    rows = next(
        rows for rows in ROWS if rows <= most_rows and fixed_bytes(rows, input_steps) <= device.shared_bytes
    )
    return _shape(
        device,
        name="forward",
        struct=of.struct,
        parts=_parts(padded, of.units),
        most_warps=of.most_warps,
        registers=of.forward_registers.get(padded, 0) if precision == "tf32" else 0,
        rows=rows,
        precision=precision,
        fixed_bytes=fixed_bytes(rows, input_steps),
        input_steps=input_steps,
        steps=_parts(hidden, 8),
        tiles=tiles,
    )


def backward_shape(device: Device, cell: str, hidden: int, precision: str) -> RecurrenceShape:
    """Choose the backward's launch.

    Raises:
        ValueError: more hidden units than there are kernels for.
    """
    of, padded = CELL_SHAPES[cell], padded_hidden(hidden)
    steps = of.gates * _parts(hidden, 8)
    most_rows = ROWS[1] if padded > 256 else ROWS[0]  # more would spill
    rows = next(
        rows for rows in ROWS if rows <= most_rows and 4 * rows * (3 + 8 * steps) <= device.shared_bytes
    )
    return _shape(
        device,
        name="backward",
        struct=of.struct,
        parts=_parts(padded, 16),
        most_warps=MOST_WARPS,
        registers=of.backward_registers.get(padded, 0) if precision == "tf32" else 0,
        rows=rows,
        precision=precision,
        fixed_bytes=4 * rows * (3 + 8 * steps),
        input_steps=0,
        steps=steps,
        tiles=_parts(hidden, 16),
    )


def padded_hidden(hidden: int) -> int:
    """Choose the hidden size whose kernels serve `hidden`.

    Raises:
        ValueError: none does.
    """
    if hidden > MOST_HIDDEN:
        raise ValueError(f"`hidden` is {hidden}, but must be at most {MOST_HIDDEN} with the cuda backend")
    return next(padded for padded in PADDED_HIDDEN if hidden <= padded)


def _parts(count: int, size: int) -> int:
    return -(-count // size)


def _shape(
    device: Device,
    *,
    name: str,
    struct: str,
    parts: int,
    most_warps: int,
    registers: int,
    rows: int,
    precision: str,
    fixed_bytes: int,
    input_steps: int,
    steps: int,
    tiles: int,
) -> RecurrenceShape:
    warps = min(max(parts, 4), most_warps)
    room = (device.shared_bytes - fixed_bytes) // (tiles * FRAGMENT_BYTES)
    shared_steps = max(0, min(steps - registers, room))
    first_streamed = min(steps, registers + shared_steps)
    options = f"{warps}, {_parts(parts, warps)}, {registers}, {rows}, {PRECISIONS[precision]}"
    file = f"recurrence_{name}.cuh"
    return RecurrenceShape(
        kernel=Kernel(file, f"recurrence_{name}<{struct}, {options}>"),
        pack=Kernel(file, f"pack_{name}<{struct}, {PRECISIONS[precision]}>"),
        threads=32 * warps,
        rows=rows,
        shared_bytes=fixed_bytes + shared_steps * tiles * FRAGMENT_BYTES,
        input_steps=input_steps,
        shared_steps=shared_steps,
        streamed_steps=steps - first_streamed,
        first_streamed=first_streamed,
        tiles=tiles,
    )
