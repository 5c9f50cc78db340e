"""The lane optimizer against torch.optim, and the independence of a lane's bits from everything around it."""

import itertools
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from seqsweep.seqmodels.backends.base import Steps
from seqsweep.seqmodels.backends.cpu.backend import CpuBackend
from seqsweep.seqmodels.backends.cpu.library import instruction_sets
from seqsweep.seqmodels.backends.torch_ import TorchBackend
from seqsweep.seqmodels.gradients import AutogradSteps
from seqsweep.seqmodels.hyperparameters import Hyperparameters
from seqsweep.seqmodels.optim import LaneOptimizer, clip_by_norm, tree_sum

CANDIDATES = [
    Hyperparameters(optimizer="sgd"),
    Hyperparameters(optimizer="sgd", momentum=0.9, weight_decay=0.01),
    Hyperparameters(optimizer="adam", lr=0.01),
    Hyperparameters(optimizer="adam", beta1=0.3, beta2=0.9, eps=1e-3, weight_decay=0.1),
    Hyperparameters(optimizer="sgd", momentum=0.8, nesterov=True, weight_decay=0.02),
    Hyperparameters(optimizer="rmsprop", alpha=0.9, eps=1e-4),
    Hyperparameters(optimizer="adamw", weight_decay=0.1),
    Hyperparameters(optimizer="adamw", beta1=0.0),
    Hyperparameters(optimizer="rmsprop", momentum=0.7, weight_decay=0.05),
]
TORCH = AutogradSteps(TorchBackend())
# odd; a multiple of every vector width; longer than a cache block
WIDTHS = [1, 37, 512, 40001]


def torch_optimizer(h: Hyperparameters, parameter: Tensor) -> torch.optim.Optimizer:
    shared = {"lr": h.lr, "weight_decay": h.weight_decay, "foreach": False}
    if h.optimizer == "sgd":
        return torch.optim.SGD([parameter], momentum=h.momentum, nesterov=h.nesterov, **shared)
    if h.optimizer == "rmsprop":
        return torch.optim.RMSprop([parameter], alpha=h.alpha, eps=h.eps, momentum=h.momentum, **shared)
    of = torch.optim.AdamW if h.optimizer == "adamw" else torch.optim.Adam
    return of([parameter], betas=(h.beta1, h.beta2), eps=h.eps, **shared)


def made(candidates: Sequence[Hyperparameters], width: int, dtype: torch.dtype) -> LaneOptimizer:
    return LaneOptimizer(candidates, width, dtype=dtype, device="cpu")


def update(
    optimizer: LaneOptimizer,
    params: Tensor,
    grads: Tensor,
    rates: Sequence[float],
    steps: Steps = TORCH,
) -> None:
    """Do the next update of every lane, in place."""
    steps.update(optimizer.coming([[rate] for rate in rates]), 0, params, grads)


def inputs(width: int, steps: int, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor]:
    """Starting parameters `[K, P]` and gradients `[steps, K, P]` over several orders of magnitude."""
    generator = torch.Generator().manual_seed(width)
    shape = (len(CANDIDATES), width)
    params = torch.randn(shape, generator=generator, dtype=dtype)
    scale = 10 ** (4 * torch.rand(shape, generator=generator, dtype=dtype) - 3)
    return params, scale * torch.randn((steps, *shape), generator=generator, dtype=dtype)


def trained(
    rows: list[int], params: Tensor, grads: Tensor, optimizer: LaneOptimizer | None = None, start: int = 0
) -> Tensor:
    """Lanes `rows` alone, in that order."""
    candidates = [CANDIDATES[i] for i in rows]
    optimizer = optimizer or made(candidates, params.shape[1], params.dtype)
    params = params[rows].clone()
    for step in range(start, len(grads)):
        update(optimizer, params, grads[step][rows], [h.lr / (1 + 0.1 * step) for h in candidates])
    return params


