"""Training steps of lanes one at a time, as tests want them."""

from typing import NamedTuple

import torch
from torch import Tensor

from seqsweep.seqmodels.backends.base import Epoch
from seqsweep.seqmodels.engine import StepEngine
from seqsweep.seqmodels.lanes import LaneArray, Tokens
from seqsweep.seqmodels.optim import LaneOptimizer


class Step(NamedTuple):
    """What a step gives for each lane, before the update."""

    loss: Tensor
    correct: Tensor
    grads: Tensor


def epoch_of(
    lanes: LaneArray, data: Tokens, *, number: int, batch_size: int, bptt: int | None = None
) -> Epoch:
    """An epoch of these lanes, each step at its candidate's own learning rate."""
    settings = [lane.hyperparameters for lane in lanes.lanes]
    params = lanes.params
    optimizer = LaneOptimizer(settings, params.shape[1], dtype=params.dtype, device=params.device)
    everything = torch.arange(len(data.length))
    steps = -(-len(everything) // batch_size)
    updates = optimizer.coming([[h.lr] * steps for h in settings])
    return lanes.epoch(data, everything, updates, number=number, batch_size=batch_size, bptt=bptt)


def gradients(
    lanes: LaneArray, data: Tokens, batch: Tensor, *, epoch: int, step: int, bptt: int | None = None
) -> Step:
    """Loss, right answers and gradients of one batch a lane."""
    assert isinstance(lanes.engine, StepEngine)
    described = epoch_of(lanes, data, number=epoch, batch_size=batch.shape[1], bptt=bptt)
    result = lanes.engine.gradients(described, batch, step)
    return Step(result.loss, result.correct, lanes.grads)
