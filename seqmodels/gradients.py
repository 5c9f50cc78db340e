"""A training step of some lanes by autograd: the definition of a step, for backends that do not bring one of their own."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn import functional

from seqsweep.seqmodels.backends.base import Batch
from seqsweep.seqmodels.layout import Layout
from seqsweep.seqmodels.network import Network


def autograd_gradients(
    network: Network,
    layout: Layout,
    params: Float[Tensor, "k P"],
    batch: Batch,
    grads: Float[Tensor, "k P"],
) -> tuple[Float[Tensor, "k"], Int64[Tensor, "k"]]:
    """Each lane's mean cross-entropy and right answers; the loss's gradients go to `grads`, whose padding stays as it is."""
    leaves = {name: view.detach().requires_grad_() for name, view in layout.views(params).items()}
    logits = network.logits(leaves, batch.tokens, batch.rows, batch.masks)
    losses, corrects = [], []
    labels = batch.label.view(len(params), -1)
    for own, label, smoothing in zip(logits, labels, batch.smoothing, strict=True):
        losses.append(functional.cross_entropy(own, label, label_smoothing=smoothing))
        corrects.append((own.detach().argmax(1) == label).sum())
    loss = torch.stack(losses)
    gradients = torch.autograd.grad(loss.sum(), list(leaves.values()))
    for view, gradient in zip(layout.views(grads).values(), gradients, strict=True):
        view.copy_(gradient)
    return loss.detach(), torch.stack(corrects)