def same_bits(a: Tensor, b: Tensor) -> bool:
    return torch.equal(a.contiguous().view(torch.int32), b.contiguous().view(torch.int32))


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 2e-5)], ids=["float64", "float32"]
)
def test_each_lane_equals_its_own_torch_optimizer(dtype: torch.dtype, tolerance: float) -> None:
    params, grads = inputs(53, 200, dtype)
    oracle = [torch.nn.Parameter(row.clone()) for row in params]
    optimizers = [torch_optimizer(h, p) for h, p in zip(CANDIDATES, oracle, strict=True)]
    ours = made(CANDIDATES, 53, dtype)
    for step, grad in enumerate(grads):
        rates = [h.lr * (1 + step % 3) for h in CANDIDATES]
        update(ours, params, grad, rates)
        for parameter, optimizer, row, rate in zip(oracle, optimizers, grad, rates, strict=True):
            parameter.grad = row.clone()
            optimizer.param_groups[0]["lr"] = rate
            optimizer.step()
        torch.testing.assert_close(
            params, torch.stack([p.detach() for p in oracle]), rtol=tolerance, atol=tolerance
        )


@pytest.mark.parametrize("width", WIDTHS)
def test_a_lane_has_the_same_bits_alone_and_anywhere_among_others(width: int) -> None:
    params, grads = inputs(width, 5)
    alone = torch.cat([trained([i], params, grads) for i in range(len(CANDIDATES))])
    for rows in (list(range(9)), [8, 3, 0, 2], [2, 3, 6, 1, 7, 5]):
        assert same_bits(trained(rows, params, grads), alone[rows])


def test_many_lanes_of_one_kind_in_one_block_have_the_same_bits_as_alone() -> None:
    generator = torch.Generator().manual_seed(0)
    params = torch.randn(41, 1003, generator=generator)
    candidates = [Hyperparameters(lr=0.001 * (i + 1), beta1=0.02 * i) for i in range(41)]
    rates = [h.lr for h in candidates]
    grads = torch.randn(4, 41, 1003, generator=generator)
    together = params.clone()
    optimizer = made(candidates, 1003, torch.float32)
    for grad in grads:
        update(optimizer, together, grad, rates)
    for row in (0, 7, 32, 40):
        alone, one = params[row : row + 1].clone(), made([candidates[row]], 1003, torch.float32)
        for grad in grads:
            update(one, alone, grad[row : row + 1], [rates[row]])
        assert same_bits(alone[0], together[row])


def test_bits_do_not_depend_on_strides_alignment_or_threads() -> None:
    params, grads = inputs(40001, 3)
    expected = trained(list(range(9)), params, grads)
    optimizer = made(CANDIDATES, 40001, torch.float32)
    strided = torch.full((9, 2 * 40001 + 1), torch.nan)[:, 1::2]
    strided.copy_(params)
    torch.set_num_threads(2)
    try:
        for step, grad in enumerate(grads):
            update(optimizer, strided, grad.T.contiguous().T, [h.lr / (1 + 0.1 * step) for h in CANDIDATES])
    finally:
        torch.set_num_threads(1)
    assert same_bits(strided, expected)


def test_a_diverged_neighbour_is_not_noticed() -> None:
    params, grads = inputs(97, 4)
    sick, healthy = [0, 2, 5, 8], [1, 3, 4, 6, 7]
    poisoned = params.clone(), grads.clone()
    poisoned[0][sick] = torch.nan
    poisoned[1][:, sick] = torch.inf
    everyone = list(range(9))
    assert same_bits(trained(everyone, *poisoned)[healthy], trained(everyone, params, grads)[healthy])


def test_selected_lanes_go_on_with_the_same_bits() -> None:
    params, grads = inputs(37, 6)
    expected = trained(list(range(9)), params, grads)
    optimizer = made(CANDIDATES, 37, torch.float32)
    half = trained(list(range(9)), params, grads[:3], optimizer)
    for kept in ([7, 1, 4], [1, 4], [4]):
        optimizer = made(CANDIDATES, 37, torch.float32)
        half = trained(list(range(9)), params, grads[:3], optimizer)
        optimizer.select(torch.tensor(kept))
        assert same_bits(trained(kept, half, grads, optimizer, start=3), expected[kept])


