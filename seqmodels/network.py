"""The classifier around the recurrence: layers, dropout, readout, head. Plain torch over the rows of some lanes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from seqsweep.seqmodels.architecture import Architecture
from seqsweep.seqmodels.backends.base import Backend, Rows, Weights
from seqsweep.seqmodels.layout import direction_names


class Network:
    """Computes logits of lanes; holds no parameters.

    Args:
        architecture: what to compute.
        backend: who computes the recurrence.
        bptt: steps through which gradients flow in the recurrence; None for all.
    """

    def __init__(self, architecture: Architecture, backend: Backend, bptt: int | None = None) -> None:
        self.architecture = architecture
        self.backend = backend
        self.bptt = bptt

    def logits(
        self,
        parameters: dict[str, Tensor],
        tokens: Float[Tensor, "N D"],
        rows: Rows,
        masks: Sequence[Float[Tensor, "..."]] | None = None,
        *,
        threads: int = 1,
    ) -> list[Float[Tensor, "B C"]]:
        """Compute logits of each lane's rows.

        Args:
            parameters: `Layout.views` of the lanes.
            tokens: input, shared by the lanes or one stretch for each.
            rows: the sequences of all lanes.
            masks: dropout masks (0 or 1 / (1 - rate)): one `[M, F]` after each layer but the last, then one `[R, F]` for what the
                readout gives; None for no dropout.
            threads: that a call of the backend may keep busy.
        """
        lanes = next(iter(parameters.values())).shape[0]
        for layer in range(self.architecture.layers):
            outputs = [
                self.backend.recurrence(
                    self.architecture.cell,
                    _weights(parameters, layer, direction),
                    tokens,
                    rows,
                    reverse=bool(direction),
                    bptt=self.bptt,
                    threads=threads,
                )
                for direction in range(self.architecture.directions)
            ]
            tokens = torch.cat(outputs, 1) if len(outputs) > 1 else outputs[0]
            rows = rows.packed()
            if masks is not None and layer + 1 < self.architecture.layers:
                tokens = tokens * masks[layer]
        # lane by lane: a product over stacked lanes would change a lane's bits with their number
        logits = []
        for lane in range(lanes):
            part = rows.of_lane(lane)
            summary = self._readout(tokens, Rows(rows.lane[part], rows.start[part], rows.length[part]))
            if masks is not None:
                summary = summary * masks[-1][part]
            logits.append(self._head(parameters, lane, summary))
        return logits

    def _readout(self, tokens: Float[Tensor, "M F"], rows: Rows) -> Float[Tensor, "B F2"]:
        """Join of what `readout` names: the state at both reading ends, the mean and the maximum over steps."""
        hidden = self.architecture.hidden
        parts = []
        if "last" in self.architecture.readout:
            final = tokens.index_select(0, rows.start + rows.length - 1)[:, :hidden]
            if self.architecture.bidirectional:  # the backward direction ends at the first token
                final = torch.cat([final, tokens.index_select(0, rows.start)[:, hidden:]], 1)
            parts.append(final)
        if {"mean", "max"} & set(self.architecture.readout):
            time = torch.arange(int(rows.length.max()), device=rows.length.device)
            inside = (time < rows.length[:, None])[..., None]
            place = rows.start[:, None] + torch.minimum(time, rows.length[:, None] - 1)
            steps = tokens.index_select(0, place.flatten()).view(*place.shape, -1)
            if "mean" in self.architecture.readout:
                parts.append(torch.where(inside, steps, 0).sum(1) / rows.length[:, None])
            if "max" in self.architecture.readout:
                # the first of equal steps takes the gradient
                parts.append(torch.where(inside, steps, -torch.inf).max(1).values)
        return torch.cat(parts, 1) if len(parts) > 1 else parts[0]

    def _head(
        self, parameters: dict[str, Tensor], lane: int, summary: Float[Tensor, "B F"]
    ) -> Float[Tensor, "B C"]:
        if self.architecture.head_hidden:
            weight, bias = parameters["head.hidden.weight"], parameters["head.hidden.bias"]
            summary = torch.tanh(functional.linear(summary, weight[lane], bias[lane]))
        return functional.linear(
            summary, parameters["head.out.weight"][lane], parameters["head.out.bias"][lane]
        )


def _weights(parameters: dict[str, Tensor], layer: int, direction: int) -> Weights:
    prefix, _ = direction_names(layer, direction)
    return Weights(*(parameters[f"{prefix}.{part}"] for part in Weights._fields))
