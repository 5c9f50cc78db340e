"""The model as a `torch.export` program of any batch and any length.

`torch.export` takes the time steps of nn.LSTM, nn.GRU and nn.RNN apart, as many as its example has, so their recurrence is
written as a `scan` here. TorchScript, the alternative, would keep the modules, but is deprecated and its files are pickles.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, no_type_check

import torch
from torch import Tensor

from seqsweep.seqmodels.export.model import Model

if TYPE_CHECKING:
    from seqsweep.seqmodels.export.description import Description

Step = Callable[[tuple[Tensor, ...], Tensor], tuple[tuple[Tensor, ...], Tensor]]


class ScannedModel(Model):
    """Computes the same function of the same weights as `Model`."""

    def __init__(self, description: Description) -> None:
        super().__init__(description.to_table())
        self.cell = description.architecture.cell

    def recurrence(self, tokens: Tensor, lengths: Tensor) -> Tensor:
        """As in `Model`."""
        for layer in range(self.rnn.num_layers):
            outputs = [self._forwards(tokens, f"l{layer}")]
            if self.directions == 2:
                time = torch.arange(tokens.shape[1], device=tokens.device)
                mirrored = torch.where(time < lengths[:, None], lengths[:, None] - 1 - time, time)[..., None]
                backwards = tokens.gather(1, mirrored.expand(-1, -1, tokens.shape[2]))
                steps = self._forwards(backwards, f"l{layer}_reverse")
                outputs.append(steps.gather(1, mirrored.expand(-1, -1, self.hidden)))
            tokens = torch.cat(outputs, 2)
        return tokens

    def _forwards(self, tokens: Tensor, name: str) -> Tensor:
        """Run one direction of one layer, from the first step to the last: `[B, T, F]` to `[B, T, H]`."""
        from torch._higher_order_ops.scan import scan

        weight_ih, weight_hh, bias_ih, bias_hh = (
            getattr(self.rnn, f"{part}_{name}") for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        inputs = (tokens @ weight_ih.T + bias_ih).transpose(0, 1)
        zero = torch.zeros_like(inputs[0, :, : self.hidden])
        state = (zero, zero.clone()) if self.cell == "lstm" else (zero,)
        _, steps = scan(_step(self.cell, weight_hh, bias_hh), state, inputs)
        outputs: Tensor = steps.transpose(0, 1)
        return outputs


@no_type_check  # the checks of a test run cannot be traced
def _step(cell: str, weight: Tensor, bias: Tensor) -> Step:
    """Do a step by `seqsweep.seqmodels.cells`: from state and the input's share of the gates to the next state and output."""

    def rnn(state: tuple[Tensor, ...], gates: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        total = gates + state[0] @ weight.T + bias
        output = total.relu() if cell == "rnn_relu" else total.tanh()
        return (output,), output.clone()

    def gru(state: tuple[Tensor, ...], gates: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        own = (state[0] @ weight.T + bias).chunk(3, -1)
        reset, update, new = gates.chunk(3, -1)
        update = (update + own[1]).sigmoid()
        new = (new + (reset + own[0]).sigmoid() * own[2]).tanh()
        output = (1 - update) * new + update * state[0]
        return (output,), output.clone()

    def lstm(state: tuple[Tensor, ...], gates: Tensor) -> tuple[tuple[Tensor, ...], Tensor]:
        total = gates + state[0] @ weight.T + bias
        take, forget, new, give = total.chunk(4, -1)
        memory = forget.sigmoid() * state[1] + take.sigmoid() * new.tanh()
        output = give.sigmoid() * memory.tanh()
        return (output, memory), output.clone()

    return {"gru": gru, "lstm": lstm}.get(cell, rnn)


def save_program(path: Path, description: Description, state: dict[str, Tensor]) -> None:
    """Write `model.pt2`: `(values [batch, length, D] float64, lengths [batch] int64) -> logits [batch, C]`."""
    model = ScannedModel(description)
    model.load_state_dict(state)
    model.eval().requires_grad_(False)
    # sizes that are all different, and neither 0 nor 1, which would be taken for constants
    example = torch.zeros(3, 5, description.features, dtype=torch.float64), torch.tensor([5, 2, 4])
    batch, length = torch.export.Dim("batch", min=1), torch.export.Dim("length", min=1)
    torch.compiler.reset()  # what was exported before of a fixed length would be taken for this one's
    program = torch.export.export(model, example, dynamic_shapes=({0: batch, 1: length}, {0: batch}))
    torch.export.save(program, path)


def open_program(path: Path) -> Callable[[Tensor, Tensor], Tensor]:
    """Open what `save_program` wrote. `torch.export.load` may unpickle: only for files that were made here."""
    module: Callable[[Tensor, Tensor], Tensor] = torch.export.load(path).module()
    return module