def test_only_buffers_that_a_lane_needs_exist() -> None:
    def buffers(rows: list[int]) -> set[str]:
        return set(made([CANDIDATES[i] for i in rows], 5, torch.float32).state_dict()) - {"steps"}

    assert buffers([0, 0]) == set()
    assert buffers([0, 1]) == {"first"}
    assert buffers([0, 5]) == {"second"}
    assert buffers([0, 8]) == buffers([2]) == {"first", "second"}
    optimizer = made(CANDIDATES, 5, torch.float32)
    optimizer.select(torch.tensor([0, 1]))
    assert set(optimizer.state_dict()) == {"steps", "first"}


def test_a_restored_optimizer_goes_on_with_the_same_bits() -> None:
    params, grads = inputs(37, 6)
    everyone = list(range(9))
    expected = trained(everyone, params, grads)
    first = made(CANDIDATES, 37, torch.float32)
    half = trained(everyone, params, grads[:2], first)
    state = deepcopy(first.state_dict())
    trained(everyone, half, grads[:2], first)
    second = made(CANDIDATES, 37, torch.float32)
    second.load_state_dict(state)
    assert same_bits(trained(everyone, half, grads, second, start=2), expected)


def test_a_state_of_other_lanes_is_refused() -> None:
    state = made(CANDIDATES, 37, torch.float32).state_dict()
    for lanes, width in ((CANDIDATES[:3], 37), (CANDIDATES, 36), ([CANDIDATES[0]] * 9, 37)):
        with pytest.raises(ValueError, match="but these lanes need"):
            made(lanes, width, torch.float32).load_state_dict(state)


def test_arguments_that_do_not_fit_are_refused() -> None:
    optimizer = made(CANDIDATES[:2], 5, torch.float32)
    with pytest.raises(ValueError, match="rates of 1 lanes do not fit 2 lanes"):
        optimizer.coming([[0.1]])
    params = torch.zeros(3, 5)
    with pytest.raises(ValueError, match=r"params \[3, 5\] and grads \[3, 5\] do not fit 2 lanes"):
        update(optimizer, params, params.clone(), [0.1, 0.1])


@pytest.mark.parametrize("width", WIDTHS)
def test_clipping_equals_torch(width: int) -> None:
    limits = [None, 1.0, 1e-3, 1e9, 0.5, None, 100.0, 10.0, 1.0]
    _, (grads,) = inputs(width, 1, torch.float64)
    expected = [torch.nn.Parameter(torch.zeros(width, dtype=torch.float64)) for _ in limits]
    norms = []
    for parameter, grad, limit in zip(expected, grads, limits, strict=True):
        parameter.grad = grad.clone()
        norms.append(torch.nn.utils.clip_grad_norm_([parameter], float("inf") if limit is None else limit))
    torch.testing.assert_close(clip_by_norm(grads, limits), torch.stack(norms), rtol=1e-13, atol=0)
    torch.testing.assert_close(grads, torch.stack([p.grad for p in expected]), rtol=1e-13, atol=0)


@pytest.mark.parametrize("width", WIDTHS)
def test_clipped_bits_do_not_depend_on_neighbours_strides_or_threads(width: int) -> None:
    _, (grads,) = inputs(width, 1)
    limits = [0.01 * (i + 1) if i % 3 else None for i in range(9)]
    together = grads.clone()
    norms = clip_by_norm(together, limits)
    for row in range(9):
        alone = grads[row : row + 1].clone()
        assert same_bits(clip_by_norm(alone, [limits[row]])[0], norms[row])
        assert same_bits(alone[0], together[row])
    poisoned = grads.T.contiguous().T
    poisoned[::2] = torch.nan
    torch.set_num_threads(2)
    try:
        assert same_bits(clip_by_norm(poisoned, limits)[1::2], norms[1::2])
    finally:
        torch.set_num_threads(1)
    assert same_bits(poisoned[1::2], together[1::2])


