"""What a backend is: the recurrence of one direction of one layer over many lanes' rows; or whole steps, or whole epochs too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int64
from numpy.typing import NDArray
from torch import Tensor

from seqsweep.seqmodels.hyperparameters import Lane
from seqsweep.seqmodels.layout import Layout
from seqsweep.seqmodels.updates import UpdateKind


class Weights(NamedTuple):
    """Holds one direction of one layer for K lanes (views into `params`; G gates, H hidden, F input features)."""

    weight_ih: Float[Tensor, "K GH F"]
    weight_hh: Float[Tensor, "K GH H"]
    bias_ih: Float[Tensor, "K GH"]
    bias_hh: Float[Tensor, "K GH"]


@dataclass(frozen=True, eq=False)
class Rows:
    """Lists the sequences of one call, lane after lane: row r is `tokens[start[r] : start[r] + length[r]]`.

    Args:
        lane: which lane's weights a row uses, 0..K-1, never decreasing.
        start: the row's first token.
        length: its number of tokens, at least 1.
    """

    lane: Int64[Tensor, "R"]
    start: Int64[Tensor, "R"]
    length: Int64[Tensor, "R"]

    @cached_property
    def offset(self) -> Int64[Tensor, "R"]:
        """Say where each row begins in an output that holds the rows one after the other."""
        return torch.cumsum(self.length, 0) - self.length

    @cached_property
    def tokens(self) -> int:
        """Count the tokens of all rows, M."""
        return int(self.length.sum())

    @cached_property
    def gather(self) -> Int64[Tensor, "M"]:
        """Give for each output token the input token it belongs to."""
        shift = torch.repeat_interleave(self.start - self.offset, self.length)
        return torch.arange(self.tokens, device=self.length.device) + shift

    def packed(self) -> Rows:
        """Describe the same rows in an array that holds them one after the other: what the next layer reads."""
        return Rows(self.lane, self.offset, self.length)

    def of_lane(self, lane: int) -> slice:
        """Find the rows of one lane."""
        first, last = torch.searchsorted(self.lane, torch.tensor([lane, lane + 1], device=self.lane.device))
        return slice(int(first), int(last))


@dataclass(frozen=True, eq=False)
class Batch:
    """Holds what k lanes learn from in one step, the same number of rows each.

    Args:
        tokens: input, shared by the lanes or one stretch for each.
        rows: the sequences of all lanes.
        label: class of each row.
        masks: dropout masks (0 or 1 / (1 - rate)): one `[M, F]` after each layer but the last, then one `[R, F]` for what the
            readout gives; None for no dropout.
        smoothing: label smoothing of each lane.
        class_weights: of the loss, as torch.nn.CrossEntropyLoss takes them; None: each row counts once.
    """

    tokens: Float[Tensor, "N D"]
    rows: Rows
    label: Int64[Tensor, "R"]
    masks: Sequence[Float[Tensor, "..."]] | None
    smoothing: Sequence[float]
    class_weights: Float[Tensor, "C"] | None = None


@dataclass(frozen=True, eq=False)
class Updates:
    """Describes all updates of an epoch, one entry for each of K lanes; `seqsweep.seqmodels.optim.update_lanes` does them.

    Args:
        kinds: which operations they are.
        max_norm: largest Euclidean norm of a lane's gradients, to which they are clipped; None: not.
        coefficients: the scalars of each step, see `seqsweep.seqmodels.updates.coefficients`.
        first: the first moments, where any lane has some; changed in place.
        second: the second ones.
    """

    kinds: Sequence[UpdateKind]
    max_norm: Sequence[float | None]
    coefficients: Float[Tensor, "K steps coefficients"]
    first: Float[Tensor, "K P"] | None
    second: Float[Tensor, "K P"] | None

    def of(self, part: slice) -> Updates:
        """Take those of some lanes; the moments share memory."""
        return Updates(
            self.kinds[part],
            self.max_norm[part],
            self.coefficients[part],
            None if self.first is None else self.first[part],
            None if self.second is None else self.second[part],
        )


@dataclass(frozen=True, eq=False)
class Epoch:
    """Holds what K lanes learn from in one epoch.

    Args:
        layout: where parameters lie.
        lanes: who the rows of `params` are: their seeds give order, noise and dropout.
        tokens, start, length, label: the data set.
        train: the sequences to learn from; each lane has its own order of them.
        number: of the epoch, from 1.
        batch_size: rows of a step; the last has what is left.
        bptt: as `Backend.recurrence`.
        params: changed in place.
        grads: scratch memory; its padding is 0 and stays so.
        updates: how.
        class_weights: as `Batch.class_weights`.
    """

    layout: Layout
    lanes: Sequence[Lane]
    tokens: Float[Tensor, "N D"]
    start: Int64[Tensor, "S"]
    length: Int64[Tensor, "S"]
    label: Int64[Tensor, "S"]
    train: Int64[Tensor, "n"]
    number: int
    batch_size: int
    bptt: int | None
    params: Float[Tensor, "K P"]
    grads: Float[Tensor, "K P"]
    updates: Updates
    class_weights: Float[Tensor, "C"] | None = None

    @property
    def steps(self) -> int:
        """Count the batches."""
        return -(-len(self.train) // self.batch_size)

    def of(self, part: slice) -> Epoch:
        """Take that of some lanes; their parameters, gradients and moments share memory."""
        return replace(
            self,
            lanes=self.lanes[part],
            params=self.params[part],
            grads=self.grads[part],
            updates=self.updates.of(part),
        )


class EpochResult(NamedTuple):
    """Holds what an epoch gave each of K lanes.

    A lane whose loss was not finite has learned nothing from that step on, and its loss is NaN.
    """

    loss: Float[NDArray[np.float64], "K"]
    """Cross-entropy with label smoothing and class weights: the mean of each step times its rows, added up."""
    correct: Int64[NDArray[np.int64], "K"]
    """Right answers."""
    steps: Int64[NDArray[np.int64], "K"]
    """Batches until it ended, or its loss was not finite."""


@runtime_checkable
class Backend(Protocol):
    """Computes the recurrence. `seqsweep.seqmodels.testing` has the tests that hold for every one."""

    name: str
    arithmetic: str
    """Equal where the same training gives the same bits: the name, and what else its sums depend on."""
    lanes_per_call: int | None
    """How many lanes it wants in one call; None takes all."""

    def recurrence(
        self,
        cell: str,
        weights: Weights,
        tokens: Float[Tensor, "N F"],
        rows: Rows,
        *,
        reverse: bool,
        bptt: int | None,
        threads: int = 1,
    ) -> Float[Tensor, "M H"]:
        """Compute the cell's output at every step of every row, rows one after the other, steps in the rows' own order.

        Differentiable (torch.autograd) in the weights and in `tokens`. `reverse` reads each row from its end. With `bptt`
        gradients do not flow through the state across every `bptt` steps, counted from where reading begins. The call, and its
        way back, may keep so many `threads` busy; no number depends on it.
        """
        ...

    def call_bytes(self, layout: Layout, length: NDArray[np.int64], *, training: bool) -> int:
        """Estimate the most bytes that one lane's pass over rows of these lengths takes, parameters and input left out."""
        ...


