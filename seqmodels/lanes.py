"""The lane array: many models of one architecture, a row of `params [K, P]` each."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int64
from numpy.typing import NDArray
from torch import Tensor

from seqsweep.seqmodels.backends.base import Backend, Batch, EpochBackend, Rows, StepBackend
from seqsweep.seqmodels.data.dataset import SequenceDataset
from seqsweep.seqmodels.gradients import autograd_gradients
from seqsweep.seqmodels.hyperparameters import Lane
from seqsweep.seqmodels.layout import Layout
from seqsweep.seqmodels.network import Network
from seqsweep.seqmodels.randomness import Purpose, normal, uniform

EVALUATION_BATCH = 128


@dataclass(frozen=True, eq=False)
class Tokens:
    """A data set as torch tensors on one device."""

    tokens: Float[Tensor, "N D"]
    start: Int64[Tensor, "S"]
    length: Int64[Tensor, "S"]
    label: Int64[Tensor, "S"]


def device_tokens(dataset: SequenceDataset, device: str) -> Tokens:
    """Hold a data set's arrays as tensors: on the CPU they are the same memory."""
    with warnings.catch_warnings():
        # arrays from a shared object store are read-only; nothing here writes to them
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        tensors = (
            torch.from_numpy(array).to(device)
            for array in (dataset.tokens, dataset.start, dataset.length, dataset.label)
        )
        return Tokens(*tensors)


@dataclass(frozen=True, eq=False)
class StepResult:
    """What a training step gives for each lane, before the update.

    Args:
        loss: mean cross-entropy over the batch, with label smoothing.
        correct: rows that were classified right.
        grads: of `loss`, in the layout of `params`; padding stays 0.
        seconds: time spent on each lane.
    """

    loss: Float[Tensor, "K"]
    correct: Int64[Tensor, "K"]
    grads: Float[Tensor, "K P"]
    seconds: NDArray[np.float64]