def test_gradients_within_the_limit_or_without_one_keep_their_bits() -> None:
    grads = torch.tensor([[3.0, 4.0], [3.0, -0.0], [torch.nan, 1.0]])
    before = grads.clone()
    assert clip_by_norm(grads, [5.1, 100.0, None])[:2].tolist() == [5.0, 3.0]
    assert same_bits(grads, before)


def test_non_finite_norms_pass_through_as_in_torch() -> None:
    for bad, limit in itertools.product((torch.nan, torch.inf, -torch.inf), (1.0, None)):
        grads = torch.tensor([[bad, 1.0], [3.0, 4.0]])
        parameter = torch.nn.Parameter(torch.zeros(2))
        parameter.grad = grads[0].clone()
        if limit is not None:
            torch.nn.utils.clip_grad_norm_([parameter], limit)
        norms = clip_by_norm(grads, [limit, 10.0])
        torch.testing.assert_close(grads[0], parameter.grad, equal_nan=True)
        assert not norms[0].isfinite()
        assert grads[1].tolist() == [3.0, 4.0]


def test_clipping_needs_one_limit_per_lane() -> None:
    with pytest.raises(ValueError, match="1 limits do not fit 2 lanes"):
        clip_by_norm(torch.zeros(2, 3), [1.0])


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, 64, 1000])
def test_tree_sum(count: int) -> None:
    values = torch.randn(3, count, dtype=torch.float64)
    expected = values.sum(1)
    torch.testing.assert_close(tree_sum(values), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("limit", [None, 0.5])
@pytest.mark.parametrize("width", [16, 48, 41024])
@pytest.mark.parametrize("instruction_set", instruction_sets())
def test_the_cpu_backends_updates_equal_torch(instruction_set: str, width: int, limit: float | None) -> None:
    backend = CpuBackend(instruction_set=instruction_set)
    optimizer = made([replace(h, clip_norm=limit) for h in CANDIDATES], width, torch.float32)
    params, grads = inputs(width, steps=20)
    params *= 0.01  # so that an update is much of them
    found = params.clone()
    parameters = [torch.nn.Parameter(row.clone()) for row in params.double()]
    optimizers = [torch_optimizer(h, p) for h, p in zip(CANDIDATES, parameters, strict=True)]
    for step in grads:
        update(optimizer, found, step.clone(), [h.lr for h in CANDIDATES], backend)
        for parameter, its, own in zip(parameters, optimizers, step.double(), strict=True):
            parameter.grad = own.clone()
            if limit is not None:
                torch.nn.utils.clip_grad_norm_([parameter], limit)
            its.step()
    for row, expected in zip(found, parameters, strict=True):
        torch.testing.assert_close(row.double(), expected.detach(), rtol=2e-5, atol=5e-7)


def test_the_cpu_backends_updates_do_not_depend_on_neighbours() -> None:
    params, grads = inputs(48, steps=5)

    def updated(rows: list[int]) -> Tensor:
        hyperparameters = [replace(CANDIDATES[row], clip_norm=1.0) for row in rows]
        optimizer = made(hyperparameters, 48, torch.float32)
        own = params[rows].clone()
        for step in grads:
            update(optimizer, own, step[rows].clone(), [h.lr for h in hyperparameters], CpuBackend())
        return own

    everyone = updated(list(range(len(CANDIDATES))))
    for row in range(len(CANDIDATES)):
        assert same_bits(updated([row])[0], everyone[row])


def test_the_cpu_backends_updates_let_non_finite_norms_pass_as_torch_does() -> None:
    for bad in (torch.nan, torch.inf):
        params = torch.ones(2, 16)
        grads = torch.ones(2, 16)
        grads[0, 3] = bad
        optimizer = made([Hyperparameters(optimizer="sgd", clip_norm=1.0)] * 2, 16, torch.float32)
        update(optimizer, params, grads, [1.0, 1.0], CpuBackend())
        assert params[0, 3].isnan()
        assert params[1].isfinite().all()
