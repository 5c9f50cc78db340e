"""What comes after the top layer, as launches alone: readout, dropout and head, forward and back."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from seqsweep.seqmodels.architecture import READOUT_BITS
from seqsweep.seqmodels.backends.cuda.device import Argument, Device, Kernel, Long
from seqsweep.seqmodels.backends.cuda.step_inputs import THREADS, Draws, LaneRows, blocks
from seqsweep.seqmodels.layout import Layout


class HeadPass:
    """Runs the head over the top layer's output, there and back; owns all memory that it uses. Always in float32.

    Args:
        device: where.
        layout: the architecture on a data set.
        rows: of the lanes.
        draws: dropout; None without.
        training: whether there will be a backward.
    """

    def __init__(
        self, device: Device, layout: Layout, rows: LaneRows, draws: Draws | None, *, training: bool
    ) -> None:
        architecture = layout.architecture
        self._device, self._rows = device, rows
        self._draws = draws if draws is not None and draws.any_dropout else None
        self._top = architecture.layers - 1
        self._hidden, self._width = architecture.hidden, architecture.hidden * architecture.directions
        self._parts = sum(READOUT_BITS[part] for part in architecture.readout)
        places, units = rows.lanes * rows.most, architecture.head_hidden
        self._summary = device.empty(places, architecture.readout_features)
        self._largest = device.empty(places, self._width, dtype=torch.int32)
        self._units = device.empty(places, units) if units else None
        self.logits = device.empty(places, layout.classes)
        """`[K * R, C]`; `backward` finds their gradients here."""
        self._summary_grad = device.empty(places, architecture.readout_features) if training else None
        self._units_grad = device.empty(places, units) if training and units else None

    def forward(self, views: dict[str, Tensor], output: Float[Tensor, "M W"]) -> None:
        """Compute logits from the top layer's output; `views` are `Layout.views` of the parameters."""
        rows = self._rows
        self._launch(
            Kernel("readout.cuh", "readout_forward"),
            blocks(rows.most * self._width),
            output,
            rows.table.length,
            rows.table.offset,
            rows.most,
            self._hidden,
            self._width,
            self._parts,
            self._summary,
            self._largest,
        )
        if self._draws is not None:
            self._draws.drop_summaries(self._device, rows, self._top, self._summary)
        if self._units is None:
            self._linear(views, "head.out", self._summary, self.logits, squash=False)
        else:
            self._linear(views, "head.hidden", self._summary, self._units, squash=True)
            self._linear(views, "head.out", self._units, self.logits, squash=False)

    def backward(
        self, views: dict[str, Tensor], grads: dict[str, Tensor], output_grad: Float[Tensor, "M W"]
    ) -> None:
        """Go from the gradients in `logits` to those of the output and, in `grads`, of the head's parameters."""
        assert self._summary_grad is not None
        rows = self._rows
        if self._units is None or self._units_grad is None:
            self._linear_back(views, grads, "head.out", self._summary, self.logits, self._summary_grad)
        else:
            self._linear_back(
                views, grads, "head.out", self._units, self.logits, self._units_grad, squashed=True
            )
            self._linear_back(
                views, grads, "head.hidden", self._summary, self._units_grad, self._summary_grad
            )
        if self._draws is not None:
            self._draws.drop_summaries(self._device, rows, self._top, self._summary_grad)
        self._launch(
            Kernel("readout.cuh", "readout_backward"),
            rows.most,
            self._summary_grad,
            rows.table.length,
            rows.table.offset,
            self._largest,
            self._hidden,
            self._width,
            self._parts,
            output_grad,
        )

    def _linear(self, views: dict[str, Tensor], name: str, x: Tensor, y: Tensor, *, squash: bool) -> None:
        weight, bias = views[f"{name}.weight"], views[f"{name}.bias"]
        _, outputs, inputs = weight.shape
        self._launch(
            Kernel("head.cuh", "linear_forward"),
            blocks(32 * self._rows.most * outputs),
            x,
            weight,
            bias,
            Long(weight.stride(0)),
            self._rows.count,
            self._rows.most,
            inputs,
            outputs,
            int(squash),
            y,
        )

    def _linear_back(
        self,
        views: dict[str, Tensor],
        grads: dict[str, Tensor],
        name: str,
        x: Tensor,
        y_grad: Tensor,
        x_grad: Tensor,
        *,
        squashed: bool = False,
    ) -> None:
        """Go back through a linear layer. `squashed`: x is a tanh, and `x_grad` becomes the gradient of what is in it."""
        weight, weight_grad = views[f"{name}.weight"], grads[f"{name}.weight"]
        _, outputs, inputs = weight.shape
        rows = self._rows
        self._launch(
            Kernel("head.cuh", "linear_weight_gradient"),
            blocks(outputs * (inputs + 1)),
            x,
            y_grad,
            rows.count,
            rows.most,
            inputs,
            outputs,
            Long(weight_grad.stride(0)),
            weight_grad,
            grads[f"{name}.bias"],
        )
        self._launch(
            Kernel("head.cuh", "linear_input_gradient"),
            blocks(rows.most * inputs),
            y_grad,
            weight,
            Long(weight.stride(0)),
            x if squashed else None,
            rows.count,
            rows.most,
            inputs,
            outputs,
            x_grad,
        )

    def _launch(self, kernel: Kernel, count: int, *arguments: Argument) -> None:
        self._device.launch(kernel, (count, self._rows.lanes, 1), THREADS, 0, *arguments)
