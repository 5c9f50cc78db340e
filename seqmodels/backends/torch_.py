"""The `torch` backend: `torch.nn` modules, lane by lane. The oracle of the others, and the fallback."""

from __future__ import annotations

import threading

import numpy as np
import torch
from jaxtyping import Float, Int64
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.func import functional_call

from seqsweep.seqmodels.backends.base import Rows, Weights
from seqsweep.seqmodels.cells import RECURRENT_CELLS
from seqsweep.seqmodels.layout import Layout

_NONLINEARITIES = {"rnn_tanh": "tanh", "rnn_relu": "relu"}


def torch_module(cell: str, features: int, hidden: int, **options: object) -> nn.RNNBase:
    """Make the batch-first `torch.nn` module of a cell with `features` inputs and `hidden` units; `options` are its own."""
    if cell in _NONLINEARITIES:
        return nn.RNN(features, hidden, nonlinearity=_NONLINEARITIES[cell], batch_first=True, **options)  # type: ignore[arg-type]
    kinds: dict[str, type[nn.RNNBase]] = {"gru": nn.GRU, "lstm": nn.LSTM}
    return kinds[cell](features, hidden, batch_first=True, **options)  # type: ignore[arg-type]


class TorchBackend:
    """Runs on any device in float32 and float64.

    Rows are padded at their end for the module: outputs of a causal module do not see what follows, and its padded path is
    faster than its packed one, whose backward is quadratic in the length on CPUs (pytorch/pytorch#149194).
    """

    name = "torch"
    arithmetic = "torch"
    lanes_per_call: int | None = 1

    def __init__(self) -> None:
        # functional_call swaps a module's parameters while it runs, so threads must not share a module
        self._local = threading.local()

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

        One thread, and no more, whatever `threads` says: sums would be split by it.
        """
        outputs = []
        for lane in range(weights.weight_ih.shape[0]):
            part = rows.of_lane(lane)
            outputs.append(
                self._one_lane(
                    cell,
                    {f"{name}_l0": value[lane] for name, value in weights._asdict().items()},
                    tokens,
                    rows.start[part],
                    rows.length[part],
                    reverse=reverse,
                    bptt=bptt,
                )
            )
        return torch.cat(outputs) if len(outputs) > 1 else outputs[0]

    def call_bytes(self, layout: Layout, length: NDArray[np.int64], *, training: bool) -> int:
        """See `Backend.call_bytes`. An estimate: what torch keeps inside is not ours to know."""
        architecture = layout.architecture
        cell, width = RECURRENT_CELLS[architecture.cell], architecture.hidden * architecture.directions
        padded = len(length) * int(length.max())
        inputs = layout.features + (architecture.layers - 1) * width
        # of a step: input sums, activations, and the output before and after it is unpadded; as much again going back
        per_token = inputs + architecture.layers * (2 * len(cell.gates) + 3) * width
        return 4 * padded * (2 * per_token if training else per_token // architecture.layers)

    def _one_lane(
        self,
        cell: str,
        parameters: dict[str, Tensor],
        tokens: Float[Tensor, "N F"],
        start: Int64[Tensor, "B"],
        length: Int64[Tensor, "B"],
        *,
        reverse: bool,
        bptt: int | None,
    ) -> Float[Tensor, "M H"]:
        module = self._module(cell, tokens.shape[1], parameters["weight_hh_l0"].shape[1])
        steps = int(length.max())
        time = torch.arange(steps, device=length.device)
        inside = time < length[:, None]
        # step t of the module's input is token t of the row, or the t-th from its end
        position = (length[:, None] - 1 - time if reverse else time.expand(len(length), -1)).clamp(min=0)
        source = start[:, None] + torch.minimum(position, length[:, None] - 1)
        padded = tokens.index_select(0, source.flatten()).view(*source.shape, -1)
        state = None
        outputs = []
        for first in range(0, steps, bptt or steps):
            output, state = functional_call(
                module, parameters, (padded[:, first : first + (bptt or steps)], state)
            )
            state = tuple(s.detach() for s in state) if isinstance(state, tuple) else state.detach()
            outputs.append(output)
        output = torch.cat(outputs, 1) if len(outputs) > 1 else outputs[0]
        # row by row, steps in the row's own order
        step = length[:, None] - 1 - time if reverse else time.expand(len(length), -1)
        place = (torch.arange(len(length), device=length.device)[:, None] * steps + step)[inside]
        return output.flatten(0, 1).index_select(0, place)

    def _module(self, cell: str, features: int, hidden: int) -> nn.RNNBase:
        modules: dict[tuple[str, int, int], nn.RNNBase] = self._local.__dict__.setdefault("modules", {})
        key = (cell, features, hidden)
        if key not in modules:
            modules[key] = torch_module(cell, features, hidden, device="meta")
        return modules[key]
