"""The lane array: many models of one architecture, a row of `params [K, P]` each."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int64
from numpy.typing import NDArray
from torch import Tensor

from seqsweep.seqmodels.backends.base import Epoch, Updates
from seqsweep.seqmodels.data.dataset import SequenceDataset
from seqsweep.seqmodels.engine import Engine
from seqsweep.seqmodels.hyperparameters import Lane
from seqsweep.seqmodels.layout import Layout
from seqsweep.seqmodels.randomness import Purpose, uniform


@dataclass(frozen=True, eq=False)
class Tokens:
    """Holds a data set of S sequences as torch tensors on one device.

    Args:
        tokens: all time steps of all sequences, a row of D features each.
        start: each sequence's first token.
        length: its number of tokens.
        label: its class."""

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


class LaneArray:
    """Holds K lanes: who they are, and their parameters and gradients, a row each.

    Args:
        layout: where parameters lie.
        lanes: who the rows are, see `begin`.
        engine: who computes.
        dtype: float32, or float64 for tests.
        device: where the lanes live.
    """

    def __init__(
        self,
        layout: Layout,
        lanes: Sequence[Lane],
        engine: Engine,
        *,
        dtype: torch.dtype = torch.float32,
        device: str | torch.device = "cpu",
    ) -> None:
        self.layout = layout
        self.engine = engine
        self.params = torch.empty(0, layout.width, dtype=dtype, device=device)
        self.begin(lanes)

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
        """Tell of each lane whether all its parameters are finite."""
        if self.params.device.type == "cuda":  # asked once: every answer is waited for
            return self.params.isfinite().all(1).tolist()
        return [bool(row.isfinite().all()) for row in self.params]  # one by one, as `isfinite` makes copies

    def logits(
        self, data: Tokens, sequences: Int64[Tensor, "S"]
    ) -> tuple[Float[Tensor, "K S C"], Float[NDArray[np.float64], "K"]]:
        """Compute logits of the same sequences by every lane, see `Engine.logits`."""
        return self.engine.logits(self.params, data.tokens, data.start[sequences], data.length[sequences])

    def epoch(
        self,
        data: Tokens,
        train: Int64[Tensor, "n"],
        updates: Updates,
        *,
        number: int,
        batch_size: int,
        bptt: int | None,
        class_weights: Float[Tensor, "C"] | None = None,
    ) -> Epoch:
        """Describe an epoch of all lanes for `Engine.train_epoch`, which changes their parameters; see `Epoch`."""
        return Epoch(
            layout=self.layout,
            lanes=self.lanes,
            tokens=data.tokens,
            start=data.start,
            length=data.length,
            label=data.label,
            train=train,
            number=number,
            batch_size=batch_size,
            bptt=bptt,
            params=self.params,
            grads=self.grads,
            updates=updates,
            class_weights=class_weights,
        )
