"""A training step whose classes weigh differently, by a backend and by torch.nn: what `Conformance` asks of every backend."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_sequence

from seqsweep.seqmodels.architecture import Architecture
from seqsweep.seqmodels.backends.base import Backend
from seqsweep.seqmodels.backends.torch_ import TorchBackend
from seqsweep.seqmodels.engine import create_engine
from seqsweep.seqmodels.hyperparameters import Hyperparameters, Lane
from seqsweep.seqmodels.lanes import LaneArray, Tokens
from seqsweep.seqmodels.layout import Layout
from seqsweep.seqmodels.optim import LaneOptimizer

LENGTHS = torch.tensor([4, 1, 6, 6, 2, 3, 5, 1])
LABELS = torch.tensor([0, 3, 0, 0, 1, 3, 0, 0])
WEIGHTS = torch.tensor([0.4, 1.7, 0.0, 0.9, 2.5])  # two classes that no row is of
LAYOUT = Layout(Architecture("gru", 1, 7), 3, len(WEIGHTS))
STARTS = LENGTHS.cumsum(0) - LENGTHS
TOKENS = torch.randn(int(LENGTHS.sum()), LAYOUT.features, generator=torch.Generator().manual_seed(3))
LANES = [  # at a rate of 1 the update is the gradient
    Lane(number, 7 + number, Hyperparameters(lr=1.0, optimizer="sgd", label_smoothing=smoothing))
    for number, smoothing in enumerate((0.0, 0.3, 0.1))
]


def backend_step(backend: Backend, lanes: Sequence[Lane], dtype: torch.dtype) -> list[list[Tensor]]:
    """Compute each lane's loss and the gradient of each parameter, by an epoch of one step."""
    engine = create_engine(LAYOUT, backend)
    array = LaneArray(LAYOUT, lanes, engine, dtype=dtype)
    before = array.params.clone()
    optimizer = LaneOptimizer(
        [lane.hyperparameters for lane in lanes], LAYOUT.width, dtype=dtype, device="cpu"
    )
    epoch = array.epoch(
        Tokens(TOKENS.to(dtype), STARTS, LENGTHS, LABELS),
        torch.arange(len(LENGTHS)),
        optimizer.coming([[1.0]] * len(lanes)),
        number=1,
        batch_size=len(LENGTHS),
        bptt=None,
        class_weights=WEIGHTS.to(dtype),
    )
    result, _ = engine.train_epoch(epoch)
    return [
        [torch.tensor(loss / len(LENGTHS)), *LAYOUT.state_dict(change).values()]
        for loss, change in zip(result.loss, before - array.params, strict=True)
    ]


def torch_step(lane: Lane, dtype: torch.dtype) -> list[Tensor]:
    """Compute the same of one lane by torch.nn in float64, from initial weights in `dtype`."""
    array = LaneArray(LAYOUT, [lane], create_engine(LAYOUT, TorchBackend()), dtype=dtype)
    hidden = LAYOUT.architecture.hidden
    model = nn.ModuleDict(
        {"rnn": nn.GRU(LAYOUT.features, hidden), "head": nn.Linear(hidden, LAYOUT.classes)}
    ).double()
    state = LAYOUT.state_dict(array.params[0].double())
    model.load_state_dict(state)
    rows = list(torch.split(TOKENS.double(), LENGTHS.tolist()))
    _, final = model["rnn"](pack_sequence(rows, enforce_sorted=False))
    smoothing = lane.hyperparameters.label_smoothing
    loss = nn.CrossEntropyLoss(WEIGHTS.double(), label_smoothing=smoothing)(model["head"](final[0]), LABELS)
    parameters = dict(model.named_parameters())
    return [loss.detach(), *torch.autograd.grad(loss, [parameters[name] for name in state])]
