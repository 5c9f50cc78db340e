"""Updates of lanes, rows of `[K, P]`: each has its own algorithm, settings, step counter and moments.

The formulas are torch.optim's (SGD, RMSprop, Adam, AdamW; torch 2.13, single-tensor form). A lane's bits
depend neither on K nor on its neighbours, its row or the number of threads: everything is made of
elementwise operations that round once (+ - * / sqrt). The fused ones (`addcmul_`, `lerp_`, `addcdiv_`) are
avoided on purpose: a vector body may contract to a fused multiply-add where its scalar tail does not, and
who lands in the tail depends on the shape. For the same reason norms are summed by a tree of fixed shape.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from seqsweep.seqmodels.backends.base import Updates
from seqsweep.seqmodels.hyperparameters import Hyperparameters
from seqsweep.seqmodels.updates import (
    AdamCoefficients,
    RmspropCoefficients,
    SgdCoefficients,
    UpdateKind,
    coefficients,
)

_BLOCK = 32768
"""Elements that one CPU thread works on at a time, so that the arrays of an update stay in its cache. It is
also torch's grain size, so that a block for n threads is spread over n threads."""


def moment_buffers(h: Hyperparameters) -> int:
    """Count the values that an optimizer remembers of each parameter, 0 to 2."""
    kind = UpdateKind.of(h)
    return kind.uses_first + kind.uses_second


