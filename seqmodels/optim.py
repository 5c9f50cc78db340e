"""Per-lane optimizers over `[K, P]`: every lane has its own algorithm, settings, step counter and moments.

The formulas are torch.optim's (SGD, RMSprop, Adam, AdamW; torch 2.13, single-tensor form). A lane's bits
depend neither on K nor on its neighbours, its row or the number of threads: everything is made of
elementwise operations that round once (+ - * / sqrt). The fused ones (`addcmul_`, `lerp_`, `addcdiv_`) are
avoided on purpose: a vector body may contract to a fused multiply-add where its scalar tail does not, and
who lands in the tail depends on the shape. For the same reason norms are summed by a tree of fixed shape.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import groupby

import torch
from jaxtyping import Float, Int64
from torch import Tensor

from seqsweep.seqmodels.backends.base import Updates
from seqsweep.seqmodels.hyperparameters import Hyperparameters
from seqsweep.seqmodels.updates import UpdateKind

_BLOCK = 32768
"""Elements that one CPU thread works on at a time, so that the arrays of an update stay in its cache. It is
also torch's grain size, so that a block for n threads is spread over n threads."""


def moment_buffers(h: Hyperparameters) -> int:
    """How many values a parameter's optimizer remembers."""
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
        coefficients = []
        for h, own, done in zip(self._hyperparameters, rates, self.steps.tolist(), strict=True):
            key = (h, done, tuple(own))
            if key not in made:
                # float64 Python arithmetic, then rounded once to the parameters' type
                rows = [_coefficients(h, rate, done + step) for step, rate in enumerate(own, 1)]
                made[key] = torch.tensor(rows, dtype=self._dtype)
            coefficients.append(made[key])
        self.steps += len(rates[0])
        return Updates(
            self._kinds,
            [h.clip_norm for h in self._hyperparameters],
            torch.stack(coefficients),
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
    coefficients = updates.coefficients[:, step].to(params.device)
    scratch: list[Tensor] = []
    for kind, begin, end in _runs(updates.kinds):
        for block in _blocks(begin, end, width, params.device):
            c = coefficients[block[0]].unsqueeze(2).unbind(1)
            p, g = params[block], grads[block]
            m = updates.first[block] if updates.first is not None and kind.uses_first else p
            v = updates.second[block] if updates.second is not None and kind.uses_second else p
            if not scratch or scratch[0].shape != p.shape:
                scratch = [torch.empty_like(p), torch.empty_like(p)]
            _UPDATES[kind.optimizer](kind, c, p, g, m, v, *scratch)


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
    """Sum of each row, by halving: the order of additions depends on N alone. `values` is used as scratch.

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
    """Rows begin:end in pieces that stay in cache on a CPU; all at once elsewhere, to launch few kernels."""
    size = _BLOCK * torch.get_num_threads() if device.type == "cpu" else max(1, (end - begin) * width)
    rows = max(1, size // max(1, width))
    columns = min(width, size) if split_columns else width
    for row in range(begin, end, rows):
        for column in range(0, width, max(1, columns)):
            yield slice(row, min(row + rows, end)), slice(column, min(column + columns, width))


def _coefficients(h: Hyperparameters, lr: float, step: int) -> tuple[float, ...]:
    """The scalars of one lane's update, in float64; each `_UPDATES` function unpacks what it needs."""
    if h.optimizer == "sgd":
        scalars: tuple[float, ...] = (lr, h.weight_decay, h.momentum)
    elif h.optimizer == "rmsprop":
        scalars = (lr, h.weight_decay, h.momentum, h.alpha, 1 - h.alpha, h.eps)
    else:
        bias1, bias2 = 1 - h.beta1**step, 1 - h.beta2**step
        decay = 1 - lr * h.weight_decay if h.optimizer == "adamw" else h.weight_decay
        scalars = (lr / bias1, decay, 1 - h.beta1, h.beta2, 1 - h.beta2, math.sqrt(bias2), h.eps)
    return scalars + (0.0,) * (7 - len(scalars))


def _sgd(
    kind: UpdateKind, c: tuple[Tensor, ...], p: Tensor, g: Tensor, m: Tensor, v: Tensor, s: Tensor, t: Tensor
) -> None:
    lr, decay, momentum = c[:3]
    if kind.decay:
        g = torch.mul(p, decay, out=s).add_(g)
    if kind.momentum:
        # from zeros, the first step gives the gradient itself, as torch's undampened buffer
        m.mul_(momentum).add_(g)
        g = torch.mul(m, momentum, out=t).add_(g) if kind.nesterov else m
    p.sub_(torch.mul(g, lr, out=t))


def _rmsprop(
    kind: UpdateKind, c: tuple[Tensor, ...], p: Tensor, g: Tensor, m: Tensor, v: Tensor, s: Tensor, t: Tensor
) -> None:
    lr, decay, momentum, alpha, rest, eps = c[:6]
    if kind.decay:
        g = torch.mul(p, decay, out=s).add_(g)
    v.mul_(alpha).add_(torch.mul(g, g, out=t).mul_(rest))
    torch.sqrt(v, out=t).add_(eps)
    torch.div(g, t, out=t)
    if kind.momentum:
        m.mul_(momentum).add_(t)
        torch.mul(m, lr, out=t)
    else:
        t.mul_(lr)
    p.sub_(t)


def _adam(
    kind: UpdateKind, c: tuple[Tensor, ...], p: Tensor, g: Tensor, m: Tensor, v: Tensor, s: Tensor, t: Tensor
) -> None:
    lr, decay, rest1, beta2, rest2, bias2, eps = c
    if kind.decay and kind.optimizer == "adamw":
        p.mul_(decay)
    elif kind.decay:
        g = torch.mul(p, decay, out=s).add_(g)
    m.add_(torch.sub(g, m, out=t).mul_(rest1))
    v.mul_(beta2).add_(torch.mul(g, g, out=t).mul_(rest2))
    torch.sqrt(v, out=t).div_(bias2).add_(eps)
    p.sub_(torch.div(m, t, out=t).mul_(lr))


_UPDATES = {"sgd": _sgd, "rmsprop": _rmsprop, "adam": _adam, "adamw": _adam}