class LaneArray:
    """Parameters of K lanes and the passes over them.

    A lane's numbers do not depend on K, on its place, on its neighbours or on `threads`.

    Args:
        layout: where parameters lie.
        lanes: who the rows are, see `begin`.
        backend: who computes the recurrence.
        bptt: see `Network`.
        threads: calls that run side by side, each on its own lanes; a backend that can uses what is left over inside a call.
        dtype: float32, or float64 for tests.
        device: where the lanes live.
    """

    def __init__(
        self,
        layout: Layout,
        lanes: Sequence[Lane],
        backend: Backend,
        *,
        bptt: int | None = None,
        threads: int = 1,
        dtype: torch.dtype = torch.float32,
        device: str | torch.device = "cpu",
    ) -> None:
        self.layout = layout
        self.network = Network(layout.architecture, backend, bptt)
        self.params = torch.empty(0, layout.width, dtype=dtype, device=device)
        self.begin(lanes)
        self.step_backend = backend if isinstance(backend, StepBackend) else None
        """The backend, where it does whole steps."""
        self.epoch_backend = backend if isinstance(backend, EpochBackend) else None
        """The backend, where it does whole epochs."""
        self._threads = threads
        # inner parallelism would split sums by the number of threads
        self._pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))

    def begin(self, lanes: Sequence[Lane]) -> None:
        """Hold new lanes: initial weights are drawn from their seeds, in torch.nn's distribution."""
        self.lanes = list(lanes)
        self.params = self.params.new_zeros(len(self.lanes), self.layout.width)
        for row, lane in zip(self.params, self.lanes, strict=True):
            self._initialise(row, lane.seed)
        self.grads = torch.zeros_like(self.params)

    def _initialise(self, row: Float[Tensor, "P"], seed: int) -> None:
        for number, part in enumerate(self.layout.slices.values()):
            draw = uniform(seed, Purpose.WEIGHTS, (part.size,), layer=number)
            value = torch.from_numpy(draw).to(row)
            row[part.offset : part.offset + part.size] = (2 * value - 1) * part.bound

    def select(self, rows: Sequence[int]) -> None:
        """Keep these lanes only, in this order."""
        self.lanes = [self.lanes[row] for row in rows]
        self.params = self.params[list(rows)].contiguous()
        self.grads = torch.zeros_like(self.params)

    def replace(self, lanes: Sequence[Lane], params: Float[Tensor, "K P"]) -> None:
        """Hold these lanes with these parameters (copied) instead."""
        self.lanes = list(lanes)
        self.params = params.to(self.params, copy=True)
        self.grads = torch.zeros_like(self.params)

    def sound(self) -> list[bool]:
        """Whether all parameters of each lane are finite."""
        if self.params.device.type == "cuda":  # asked once: every answer is waited for
            return self.params.isfinite().all(1).tolist()
        return [bool(row.isfinite().all()) for row in self.params]  # one by one, as `isfinite` makes copies

    def step(self, data: Tokens, batch: Int64[Tensor, "K B"], *, epoch: int, step: int) -> StepResult:
        """Loss and gradients of one batch a lane, with the lanes' noise, dropout and label smoothing.

        Args:
            data: all sequences.
            batch: the sequences of each lane, in its own order.
            epoch: counts the random draws, with `step`.
            step: batch of the epoch.
        """
        count = len(self.lanes)
        sequences = batch.flatten()
        lane = torch.arange(count, device=batch.device).repeat_interleave(batch.shape[1])
        start, length, label = (part[sequences] for part in (data.start, data.length, data.label))
        loss = torch.zeros(count, dtype=self.params.dtype, device=self.params.device)
        correct = torch.zeros(count, dtype=torch.int64, device=self.params.device)
        seconds = np.zeros(count)

        def run(part: slice) -> None:
            begun = time.perf_counter()
            own = slice(part.start * batch.shape[1], part.stop * batch.shape[1])
            rows = Rows(lane[own] - part.start, start[own], length[own])
            loss[part], correct[part] = self._gradients(data.tokens, rows, label[own], part, epoch, step)
            seconds[part] = (time.perf_counter() - begun) / (part.stop - part.start)

        # a step of the backend's own holds no torch sums, which the pool keeps from being split
        self._each_call(run, here=self._threads == 1 and self.step_backend is not None)
        return StepResult(loss, correct, self.grads, seconds)

    def _gradients(
        self,
        tokens: Float[Tensor, "N D"],
        rows: Rows,
        label: Int64[Tensor, "R"],
        part: slice,
        epoch: int,
        step: int,
    ) -> tuple[Float[Tensor, "k"], Int64[Tensor, "k"]]:
        lanes = self.lanes[part]
        draws = _StepDraws(lanes, self.layout, rows, epoch, step)
        tokens, rows = draws.noisy(tokens, rows)
        batch = Batch(
            tokens,
            rows,
            label,
            draws.masks(self.params.dtype),
            [lane.hyperparameters.label_smoothing for lane in lanes],
        )
        params, grads = self.params[part], self.grads[part]
        if self.step_backend is not None:
            return self.step_backend.gradients(self.layout, params, batch, self.network.bptt, grads)
        return autograd_gradients(self.network, self.layout, params, batch, grads)

    @torch.no_grad()
    def logits(
        self, data: Tokens, sequences: Int64[Tensor, "S"]
    ) -> tuple[Float[Tensor, "K S C"], NDArray[np.float64]]:
        """Logits of the same sequences by every lane, without noise or dropout; and each lane's seconds."""
        # sorted by length for the backend's sake; the order is fixed, so bits are too
        order = torch.argsort(data.length[sequences], stable=True)
        shape = (len(self.lanes), len(sequences), self.layout.classes)
        out = torch.zeros(shape, dtype=self.params.dtype, device=self.params.device)
        seconds = np.zeros(len(self.lanes))

        def run(part: slice) -> None:
            begun = time.perf_counter()
            views = self.layout.views(self.params[part])
            count = part.stop - part.start
            for place in torch.split(order, EVALUATION_BATCH):
                chosen = sequences[place]
                if self.epoch_backend is not None:
                    out[part, place] = self.epoch_backend.logits(
                        self.layout,
                        self.params[part],
                        data.tokens,
                        data.start[chosen],
                        data.length[chosen],
                    )
                    continue
                rows = Rows(
                    torch.arange(count, device=chosen.device).repeat_interleave(len(chosen)),
                    data.start[chosen].repeat(count),
                    data.length[chosen].repeat(count),
                )
                out[part, place] = torch.stack(self.network.logits(views, data.tokens, rows))
            seconds[part] = (time.perf_counter() - begun) / count

        self._each_call(run)
        return out, seconds

    def _each_call(self, run: Callable[[slice], None], *, here: bool = False) -> None:
        """Run for the lanes of each call: in this thread, or side by side in the pool."""
        size = self.network.backend.lanes_per_call or len(self.lanes)
        parts = [slice(i, min(i + size, len(self.lanes))) for i in range(0, len(self.lanes), size)]
        self.network.backend.threads_per_call = max(1, self._threads // max(1, len(parts)))
        for _ in map(run, parts) if here else self._pool.map(run, parts):
            pass


class _StepDraws:
    """Noise and dropout masks of some lanes in one step: drawn for each lane alone, from its seed and the counters."""

    def __init__(self, lanes: Sequence[Lane], layout: Layout, rows: Rows, epoch: int, step: int) -> None:
        self._lanes = lanes
        self._architecture = layout.architecture
        self._rows = rows
        count = rows.lane.shape[0] // len(lanes)
        self._parts = [slice(lane * count, (lane + 1) * count) for lane in range(len(lanes))]
        self._counters = {"epoch": epoch, "step": step}

    def noisy(self, tokens: Float[Tensor, "N D"], rows: Rows) -> tuple[Float[Tensor, "M D"], Rows]:
        """The rows' tokens with noise, one row after the other; untouched where no lane wants any."""
        if not any(lane.hyperparameters.input_noise for lane in self._lanes):
            return tokens, rows
        noisy = tokens.index_select(0, rows.gather)
        first = 0
        for lane, part in zip(self._lanes, self._parts, strict=True):
            count = int(rows.length[part].sum())
            deviation = lane.hyperparameters.input_noise
            if deviation:
                draw = normal(lane.seed, Purpose.NOISE, (count, tokens.shape[1]), **self._counters)
                noisy[first : first + count] += deviation * torch.from_numpy(draw).to(tokens)
            first += count
        return noisy, rows.packed()

    def masks(self, dtype: torch.dtype) -> list[Tensor] | None:
        """Dropout masks as `Network.logits` takes them."""
        if not any(lane.hyperparameters.dropout for lane in self._lanes):
            return None
        width = self._architecture.hidden * self._architecture.directions
        token_counts = [int(self._rows.length[part].sum()) for part in self._parts]
        row_counts = [part.stop - part.start for part in self._parts]
        masks = [
            self._mask(token_counts, width, layer, dtype) for layer in range(self._architecture.layers - 1)
        ]
        top = self._architecture.layers - 1
        return [*masks, self._mask(row_counts, self._architecture.readout_features, top, dtype)]

    def _mask(self, counts: list[int], features: int, layer: int, dtype: torch.dtype) -> Float[Tensor, "n F"]:
        parts = []
        for lane, count in zip(self._lanes, counts, strict=True):
            rate = lane.hyperparameters.dropout
            draw = uniform(lane.seed, Purpose.DROPOUT, (count, features), layer=layer, **self._counters)
            parts.append(torch.from_numpy(draw >= np.float32(rate)).to(dtype) / (1 - rate))
        return torch.cat(parts).to(self._rows.length.device)