class LaneOptimizer:
    """Says how each row of `params [K, P]` is updated: by SGD, RMSprop, Adam or AdamW, as its own settings want it.

    State: `steps [K]` (int64, updates so far) and up to two moment buffers `[K, P]`, each present only while
    some lane needs it: `first` (Adam's mean gradient, or the momentum buffer) and `second` (mean squared
    gradient).

    Args:
        hyperparameters: one per lane, in row order.
        width: P, parameters of a lane.
        dtype: of params and moments (float32 or float64).
        device: of params and moments.
    """

    def __init__(
        self,
        hyperparameters: Sequence[Hyperparameters],
        width: int,
        *,
        dtype: torch.dtype,
        device: torch.device | str,
    ) -> None:
        self._hyperparameters = list(hyperparameters)
        self._kinds = [UpdateKind.of(h) for h in self._hyperparameters]
        self._width = width
        self._dtype = dtype
        self._device = torch.device(device)
        lanes = len(self._hyperparameters)
        self.steps = torch.zeros(lanes, dtype=torch.int64)
        self.first = self._buffer() if any(k.uses_first for k in self._kinds) else None
        self.second = self._buffer() if any(k.uses_second for k in self._kinds) else None

    def _buffer(self) -> Tensor:
        return torch.zeros(len(self._kinds), self._width, dtype=self._dtype, device=self._device)

    def coming(self, rates: Sequence[Sequence[float]]) -> Updates:
        """Give each lane's next updates, one for each of its learning `rates`, as many for all. They count as done.

        Raises ValueError when the rates are not those of as many lanes.
        """
        if len(rates) != len(self._kinds):
            raise ValueError(f"rates of {len(rates)} lanes do not fit {len(self._kinds)} lanes")
        made: dict[
            tuple[Hyperparameters, int, tuple[float, ...]], Tensor
        ] = {}  # a candidate's seeds have the same
        lanes = []
        for h, own, done in zip(self._hyperparameters, rates, self.steps.tolist(), strict=True):
            key = (h, done, tuple(own))
            if key not in made:
                # float64 Python arithmetic, then rounded once to the parameters' type
                rows = [coefficients(h, rate, done + step) for step, rate in enumerate(own, 1)]
                made[key] = torch.tensor(rows, dtype=self._dtype)
            lanes.append(made[key])
        self.steps += len(rates[0])
        return Updates(
            self._kinds,
            [h.clip_norm for h in self._hyperparameters],
            torch.stack(lanes),
            self.first,
            self.second,
        )

    def select(self, rows: Int64[Tensor, "R"]) -> None:
        """Keep lanes `rows`, in that order; a buffer that no kept lane needs is freed."""
        kept = rows.tolist()
        self._hyperparameters = [self._hyperparameters[i] for i in kept]
        self._kinds = [self._kinds[i] for i in kept]
        self.steps = self.steps[rows.cpu()]
        first, second = self.first, self.second
        rows = rows.to(self._device)
        needs_first, needs_second = (
            any(k.uses_first for k in self._kinds),
            any(k.uses_second for k in self._kinds),
        )
        self.first = first.index_select(0, rows) if first is not None and needs_first else None
        self.second = second.index_select(0, rows) if second is not None and needs_second else None

    def state_dict(self) -> dict[str, Tensor]:
        """Give `steps [K]` and, where present, `first [K, P]` and `second [K, P]`, which the next step changes."""
        state = {"steps": self.steps, "first": self.first, "second": self.second}
        return {name: value for name, value in state.items() if value is not None}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take a `state_dict` of an optimizer made for the same lanes.

        Raises ValueError when names or shapes do not fit these lanes.
        """
        expected = {name: list(value.shape) for name, value in self.state_dict().items()}
        found = {name: list(value.shape) for name, value in state.items()}
        if found != expected:
            raise ValueError(f"the optimizer's state has {found}, but these lanes need {expected}")
        self.steps = state["steps"].to("cpu", torch.int64, copy=True)
        for name in ("first", "second"):
            if name in state:
                setattr(self, name, state[name].to(self._device, self._dtype, copy=True))


@torch.no_grad()
def update_lanes(
    updates: Updates, step: int, params: Float[Tensor, "K P"], grads: Float[Tensor, "K P"]
) -> None:
    """Clip `grads` and update `params` in place, as each lane's entry of `updates` says for this step.

    Raises ValueError when the tensors' rows are not those of as many lanes.
    """
    lanes, width = params.shape
    if grads.shape != params.shape or lanes != len(updates.kinds):
        raise ValueError(
            f"params {list(params.shape)} and grads {list(grads.shape)} do not fit {len(updates.kinds)} lanes"
        )
    if any(limit is not None for limit in updates.max_norm):
        clip_by_norm(grads, updates.max_norm)
    scalars = updates.coefficients[:, step].to(params.device)
    scratch: list[Tensor] = []
    for kind, begin, end in _runs(updates.kinds):
        first = updates.first if kind.uses_first else None
        second = updates.second if kind.uses_second else None
        for part in _blocks(begin, end, width, params.device):
            own = params[part]
            if not scratch or scratch[0].shape != own.shape:
                scratch = [torch.empty_like(own), torch.empty_like(own)]
            block = _Block(
                kind,
                scalars[part[0]].unsqueeze(2).unbind(1),
                own,
                grads[part],
                None if first is None else first[part],
                None if second is None else second[part],
                *scratch,
            )
            _CHANGES[kind.optimizer](block)


def _runs(kinds: Sequence[UpdateKind]) -> Iterator[tuple[UpdateKind, int, int]]:
    """Go through the runs of neighbours of one kind, each with its first row and the one after its last."""
    begin = 0
    for kind, members in groupby(kinds):
        end = begin + sum(1 for _ in members)
        yield kind, begin, end
        begin = end


@torch.no_grad()
def clip_by_norm(grads: Float[Tensor, "K P"], max_norm: Sequence[float | None]) -> Float[Tensor, "K"]:
    """Scale each lane of `grads` in place to a Euclidean norm of at most `max_norm` (None: leave it).

    As torch.nn.utils.clip_grad_norm_: multiplied by min(1, max_norm / (norm + 1e-6)); a non-finite norm is
    not an error (NaN gradients stay NaN). Returns the norms before clipping. Raises ValueError when the
    limits are not one per lane.
    """
    lanes, width = grads.shape
    if len(max_norm) != lanes:
        raise ValueError(f"{len(max_norm)} limits do not fit {lanes} lanes")
    norms = grads.new_empty(lanes)
    scratch: list[Tensor] = []
    for rows, _ in _blocks(0, lanes, width, grads.device, split_columns=False):
        block = grads[rows]
        if not scratch or scratch[0].shape != block.shape:
            scratch = [torch.empty_like(block)]
        norms[rows] = tree_sum(torch.mul(block, block, out=scratch[0])).sqrt_()
        clipped = [limit is not None for limit in max_norm[rows]]
        if any(clipped):
            limits = norms.new_tensor([0.0 if limit is None else limit for limit in max_norm[rows]])
            factor = limits.div_(norms[rows] + 1e-6).clamp_(max=1.0)
            factor[~torch.tensor(clipped, device=factor.device)] = 1.0
            block.mul_(factor.unsqueeze(1))
    return norms


def tree_sum(values: Float[Tensor, "K N"]) -> Float[Tensor, "K"]:
    """Add up each row, by halving: the order of additions depends on N alone. `values` is used as scratch.

    torch.sum's order depends on the shape of the whole array and on the number of threads.
    """
    count = values.shape[1]
    if count == 0:
        return values.new_zeros(values.shape[0])
    while count > 1:
        half = (count + 1) // 2
        values[:, : count - half] += values[:, half:count]
        count = half
    return values[:, 0].clone()


def _blocks(
    begin: int, end: int, width: int, device: torch.device, *, split_columns: bool = True
) -> Iterator[tuple[slice, slice]]:
    """Cut rows begin:end into pieces that stay in cache on a CPU; all at once elsewhere, to launch few kernels."""
    size = _BLOCK * torch.get_num_threads() if device.type == "cpu" else max(1, (end - begin) * width)
    rows = max(1, size // max(1, width))
    columns = min(width, size) if split_columns else width
    for row in range(begin, end, rows):
        for column in range(0, width, max(1, columns)):
            yield slice(row, min(row + rows, end)), slice(column, min(column + columns, width))


@dataclass(frozen=True, eq=False)
class _Block:
    """Holds some columns of neighbouring lanes of one kind, with what their update reads and writes.

    Args:
        kind: which operations it needs.
        coefficients: columns of the lanes' scalars.
        params: changed in place.
        grads: only read.
        first, second: the moments, changed in place; None: the kind has none.
        decayed: scratch memory for gradients with weight decay.
        scratch: scratch memory.
    """

    kind: UpdateKind
    coefficients: Sequence[Float[Tensor, "k 1"]]
    params: Float[Tensor, "k n"]
    grads: Float[Tensor, "k n"]
    first: Float[Tensor, "k n"] | None
    second: Float[Tensor, "k n"] | None
    decayed: Float[Tensor, "k n"]
    scratch: Float[Tensor, "k n"]

    def decayed_grads(self, decay: Float[Tensor, "k 1"]) -> Float[Tensor, "k n"]:
        """Add the L2 penalty's part to the gradients, where the kind has one."""
        if not self.kind.decay:
            return self.grads
        return torch.mul(self.params, decay, out=self.decayed).add_(self.grads)


