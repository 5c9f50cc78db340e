"""What only the `cpu` backend has: instruction sets, threads inside a call, workspaces, its own sigmoid and tanh."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from seqsweep.seqmodels.architecture import Architecture
from seqsweep.seqmodels.backends.base import Backend, Rows, Weights
from seqsweep.seqmodels.backends.cpu.backend import CpuBackend
from seqsweep.seqmodels.backends.cpu.library import INSTRUCTION_SETS, instruction_sets, library
from seqsweep.seqmodels.backends.torch_ import TorchBackend
from seqsweep.seqmodels.cells import CELLS
from seqsweep.seqmodels.engine import create_engine
from seqsweep.seqmodels.hyperparameters import Hyperparameters, Lane
from seqsweep.seqmodels.lanes import LaneArray, Tokens
from seqsweep.seqmodels.layout import Layout
from seqsweep.seqmodels.testing.conformance import GATES, Problem, close, packed_module, same_bits
from seqsweep.seqmodels.training import Trainer
from seqsweep.seqmodels.training_config import CLASS_WEIGHTS, TrainingConfig
from tests.support.steps import gradients

SETS = instruction_sets()


def evaluate(instruction_set: str, function: int, x: np.ndarray) -> np.ndarray:
    y = np.empty_like(x)
    number = INSTRUCTION_SETS.index(instruction_set)
    library().evaluate(number, function, len(x), x.ctypes.data, y.ctypes.data)
    return y


def floats_of_every_size() -> np.ndarray:
    """Every 1021st bit pattern (infinities, NaNs and denormals among them), and a fine grid where the functions bend."""
    patterns = np.arange(0, 2**32, 1021, dtype=np.uint64).astype(np.uint32).view(np.float32)
    special = np.array([0.0, -0.0, np.inf, -np.inf, np.nan], dtype=np.float32)
    return np.concatenate([patterns, np.linspace(-100, 100, 1_000_003, dtype=np.float32), special])


@pytest.mark.parametrize("instruction_set", SETS)
@pytest.mark.parametrize(
    ("function", "exact", "bound"),
    [
        pytest.param(0, lambda x: 1 / (1 + np.exp(-x)), 2e-7, id="sigmoid"),
        pytest.param(1, np.tanh, 5e-7, id="tanh"),
    ],
)
def test_functions_keep_their_stated_accuracy(instruction_set, function, exact, bound) -> None:
    x = floats_of_every_size()
    y = evaluate(instruction_set, function, x)
    with np.errstate(over="ignore", invalid="ignore"):
        expected = exact(x.astype(np.float64))
    assert (np.isnan(y) == np.isnan(x)).all()
    number = ~np.isnan(x)
    x, y, expected = x[number], y[number], expected[number]
    assert np.abs(y).max() <= 1
    tiny = float(np.finfo(np.float32).tiny)
    floor = (
        1.7e-38 if function == 0 else tiny
    )  # below sigmoid(-87) the stated floor; denormal results are denormal
    usual = np.abs(expected) >= floor
    assert (np.abs(y - expected)[usual] <= bound * np.abs(expected)[usual]).all()
    assert (np.abs(y - expected)[~usual] <= floor).all()


@pytest.mark.parametrize("instruction_set", SETS)
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(
    ("features", "hidden", "lengths"),
    [
        (1, 1, [3, 1]),
        (3, 17, [1, 9, 2]),
        (2, 100, [7] * 7),
        (40, 33, [6, 2]),
        (2, 257, [3, 5]),
        (9, 512, [4, 1, 2]),
    ],
)
def test_every_instruction_set_and_poisoned_workspaces(
    instruction_set: str, cell: str, features: int, hidden: int, lengths: list[int]
) -> None:
    backend = CpuBackend(instruction_set=instruction_set, poison=True)
    problem = Problem.make(cell, features, hidden, lengths, lanes=1, dtype=torch.float32)
    for reverse in (False, True):
        found = problem.run(backend, cell, reverse=reverse)
        close(found, problem.oracle(packed_module(cell, reverse)), 2e-6)
        with torch.no_grad():
            output = backend.recurrence(
                cell, problem.weights, problem.tokens, problem.rows, reverse=reverse, bptt=None
            )
        assert same_bits(output, found[0])


@pytest.mark.parametrize("cell", CELLS)
def test_long_rows_whose_gradient_fades_to_denormals(cell: str) -> None:
    problem = Problem.make(cell, 2, 33, [400, 3, 180], lanes=1, dtype=torch.float32)
    last = problem.rows.offset + problem.rows.length - 1
    seed = torch.zeros_like(problem.seed)
    seed[last] = problem.seed[last]
    problem.seed = seed
    close(problem.run(CpuBackend(poison=True), cell), problem.oracle(packed_module(cell, False)), 2e-6)


@pytest.mark.parametrize("instruction_set", SETS)
@pytest.mark.parametrize("cell", CELLS)
def test_threads_change_no_bit(instruction_set: str, cell: str) -> None:
    # large enough for a lane's rows to be shared out
    problem = Problem.make(cell, 30, 120, [60, 7, 55, 44, 1, 60, 31, 29, 12, 60, 48], dtype=torch.float32)
    alone = problem.run(CpuBackend(instruction_set=instruction_set), cell, bptt=11)
    for threads in (2, 3, 8, 64):
        backend = CpuBackend(instruction_set=instruction_set, poison=True)
        for a, b in zip(problem.run(backend, cell, bptt=11, threads=threads), alone, strict=True):
            assert same_bits(a, b)


@given(
    cell=st.sampled_from(CELLS),
    features=st.integers(1, 40),
    hidden=st.integers(1, 70),
    lengths=st.lists(st.integers(1, 20), min_size=1, max_size=14),
    reverse=st.booleans(),
    bptt=st.none() | st.integers(1, 8),
    instruction_set=st.sampled_from(SETS),
)
@settings(max_examples=60)
def test_any_sizes_agree_with_the_torch_backend(
    cell, features, hidden, lengths, reverse, bptt, instruction_set
) -> None:
    problem = Problem.make(cell, features, hidden, lengths, lanes=2, dtype=torch.float32)
    if cell == "rnn_relu":  # keep sums away from the kink, where rounding decides the gradient
        problem.weights.bias_ih.add_(8)
    backend = CpuBackend(instruction_set=instruction_set, poison=True)
    found = problem.run(backend, cell, reverse=reverse, bptt=bptt, threads=2)
    doubles = Problem(
        Weights(*(w.double() for w in problem.weights)),
        problem.tokens.double(),
        problem.rows,
        problem.seed.double(),
    )
    close(found, doubles.run(TorchBackend(), cell, reverse=reverse, bptt=bptt), 5e-6)


def test_rows_may_share_tokens() -> None:
    rows = Rows(torch.tensor([0, 0, 0]), torch.tensor([2, 0, 2]), torch.tensor([3, 5, 1]))
    base = Problem.make("gru", 4, 9, [9], lanes=1, dtype=torch.float32)
    problem = Problem(base.weights, base.tokens, rows, base.seed)
    close(problem.run(CpuBackend(), "gru"), problem.oracle(packed_module("gru", False)), 2e-6)


def test_workspaces_are_used_again() -> None:
    backend = CpuBackend()
    problem = Problem.make("lstm", 2, 20, [9, 5], lanes=1, dtype=torch.float32)
    for _ in range(3):  # until every buffer fits every use
        problem.run(backend, "lstm")
    before = {buffer.data_ptr() for buffer in backend.workspaces._idle}
    for _ in range(3):
        problem.run(backend, "lstm")
    assert {buffer.data_ptr() for buffer in backend.workspaces._idle} == before


def test_a_pass_can_be_differentiated_once_only() -> None:
    problem = Problem.make("lstm", 2, 20, [9, 5], lanes=1, dtype=torch.float32)
    leaf = problem.weights.weight_hh.requires_grad_()
    output = CpuBackend().recurrence(
        "lstm", problem.weights, problem.tokens, problem.rows, reverse=False, bptt=None
    )
    torch.autograd.grad(output.sum(), leaf, retain_graph=True)
    with pytest.raises(RuntimeError, match="used up by an earlier backward pass"):
        torch.autograd.grad(output.sum(), leaf)


def test_other_types_are_refused() -> None:
    problem = Problem.make("lstm", 2, 20, [9, 5])
    with pytest.raises(ValueError, match=r"float32 on the CPU, not in torch\.float64 on cpu"):
        problem.run(CpuBackend(), "lstm")


def test_an_unknown_instruction_set_is_refused() -> None:
    with pytest.raises(ValueError, match="`instruction_set` is 'mmx', but must be one of generic"):
        CpuBackend(instruction_set="mmx")


def train(
    backend: Backend,
    architecture: Architecture,
    *,
    threads: int = 1,
    lanes: int = 3,
    class_weights: str = "none",
) -> tuple[Tensor, Tensor]:
    """Weights and epoch losses after a short training."""
    g = torch.Generator().manual_seed(1)
    length = torch.randint(1, 25, (40,), generator=g)
    start = length.cumsum(0) - length
    data = Tokens(
        torch.randn(int(length.sum()), 3, generator=g), start, length, torch.randint(4, (40,), generator=g)
    )
    who = [
        Lane(i, i, Hyperparameters(lr=3e-3 * (i + 1), dropout=0.2 * (i % 2), input_noise=0.1))
        for i in range(lanes)
    ]
    trainer = Trainer(
        Layout(architecture, 3, 4),
        who,
        data,
        np.arange(32),
        np.arange(32, 40),
        TrainingConfig(epochs=4, batch_size=9, min_change=0.0, bptt=7, class_weights=class_weights),
        backend,
        threads=threads,
    )
    losses = []
    while not trainer.done:
        losses.append([row.train_loss for row in trainer.run_epoch()])
    return trainer.kept, torch.tensor(losses)


@pytest.mark.parametrize("cell", sorted(GATES))
@pytest.mark.parametrize("class_weights", CLASS_WEIGHTS)
@pytest.mark.parametrize("bidirectional", [False, True], ids=["one-way", "both-ways"])
def test_a_training_is_the_torch_backends(cell: str, bidirectional: bool, class_weights: str) -> None:
    readout = ("last", "max") if bidirectional else ("mean",)
    architecture = Architecture(cell, 2, 21, bidirectional=bidirectional, readout=readout)
    weights, losses = train(CpuBackend(poison=True), architecture, class_weights=class_weights)
    expected_weights, expected_losses = train(TorchBackend(), architecture, class_weights=class_weights)
    torch.testing.assert_close(losses, expected_losses, rtol=0, atol=2e-4)
    assert float((weights - expected_weights).norm() / expected_weights.norm()) < 2e-3


@pytest.mark.parametrize("class_weights", CLASS_WEIGHTS)
def test_a_training_has_the_same_bits_whatever_threads_and_neighbours(class_weights: str) -> None:
    architecture = Architecture("lstm", 1, 30)
    weights, losses = train(CpuBackend(), architecture, class_weights=class_weights)
    threaded, threaded_losses = train(CpuBackend(), architecture, threads=2, class_weights=class_weights)
    assert same_bits(weights, threaded)
    assert torch.equal(losses, threaded_losses)
    alone, _ = train(CpuBackend(), architecture, threads=2, lanes=1, class_weights=class_weights)
    assert same_bits(weights[0], alone[0])


class Watched(CpuBackend):
    """Notes what threads its steps were given."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: list[int] = []

    def gradients(self, *arguments, threads: int = 1):
        self.threads.append(threads)
        return super().gradients(*arguments, threads=threads)


def test_spare_threads_go_into_the_calls() -> None:
    layout = Layout(Architecture("gru", 1, 8), 2, 2)
    backend = Watched()
    data = Tokens(torch.randn(6, 2), torch.tensor([0, 3]), torch.tensor([3, 3]), torch.tensor([0, 1]))
    lanes = [Lane(i, i, Hyperparameters()) for i in range(2)]
    array = LaneArray(layout, lanes, create_engine(layout, backend, threads=5))
    gradients(array, data, torch.tensor([[0, 1], [1, 0]]), epoch=1, step=0)
    assert backend.threads == [2, 2]
