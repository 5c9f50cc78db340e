"""A training step of some lanes in plain torch: the definition of a step, for backends that do not bring one of their own."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional

from seqsweep.seqmodels.backends.base import Backend, Batch, Updates
from seqsweep.seqmodels.layout import Layout
from seqsweep.seqmodels.network import Network
from seqsweep.seqmodels.optim import update_lanes


class AutogradSteps:
    """Makes steps out of a backend's recurrence: gradients by autograd, updates by torch. See `Steps`."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

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
        """Compute loss and gradients of a step, see `Steps.gradients`."""
        network = Network(layout.architecture, self._backend, bptt)
        leaves = {name: view.detach().requires_grad_() for name, view in layout.views(params).items()}
        logits = network.logits(leaves, batch.tokens, batch.rows, batch.masks, threads=threads)
        losses, corrects = [], []
        labels = batch.label.view(len(params), -1)
        for own, label, smoothing in zip(logits, labels, batch.smoothing, strict=True):
            losses.append(
                functional.cross_entropy(own, label, weight=batch.class_weights, label_smoothing=smoothing)
            )
            corrects.append((own.detach().argmax(1) == label).sum())
        loss = torch.stack(losses)
        gradients = torch.autograd.grad(loss.sum(), list(leaves.values()))
        for view, gradient in zip(layout.views(grads).values(), gradients, strict=True):
            view.copy_(gradient)
        return loss.detach(), torch.stack(corrects)

    def update(
        self,
        updates: Updates,
        step: int,
        params: Float[Tensor, "k P"],
        grads: Float[Tensor, "k P"],
    ) -> None:
        """Update weights after a step, see `Steps.update`."""
        update_lanes(updates, step, params, grads)