@runtime_checkable
class Steps(Protocol):
    """Computes what a training step of some lanes is made of; `seqsweep.seqmodels.gradients` says what that is."""

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
        """Compute each lane's mean cross-entropy and right answers; the loss's gradients go to `grads`.

        The padding of `grads` stays as it is. The call may keep so many `threads` busy; no number depends on it.
        """
        ...

    def update(
        self,
        updates: Updates,
        step: int,
        params: Float[Tensor, "k P"],
        grads: Float[Tensor, "k P"],
    ) -> None:
        """Clip and update each lane in place, as its entry of `updates` says for this step; leaves `grads` clipped or not."""
        ...


@runtime_checkable
class StepBackend(Backend, Steps, Protocol):
    """Does whole training steps by itself."""


@runtime_checkable
class EpochBackend(Backend, Protocol):
    """Does whole epochs by itself: as many steps as `Steps` describes, each followed by its update."""

    def train_epoch(self, epoch: Epoch) -> EpochResult:
        """Train every lane for one epoch."""
        ...

    def logits(
        self,
        layout: Layout,
        params: Float[Tensor, "K P"],
        tokens: Float[Tensor, "N D"],
        start: Int64[Tensor, "B"],
        length: Int64[Tensor, "B"],
    ) -> Float[Tensor, "K B C"]:
        """Compute logits of the same B sequences by every lane, without noise or dropout."""
        ...
