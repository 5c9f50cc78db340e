"""What everybody above the backends sees of them: an engine, which trains lanes for an epoch and computes their logits."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby, repeat
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int64
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from seqsweep.seqmodels.backends.base import (
    Backend,
    Batch,
    Epoch,
    EpochBackend,
    EpochResult,
    Rows,
    StepBackend,
    Steps,
)
from seqsweep.seqmodels.draws import StepDraws
from seqsweep.seqmodels.gradients import AutogradSteps
from seqsweep.seqmodels.layout import Layout
from seqsweep.seqmodels.network import Network
from seqsweep.seqmodels.optim import tree_sum
from seqsweep.seqmodels.randomness import permutation

EVALUATION_BATCH = 128


@runtime_checkable
class Engine(Protocol):
    """Trains and evaluates lanes of one layout. A lane's numbers do not depend on which others it is given with."""

    def train_epoch(self, epoch: Epoch) -> tuple[EpochResult, Float[NDArray[np.float64], "K"]]:
        """Train every lane for one epoch; gives each lane's seconds too."""
        ...

    def logits(
        self,
        params: Float[Tensor, "K P"],
        tokens: Float[Tensor, "N D"],
        start: Int64[Tensor, "S"],
        length: Int64[Tensor, "S"],
    ) -> tuple[Float[Tensor, "K S C"], Float[NDArray[np.float64], "K"]]:
        """Compute logits of the same sequences by every lane, without noise or dropout; gives each lane's seconds too."""
        ...

    @staticmethod
    def mean_losses(logits: Float[Tensor, "K S C"], label: Int64[Tensor, "S"]) -> list[float]:
        """Compute the mean cross-entropy of each lane over the sequences."""
        ...


def create_engine(layout: Layout, backend: Backend, *, bptt: int | None = None, threads: int = 1) -> Engine:
    """Make the engine for what a backend does by itself: whole epochs, steps, or recurrences only.

    Args:
        layout: where parameters lie.
        backend: who computes.
        bptt: see `Network`.
        threads: see `StepEngine`.
    """
    if isinstance(backend, EpochBackend):
        return EpochEngine(layout, backend)
    return StepEngine(layout, backend, bptt=bptt, threads=threads)


class EpochEngine:
    """Hands whole epochs to a backend that does them, all lanes at once.

    Args:
        layout: where parameters lie.
        backend: who computes.
    """

    def __init__(self, layout: Layout, backend: EpochBackend) -> None:
        self._layout = layout
        self._backend = backend

    def train_epoch(self, epoch: Epoch) -> tuple[EpochResult, Float[NDArray[np.float64], "K"]]:
        """Train every lane for an epoch, see `Engine.train_epoch`."""
        begun = time.perf_counter()
        result = self._backend.train_epoch(epoch)
        return result, _shared(time.perf_counter() - begun, len(epoch.lanes))

    @torch.no_grad()
    def logits(
        self,
        params: Float[Tensor, "K P"],
        tokens: Float[Tensor, "N D"],
        start: Int64[Tensor, "S"],
        length: Int64[Tensor, "S"],
    ) -> tuple[Float[Tensor, "K S C"], Float[NDArray[np.float64], "K"]]:
        """Compute logits, see `Engine.logits`."""
        begun = time.perf_counter()
        out = params.new_zeros(len(params), len(start), self._layout.classes)
        for place in _evaluation_batches(length):
            out[:, place] = self._backend.logits(self._layout, params, tokens, start[place], length[place])
        return out, _shared(time.perf_counter() - begun, len(params))

    @staticmethod
    def mean_losses(logits: Float[Tensor, "K S C"], label: Int64[Tensor, "S"]) -> list[float]:
        """Compute mean losses, see `Engine.mean_losses`: in one wait for a GPU, not in one a lane; bits do not depend on K."""
        places = torch.arange(len(label), device=label.device)
        at_label = torch.log_softmax(logits, 2)[:, places, label]
        mean: list[float] = (-tree_sum(at_label) / len(label)).tolist()
        return mean


