"""The network of `seqmodels.network` as launches alone, for K lanes: from rows to logits and back to all gradients."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float32, Int32, Int64
from torch import Tensor

from seqmodels.backends.base import Weights
from seqmodels.backends.cuda.device import Device, Kernel, Long
from seqmodels.backends.cuda.recurrence import RecurrencePass, RowTable
from seqmodels.layout import Layout, direction_names

THREADS = 256
READOUTS = {"last": 1, "mean": 2, "max": 4}  # `Readout` in readout.cuh
_UNIFORMS = 8  # draws of a thread in `dropout`


@dataclass(frozen=True, eq=False)
class LaneRows:
    """The rows of K lanes, R places each, written by the device.

    Args:
        table: where the rows are; outputs of lane k begin at `k * T`.
        label: class of each row.
        count: rows of each lane.
        tokens: tokens of each lane.
        most: R.
        most_tokens: T.
    """

    table: RowTable
    label: Int64[Tensor, "KR"]
    count: Int64[Tensor, "K"]
    tokens: Int64[Tensor, "K"]
    most: int
    most_tokens: int

    @classmethod
    def empty(cls, device: Device, lanes: int, most: int, most_tokens: int) -> LaneRows:
        """Of no lane yet."""
        start, length, offset, label = (device.empty(lanes * most, dtype=torch.int64) for _ in range(4))
        count, tokens = (device.empty(lanes, dtype=torch.int64) for _ in range(2))
        return cls(RowTable(start, length, offset), label, count, tokens, most, most_tokens)


@dataclass(frozen=True, eq=False)
class Draws:
    """What the random draws of a step depend on, on the device.

    Args:
        seed: of each lane.
        dropout: rate of each lane.
        kept: 1 - rate.
        noise: standard deviation of each lane.
        epoch: its number.
        step: of the epoch.
        any_dropout, any_noise: whether any lane has some.
    """

    seed: Int64[Tensor, "K"]
    dropout: Float32[Tensor, "K"]
    kept: Float32[Tensor, "K"]
    noise: Float32[Tensor, "K"]
    epoch: Int32[Tensor, "1"]
    step: Int32[Tensor, "K"]
    any_dropout: bool
    any_noise: bool


class NetworkPass:
    """Forward and, where `training`, backward. Owns all memory that its launches use.

    Args:
        device: where.
        layout: the architecture on a data set.
        rows: of the lanes; read by the launches.
        lanes: K.
        bptt: as `Backend.recurrence`.
        precision: `tf32` or `float32`, of the recurrence; the head is float32 always.
        draws: noise and dropout; None without.
        training: keeps what `backward` needs.
    """

    def __init__(
        self,
        device: Device,
        layout: Layout,
        rows: LaneRows,
        lanes: int,
        *,
        bptt: int | None,
        precision: str,
        draws: Draws | None = None,
        training: bool = False,
    ) -> None:
        architecture = layout.architecture
        self.device, self.layout, self.rows, self.lanes = device, layout, rows, lanes
        self._draws = draws
        self._width = architecture.hidden * architecture.directions
        self._dropout = draws is not None and draws.any_dropout
        tokens = lanes * rows.most_tokens
        self._passes = [
            [
                RecurrencePass(
                    device,
                    architecture.cell,
                    lanes=lanes,
                    rows=rows.most,
                    tokens=tokens,
                    lane_tokens=rows.most_tokens,
                    features=layout.features if layer == 0 else self._width,
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
        # without a backward pass two arrays are enough, in turn
        kept = architecture.layers if training else min(architecture.layers, 2)
        outputs = [device.empty(tokens, self._width) for _ in range(kept)]
        self._outputs = [outputs[layer % kept] for layer in range(architecture.layers)]
        self._dropped = [
            device.empty(tokens, self._width) if self._dropout else output for output in self._outputs[:-1]
        ]
        places = lanes * rows.most
        self._summary = device.empty(places, architecture.readout_features)
        self._largest = device.empty(places, self._width, dtype=torch.int32)
        self._units = device.empty(places, architecture.head_hidden) if architecture.head_hidden else None
        self.logits = device.empty(places, layout.classes)
        """`[K * R, C]`; a backward pass finds their gradients here."""
        if training:
            self._summary_grad = device.empty(places, architecture.readout_features)
            self._units_grad = None if self._units is None else torch.empty_like(self._units)
            self._output_grads = [
                device.empty(tokens, self._width) for _ in range(min(architecture.layers, 2))
            ]

    def forward(self, params: Float[Tensor, "K P"], tokens: Float[Tensor, "N D"]) -> None:
        """Logits of all rows."""
        rows, table = self.rows, self.rows.table
        if self._noisy is not None:
            assert self._draws is not None
            draws = self._draws
            self._launch(
                "draws.cuh",
                "noisy_tokens",
                rows.most,
                tokens,
                *table,
                draws.seed,
                draws.noise,
                draws.step,
                draws.epoch,
                self.layout.features,
                Long(rows.most_tokens),
                self._noisy,
            )
            tokens, table = self._noisy, self._packed
        views = self.layout.views(params)
        for layer, directions in enumerate(self._passes):
            output = self._outputs[layer]
            for direction, one in enumerate(directions):
                own = self._of_direction(output, direction)
                one.forward(_weights(views, layer, direction), tokens, table, own)
            tokens, table = output, self._packed
            if layer + 1 < len(self._passes) and self._dropout:
                self._drop_steps(output, self._dropped[layer], layer)
                tokens = self._dropped[layer]
        architecture = self.layout.architecture
        self._launch(
            "readout.cuh",
            "readout_forward",
            _blocks(rows.most * self._width),
            tokens,
            table.length,
            table.offset,
            rows.most,
            architecture.hidden,
            self._width,
            self._parts,
            self._summary,
            self._largest,
        )
        if self._dropout:
            self._drop_summary(self._summary)
        if self._units is None:
            self._linear(views, "head.out", self._summary, self.logits, squash=False)
        else:
            self._linear(views, "head.hidden", self._summary, self._units, squash=True)
            self._linear(views, "head.out", self._units, self.logits, squash=False)

    def backward(
        self, params: Float[Tensor, "K P"], tokens: Float[Tensor, "N D"], grads: Float[Tensor, "K P"]
    ) -> None:
        """All gradients, from those of the logits in `logits`; after `forward` with the same arguments."""
        rows, architecture = self.rows, self.layout.architecture
        views, grad_views = self.layout.views(params), self.layout.views(grads)
        if self._units is None:
            self._linear_backward(
                views, grad_views, "head.out", self._summary, self.logits, self._summary_grad
            )
        else:
            assert self._units_grad is not None
            self._linear_backward(
                views, grad_views, "head.out", self._units, self.logits, self._units_grad, squashed=True
            )
            self._linear_backward(
                views, grad_views, "head.hidden", self._summary, self._units_grad, self._summary_grad
            )
        top = architecture.layers - 1
        if self._dropout:
            self._drop_summary(self._summary_grad)
        self._launch(
            "readout.cuh",
            "readout_backward",
            rows.most,
            self._summary_grad,
            rows.table.length,
            rows.table.offset,
            self._largest,
            architecture.hidden,
            self._width,
            self._parts,
            self._output_grads[top % 2],
        )
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
            if below is not None and self._dropout:
                self._drop_steps(below, below, layer - 1)

    @property
    def _parts(self) -> int:
        return sum(READOUTS[part] for part in self.layout.architecture.readout)

    @property
    def _packed(self) -> RowTable:
        """The rows in an array that holds them as the outputs do."""
        table = self.rows.table
        return RowTable(table.offset, table.length, table.offset)

    def _input_of(self, layer: int, tokens: Tensor) -> tuple[Tensor, RowTable]:
        """What a layer reads, and where its rows are there."""
        if layer:
            return self._dropped[layer - 1], self._packed
        return (tokens, self.rows.table) if self._noisy is None else (self._noisy, self._packed)

    def _of_direction(self, joined: Float[Tensor, "M W"], direction: int) -> Float[Tensor, "M H"]:
        hidden = self.layout.architecture.hidden
        return joined[:, direction * hidden : (direction + 1) * hidden]

    def _drop_steps(self, source: Tensor, to: Tensor, layer: int) -> None:
        """Between layers."""
        self._drop(source, to, self.rows.tokens, layer, self._width, self.rows.most_tokens)

    def _drop_summary(self, values: Tensor) -> None:
        """Before the head; in place."""
        architecture = self.layout.architecture
        layer, features = architecture.layers - 1, architecture.readout_features
        self._drop(values, values, self.rows.count, layer, features, self.rows.most)

    def _drop(self, source: Tensor, to: Tensor, items: Tensor, layer: int, features: int, most: int) -> None:
        assert self._draws is not None
        draws = self._draws
        self._launch(
            "draws.cuh",
            "dropout",
            _blocks(math.ceil(most * features / _UNIFORMS)),
            source,
            to,
            items,
            draws.seed,
            draws.dropout,
            draws.kept,
            draws.step,
            draws.epoch,
            layer,
            features,
            Long(most),
        )

    def _linear(self, views: dict[str, Tensor], name: str, x: Tensor, y: Tensor, *, squash: bool) -> None:
        weight, bias = views[f"{name}.weight"], views[f"{name}.bias"]
        _, outputs, inputs = weight.shape
        self._launch(
            "head.cuh",
            "linear_forward",
            _blocks(32 * self.rows.most * outputs),
            x,
            weight,
            bias,
            Long(weight.stride(0)),
            self.rows.count,
            self.rows.most,
            inputs,
            outputs,
            int(squash),
            y,
        )

    def _linear_backward(
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
        """`squashed`: x is a tanh, and `x_grad` becomes the gradient of what is in it."""
        weight, weight_grad = views[f"{name}.weight"], grads[f"{name}.weight"]
        _, outputs, inputs = weight.shape
        stride, most, lane_rows = Long(weight.stride(0)), self.rows.most, self.rows.count
        self._launch(
            "head.cuh",
            "linear_weight_gradient",
            _blocks(outputs * (inputs + 1)),
            x,
            y_grad,
            lane_rows,
            most,
            inputs,
            outputs,
            Long(weight_grad.stride(0)),
            weight_grad,
            grads[f"{name}.bias"],
        )
        self._launch(
            "head.cuh",
            "linear_input_gradient",
            _blocks(most * inputs),
            y_grad,
            weight,
            stride,
            x if squashed else None,
            lane_rows,
            most,
            inputs,
            outputs,
            x_grad,
        )

    def _launch(self, file: str, name: str, blocks: int, *arguments: Tensor | Long | int | None) -> None:
        self.device.launch(Kernel(file, name), (blocks, self.lanes, 1), THREADS, 0, *arguments)


def _blocks(threads: int) -> int:
    return math.ceil(threads / THREADS)


def _weights(views: dict[str, Tensor], layer: int, direction: int) -> Weights:
    prefix, _ = direction_names(layer, direction)
    return Weights(*(views[f"{prefix}.{part}"] for part in Weights._fields))
