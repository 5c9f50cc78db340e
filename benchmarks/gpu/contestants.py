"""Who takes part in `recurrence.py`: seqsweep's lanes, and four ways to train LSTMs on a GPU with torch alone."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from queue import Empty
from threading import BrokenBarrierError
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence, pad_sequence

from seqsweep.seqmodels.architecture import Architecture
from seqsweep.seqmodels.backends.cuda.backend import CudaBackend
from seqsweep.seqmodels.hyperparameters import Hyperparameters, Lane
from seqsweep.seqmodels.lanes import Tokens
from seqsweep.seqmodels.layout import Layout
from seqsweep.seqmodels.training import Trainer
from seqsweep.seqmodels.training_config import TrainingConfig

CLASSES = 5
START_SECONDS = 60.0  # of processes: Python, torch, a context each


@dataclass(frozen=True)
class Problem:
    """Sequences of random length, cut into batches."""

    features: int
    shortest: int
    longest: int
    batch: int
    batches: int
    device: str

    @cached_property
    def data(self) -> Tokens:
        generator = torch.Generator().manual_seed(0)
        count = self.batch * self.batches
        length = torch.randint(self.shortest, self.longest + 1, (count,), generator=generator)
        tokens = torch.randn(int(length.sum()), self.features, generator=generator)
        label = torch.randint(CLASSES, (count,), generator=generator)
        start = length.cumsum(0) - length
        return Tokens(*(part.to(self.device) for part in (tokens, start, length, label)))

    @property
    def tokens(self) -> int:
        """Of one model's epoch."""
        return len(self.data.tokens)

    def padded(self) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Each batch, padded, with its lengths and labels."""
        rows = self.data.tokens.split(self.data.length.tolist())
        parts = zip(self.data.length.split(self.batch), self.data.label.split(self.batch), strict=True)
        return [
            (pad_sequence(rows[place * self.batch : (place + 1) * self.batch], batch_first=True), *part)
            for place, part in enumerate(parts)
        ]


Run = tuple[Callable[[], None], int]
"""What is timed, and the tokens that it trains."""


def lanes(problem: Problem, hidden: int, count: int, backend: CudaBackend) -> Run:
    """Epochs of seqsweep's trainer, updates and the host's part included."""
    trainer = Trainer(
        Layout(Architecture("lstm", 1, hidden), problem.features, CLASSES),
        [Lane(0, seed, Hyperparameters(lr=1e-4)) for seed in range(count)],
        problem.data,
        np.arange(problem.batch * problem.batches),
        np.zeros(0, dtype=np.int64),
        TrainingConfig(epochs=1_000_000, batch_size=problem.batch, min_change=0.0, keep="last"),
        backend,
    )
    return lambda: trainer.run_epoch() and None, count * problem.tokens


class Classifier(nn.Module):
    """`nn.LSTM` and a head over the last step: on packed input, or on padded input, which is cuDNN's faster path."""

    def __init__(self, features: int, hidden: int, *, packed: bool) -> None:
        super().__init__()
        self.rnn = nn.LSTM(features, hidden, batch_first=True)
        self.head = nn.Linear(hidden, CLASSES)
        self.packed = packed

    def forward(self, x: Tensor, length: Tensor, length_on_host: Tensor) -> Tensor:
        if self.packed:
            x = pack_padded_sequence(x, length_on_host, batch_first=True, enforce_sorted=False)
        output = self.rnn(x)[0]
        if self.packed:
            output, _ = pad_packed_sequence(output, batch_first=True)
        return self.head(output[torch.arange(len(length), device=x.data.device), length - 1])


def one_model(problem: Problem, hidden: int, *, packed: bool) -> Run:
    """Forward, cross-entropy, backward, one batch after the other; K models one by one take K times as long."""
    model = Classifier(problem.features, hidden, packed=packed).to(problem.device)
    batches = [(x, length, length.cpu(), label) for x, length, label in problem.padded()]

    def run() -> None:
        for x, length, on_host, label in batches:
            model.zero_grad()
            nn.functional.cross_entropy(model(x, length, on_host), label).backward()

    return run, problem.tokens


def stacked_loop(problem: Problem, hidden: int, count: int) -> Run:
    """All models in one loop over time, `bmm` over stacked weights, forward and backward captured in one CUDA graph."""
    x, length, label = problem.padded()[0]
    x = x.expand(count, *x.shape).contiguous()
    bound = hidden**-0.5

    def weight(*shape: int) -> Tensor:
        value = torch.empty(count, *shape, device=problem.device).uniform_(-bound, bound)
        return value.requires_grad_()

    w_ih, w_hh, bias = weight(problem.features, 4 * hidden), weight(hidden, 4 * hidden), weight(1, 4 * hidden)
    head = weight(hidden, CLASSES)
    last = (length - 1).view(1, 1, -1, 1).expand(1, count, -1, hidden)
    target = label.repeat(count)

    def step() -> None:
        projected = torch.baddbmm(bias, x.flatten(1, 2), w_ih).view(count, *x.shape[1:3], 4 * hidden)
        h = c = x.new_zeros(count, x.shape[1], hidden)
        outputs = []
        for time_step in range(x.shape[2]):
            i, f, g, o = torch.baddbmm(projected[:, :, time_step], h, w_hh).chunk(4, 2)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            outputs.append(h)
        final = torch.stack(outputs).gather(0, last)[0]
        loss = nn.functional.cross_entropy(torch.bmm(final, head).flatten(0, 1), target)
        torch.autograd.grad(loss * count, [w_ih, w_hh, bias, head])

    tokens = count * int(length.sum())
    if problem.device == "cpu":
        return step, tokens
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(2):  # torch asks for it before a capture
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay, tokens


def processes(problem: Problem, hidden: int, count: int, seconds: float) -> float | None:
    """Tokens a second of so many processes that share the GPU, each training a model on padded input; None if one fails."""
    context = multiprocessing.get_context("spawn")
    ready, done = context.Barrier(count + 1), context.Queue()
    arguments = (replace(problem), hidden, seconds, ready, done)  # without its tensors
    started = [context.Process(target=_process, args=arguments, daemon=True) for _ in range(count)]
    for process in started:
        process.start()
    try:
        ready.wait(START_SECONDS)
        return sum(done.get(timeout=START_SECONDS) for _ in started)
    except (BrokenBarrierError, Empty):
        return None
    finally:
        for process in started:
            process.join(1)
            process.terminate()


def _process(problem: Problem, hidden: int, seconds: float, ready: Any, done: Any) -> None:
    torch.set_num_threads(1)
    run, tokens = one_model(problem, hidden, packed=False)
    run()
    synchronize(problem.device)
    ready.wait()
    begun, trained, spent = time.perf_counter(), 0, 0.0
    while not trained or spent < seconds:
        run()
        synchronize(problem.device)
        trained, spent = trained + tokens, time.perf_counter() - begun
    done.put(trained / spent)


def synchronize(device: str) -> None:
    """Wait for the GPU."""
    if device != "cpu":
        torch.cuda.synchronize()