@dataclass(frozen=True, eq=False)
class StepResult:
    """Holds what a training step gives for each of K lanes, before the update; 0 for lanes that were left out.

    Args:
        loss: mean cross-entropy over the batch, with label smoothing and class weights.
        correct: rows that were classified right.
        seconds: time spent on each lane.
    """

    loss: Float[Tensor, "K"]
    correct: Int64[Tensor, "K"]
    seconds: Float[NDArray[np.float64], "K"]


class StepEngine:
    """Makes epochs out of steps: the backend's own, or autograd's through its recurrence.

    Args:
        layout: where parameters lie.
        backend: who computes the recurrence, and steps where it can.
        bptt: see `Network`.
        threads: calls that run side by side, each on its own lanes; a backend that can uses what is left over inside a call.
            No number depends on it.
    """

    def __init__(
        self, layout: Layout, backend: Backend, *, bptt: int | None = None, threads: int = 1
    ) -> None:
        self._layout = layout
        self._backend = backend
        self._network = Network(layout.architecture, backend, bptt)
        self._steps: Steps = backend if isinstance(backend, StepBackend) else AutogradSteps(backend)
        self._threads = threads
        # inner parallelism would split sums by the number of threads
        self._pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))
        # a step of the backend's own holds no torch sums, which the pool keeps from being split
        self._steps_here = self._steps is backend and threads == 1

    def train_epoch(self, epoch: Epoch) -> tuple[EpochResult, Float[NDArray[np.float64], "K"]]:
        """Train every lane for an epoch, see `Engine.train_epoch`.

        A lane is left out of the epoch's rest from the step on in which it diverges.
        """
        lanes, count, size = len(epoch.lanes), len(epoch.train), epoch.batch_size
        order = torch.stack(
            [torch.from_numpy(permutation(lane.seed, count, epoch=epoch.number)) for lane in epoch.lanes]
        )
        sequences = epoch.train[order.to(epoch.train)]
        loss, correct, steps = np.zeros(lanes), np.zeros(lanes, np.int64), np.zeros(lanes, np.int64)
        seconds = np.zeros(lanes)
        rows = list(range(lanes))
        for step in range(epoch.steps):
            batch = sequences[:, step * size : (step + 1) * size]
            result = self.gradients(epoch, batch, step, rows)
            losses = np.array(result.loss.tolist())
            loss[rows] += losses[rows] * batch.shape[1]
            correct[rows] += np.array(result.correct.tolist())[rows]
            seconds += result.seconds
            steps[rows] += 1
            loss[~np.isfinite(loss)] = np.nan
            rows = [row for row in rows if not np.isnan(loss[row])]
            for part in _runs(rows):
                self._steps.update(epoch.updates.of(part), step, epoch.params[part], epoch.grads[part])
            if not rows:
                break
        return EpochResult(loss, correct, steps), seconds

    def gradients(
        self, epoch: Epoch, batch: Int64[Tensor, "K B"], step: int, rows: Sequence[int] | None = None
    ) -> StepResult:
        """Compute loss and gradients of one batch a lane, with the lanes' noise, dropout and label smoothing.

        Gradients go to `epoch.grads`.

        Args:
            epoch: what the lanes learn from.
            batch: the sequences of each lane, in its own order.
            step: batch of the epoch; counts the random draws, with `epoch.number`.
            rows: the lanes that take part, in rising order; None: all.
        """
        count = len(epoch.lanes)
        sequences = batch.flatten()
        lane = torch.arange(count, device=batch.device).repeat_interleave(batch.shape[1])
        start, length, label = (part[sequences] for part in (epoch.start, epoch.length, epoch.label))
        loss = torch.zeros(count, dtype=epoch.params.dtype, device=epoch.params.device)
        correct = torch.zeros(count, dtype=torch.int64, device=epoch.params.device)
        seconds = np.zeros(count)

        def run(part: slice, threads: int) -> None:
            begun = time.perf_counter()
            own = slice(part.start * batch.shape[1], part.stop * batch.shape[1])
            lanes = epoch.lanes[part]
            draws = StepDraws(
                lanes,
                self._layout,
                Rows(lane[own] - part.start, start[own], length[own]),
                epoch.number,
                step,
            )
            tokens, noisy_rows = draws.noisy(epoch.tokens)
            loss[part], correct[part] = self._steps.gradients(
                self._layout,
                epoch.params[part],
                Batch(
                    tokens,
                    noisy_rows,
                    label[own],
                    draws.masks(epoch.params.dtype),
                    [lane.hyperparameters.label_smoothing for lane in lanes],
                    epoch.class_weights,
                ),
                epoch.bptt,
                epoch.grads[part],
                threads=threads,
            )
            seconds[part] = (time.perf_counter() - begun) / len(lanes)

        self._each_call(range(count) if rows is None else rows, run, here=self._steps_here)
        return StepResult(loss, correct, seconds)

    @torch.no_grad()
    def logits(
        self,
        params: Float[Tensor, "K P"],
        tokens: Float[Tensor, "N D"],
        start: Int64[Tensor, "S"],
        length: Int64[Tensor, "S"],
    ) -> tuple[Float[Tensor, "K S C"], Float[NDArray[np.float64], "K"]]:
        """Compute logits, see `Engine.logits`."""
        out = params.new_zeros(len(params), len(start), self._layout.classes)
        seconds = np.zeros(len(params))

        def run(part: slice, threads: int) -> None:
            begun = time.perf_counter()
            views = self._layout.views(params[part])
            count = part.stop - part.start
            for place in _evaluation_batches(length):
                rows = Rows(
                    torch.arange(count, device=place.device).repeat_interleave(len(place)),
                    start[place].repeat(count),
                    length[place].repeat(count),
                )
                out[part, place] = torch.stack(self._network.logits(views, tokens, rows, threads=threads))
            seconds[part] = (time.perf_counter() - begun) / count

        self._each_call(range(len(params)), run)
        return out, seconds

    @staticmethod
    def mean_losses(logits: Float[Tensor, "K S C"], label: Int64[Tensor, "S"]) -> list[float]:
        """Compute mean losses, see `Engine.mean_losses`."""
        return [float(functional.cross_entropy(own, label)) for own in logits]

    def _each_call(
        self, rows: Sequence[int], run: Callable[[slice, int], None], *, here: bool = False
    ) -> None:
        """Run for the lanes of each call: in this thread, or side by side in the pool; with the threads left to each."""
        parts = list(_runs(rows, self._backend.lanes_per_call))
        threads = repeat(max(1, self._threads // max(1, len(parts))))
        for _ in map(run, parts, threads) if here else self._pool.map(run, parts, threads):
            pass


def _runs(rows: Sequence[int], most: int | None = None) -> Iterator[slice]:
    """Cut rising numbers of rows into runs of neighbours, of at most so many rows."""
    for _, run in groupby(enumerate(rows), lambda pair: pair[1] - pair[0]):
        own = [row for _, row in run]
        size = most or len(own)
        for first in range(own[0], own[-1] + 1, size):
            yield slice(first, min(first + size, own[-1] + 1))


def _evaluation_batches(length: Int64[Tensor, "S"]) -> Sequence[Int64[Tensor, "B"]]:
    """Share sequences out, sorted by length for the backend's sake; the order is fixed, so bits are too."""
    return torch.split(torch.argsort(length, stable=True), EVALUATION_BATCH)


def _shared(seconds: float, lanes: int) -> Float[NDArray[np.float64], "K"]:
    """Share the time of a call out to its lanes."""
    return np.full(lanes, seconds / lanes)