def _sgd(block: _Block) -> None:
    c = SgdCoefficients(*block.coefficients[:3])
    grads, scratch = block.decayed_grads(c.decay), block.scratch
    if block.first is not None:
        # from zeros, the first step gives the gradient itself, as torch's undampened buffer
        block.first.mul_(c.momentum).add_(grads)
        if block.kind.nesterov:
            grads = torch.mul(block.first, c.momentum, out=scratch).add_(grads)
        else:
            grads = block.first
    block.params.sub_(torch.mul(grads, c.rate, out=scratch))


def _rmsprop(block: _Block) -> None:
    c = RmspropCoefficients(*block.coefficients[:6])
    grads, scratch = block.decayed_grads(c.decay), block.scratch
    assert block.second is not None
    block.second.mul_(c.keep).add_(torch.mul(grads, grads, out=scratch).mul_(c.rest))
    torch.sqrt(block.second, out=scratch).add_(c.eps)
    torch.div(grads, scratch, out=scratch)
    if block.first is not None:
        block.first.mul_(c.momentum).add_(scratch)
        torch.mul(block.first, c.rate, out=scratch)
    else:
        scratch.mul_(c.rate)
    block.params.sub_(scratch)


def _adam(block: _Block) -> None:
    c = AdamCoefficients(*block.coefficients)
    first, second, scratch = block.first, block.second, block.scratch
    assert first is not None
    assert second is not None
    if block.kind.optimizer == "adam":
        grads = block.decayed_grads(c.decay)
    else:
        grads = block.grads
        if block.kind.decay:
            block.params.mul_(c.decay)
    first.add_(torch.sub(grads, first, out=scratch).mul_(c.first_rest))
    second.mul_(c.keep).add_(torch.mul(grads, grads, out=scratch).mul_(c.rest))
    torch.sqrt(second, out=scratch).div_(c.bias).add_(c.eps)
    block.params.sub_(torch.div(first, scratch, out=scratch).mul_(c.rate))


_CHANGES = {"sgd": _sgd, "rmsprop": _rmsprop, "adam": _adam, "adamw": _adam}
