"""The network of `seqsweep.seqmodels.network` as launches alone, for K lanes: from rows to logits and back to all gradients."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from seqsweep.seqmodels.backends.base import Weights
from seqsweep.seqmodels.backends.cuda.device import Device
from seqsweep.seqmodels.backends.cuda.head_pass import HeadPass
from seqsweep.seqmodels.backends.cuda.recurrence import RecurrencePass, RowTable
from seqsweep.seqmodels.backends.cuda.step_inputs import Draws, LaneRows
from seqsweep.seqmodels.layout import Layout, direction_names


class NetworkPass:
    """Runs the network forward and, where `training`, backward; owns all memory that it uses.

    Args:
        device: where.
        layout: the architecture on a data set.
        rows: of the lanes; read by the launches.
        bptt: as `Backend.recurrence`.
        precision: `tf32` or `float32`, of the recurrence.
        draws: noise and dropout; None without.
        training: whether there will be a backward.
    """

    def __init__(
        self,
        device: Device,
        layout: Layout,
        rows: LaneRows,
        *,
        bptt: int | None,
        precision: str,
        draws: Draws | None = None,
        training: bool = False,
    ) -> None:
        architecture = layout.architecture
        self._device, self._layout, self._rows, self._draws = device, layout, rows, draws
        self._dropout = draws is not None and draws.any_dropout
        width, tokens = architecture.hidden * architecture.directions, rows.lanes * rows.most_tokens
        self._passes = [
            [
                RecurrencePass(
                    device,
                    architecture.cell,
                    lanes=rows.lanes,
                    rows=rows.most,
                    tokens=tokens,
                    lane_tokens=rows.most_tokens,
                    features=width if layer else layout.features,
                    hidden=architecture.hidden,
                    reverse=bool(direction),
                    bptt=bptt,
                    precision=precision,
                    training=training,
                )
                for direction in range(architecture.directions)
            ]
            for layer in range(architecture.layers)
        ]
        noisy = draws is not None and draws.any_noise
        self._noisy = device.empty(tokens, layout.features) if noisy else None
        # without a backward two arrays are enough, in turn; gradients need no more either
        pair = min(architecture.layers, 2)
        kept = architecture.layers if training else pair
        outputs = [device.empty(tokens, width) for _ in range(kept)]
        self._outputs = [outputs[layer % kept] for layer in range(architecture.layers)]
        self._dropped = [
            device.empty(tokens, width) if self._dropout else output for output in self._outputs[:-1]
        ]
        self._output_grads = [device.empty(tokens, width) for _ in range(pair if training else 0)]
        self._head = HeadPass(device, layout, rows, draws, training=training)
        self.logits = self._head.logits
        """`[K * R, C]`; `backward` finds their gradients here."""

    def forward(self, params: Float[Tensor, "K P"], tokens: Float[Tensor, "N D"]) -> None:
        """Compute logits of all rows."""
        if self._noisy is not None and self._draws is not None:
            self._draws.add_noise(self._device, self._rows, tokens, self._noisy)
        views = self._layout.views(params)
        for layer, directions in enumerate(self._passes):
            source, table = self._input_of(layer, tokens)
            output = self._outputs[layer]
            for direction, one in enumerate(directions):
                own = self._of_direction(output, direction)
                one.forward(_weights(views, layer, direction), source, table, own)
            if self._dropout and self._draws is not None and layer + 1 < len(self._passes):
                self._draws.drop_steps(self._device, self._rows, layer, output, self._dropped[layer])
        self._head.forward(views, self._outputs[-1])

    def backward(
        self, params: Float[Tensor, "K P"], tokens: Float[Tensor, "N D"], grads: Float[Tensor, "K P"]
    ) -> None:
        """Compute all gradients, from those of the logits in `logits`; after `forward` with the same arguments."""
        views, grad_views = self._layout.views(params), self._layout.views(grads)
        top = len(self._passes) - 1
        self._head.backward(views, grad_views, self._output_grads[top % 2])
        for layer in range(top, -1, -1):
            output_grad = self._output_grads[layer % 2]
            below = self._output_grads[(layer - 1) % 2] if layer else None
            source, table = self._input_of(layer, tokens)
            for direction, one in enumerate(self._passes[layer]):
                one.backward(
                    _weights(views, layer, direction),
                    source,
                    table,
                    self._of_direction(self._outputs[layer], direction),
                    self._of_direction(output_grad, direction),
                    _weights(grad_views, layer, direction),
                    below,
                    add=direction > 0,
                )
            if self._dropout and self._draws is not None and below is not None:
                self._draws.drop_steps(self._device, self._rows, layer - 1, below, below)

    def _input_of(self, layer: int, tokens: Tensor) -> tuple[Tensor, RowTable]:
        """Find what a layer reads, and where its rows are there."""
        if layer:
            return self._dropped[layer - 1], self._rows.packed
        return (tokens, self._rows.table) if self._noisy is None else (self._noisy, self._rows.packed)

    def _of_direction(self, joined: Float[Tensor, "M W"], direction: int) -> Float[Tensor, "M H"]:
        hidden = self._layout.architecture.hidden
        return joined[:, direction * hidden : (direction + 1) * hidden]


def _weights(views: dict[str, Tensor], layer: int, direction: int) -> Weights:
    prefix, _ = direction_names(layer, direction)
    return Weights(*(views[f"{prefix}.{part}"] for part in Weights._fields))
