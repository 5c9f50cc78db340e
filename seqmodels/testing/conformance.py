"""What every backend must do. A backend is tested by one line:

    class TestMine(Conformance):
        make = MyBackend

The oracles are `torch.nn` modules over a PackedSequence in float64, and single steps of `torch.nn`'s cells.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_sequence, pad_packed_sequence

from seqsweep.seqmodels.backends.base import Backend, Rows, Weights
from seqsweep.seqmodels.cells import CELLS
from seqsweep.seqmodels.testing.weighted_step import LANES, backend_step, torch_step

MODULES: dict[str, Callable[..., nn.RNNBase]] = {
    "rnn_tanh": lambda *sizes, **options: nn.RNN(*sizes, nonlinearity="tanh", **options),
    "rnn_relu": lambda *sizes, **options: nn.RNN(*sizes, nonlinearity="relu", **options),
    "gru": nn.GRU,
    "lstm": nn.LSTM,
}
GATES = {"rnn_tanh": 1, "rnn_relu": 1, "gru": 3, "lstm": 4}
SIZES = [  # features, hidden, lengths of each row
    pytest.param(1, 1, [1], id="one-of-everything"),
    pytest.param(3, 7, [1, 1, 1], id="all-of-length-1"),
    pytest.param(2, 63, [5, 5, 5, 5], id="ties"),
    pytest.param(39, 100, [17], id="batch-1"),
    pytest.param(5, 130, [3, 40, 1, 12, 12, 2, 39], id="unsorted"),
    pytest.param(17, 16, [2, 33] * 18, id="more-rows-than-a-tile"),
]


@dataclass
class Problem:
    """Holds K lanes over one flat token array: every row of `lengths` for every lane, tokens of no row between them."""

    weights: Weights
    tokens: Tensor
    rows: Rows
    seed: Tensor  # d(loss)/d(output)

    @classmethod
    def make(
        cls,
        cell: str,
        features: int,
        hidden: int,
        lengths: list[int],
        *,
        lanes: int = 2,
        dtype: torch.dtype = torch.float64,
        gap: float = 0.0,
    ) -> "Problem":
        g = torch.Generator().manual_seed(hidden)
        size = GATES[cell] * hidden
        shapes = [(size, features), (size, hidden), (size,), (size,)]
        bound = hidden**-0.5
        weights = Weights(
            *(
                (torch.rand((lanes, *s), generator=g, dtype=torch.float64) * 2 - 1).mul(bound).to(dtype)
                for s in shapes
            )
        )
        # each lane reads the rows in an order of its own, out of an array with gaps of other things
        spans = [length + 2 for length in lengths]
        starts = torch.tensor([sum(spans[:i]) + 1 for i in range(len(spans))])
        tokens = torch.full((sum(spans), features), gap, dtype=dtype)
        for start, length in zip(starts, lengths, strict=True):
            tokens[start : start + length] = torch.randn(length, features, generator=g, dtype=dtype)
        orders = [torch.randperm(len(lengths), generator=g) for _ in range(lanes)]
        order = torch.cat(orders)
        rows = Rows(
            torch.arange(lanes).repeat_interleave(len(lengths)), starts[order], torch.tensor(lengths)[order]
        )
        seed = torch.randn(rows.tokens, hidden, generator=g, dtype=dtype)
        return cls(weights, tokens, rows, seed)

    def lane(self, k: int) -> "Problem":
        part = self.rows.of_lane(k)
        rows = Rows(torch.zeros_like(self.rows.lane[part]), self.rows.start[part], self.rows.length[part])
        first = int(self.rows.offset[part][0])
        return Problem(
            Weights(*(w[k : k + 1].clone() for w in self.weights)),
            self.tokens,
            rows,
            self.seed[first : first + rows.tokens],
        )

    def run(
        self,
        backend: Backend,
        cell: str,
        *,
        reverse: bool = False,
        bptt: int | None = None,
        threads: int = 1,
    ) -> list[Tensor]:
        """Compute output, gradients of the weights, gradient of the tokens."""
        leaves = [w.detach().clone().requires_grad_() for w in (*self.weights, self.tokens)]
        output = backend.recurrence(
            cell,
            Weights(*leaves[:4]),
            leaves[4],
            self.rows,
            reverse=reverse,
            bptt=bptt,
            threads=threads,
        )
        return [output.detach(), *torch.autograd.grad(output, leaves, self.seed)]

    def oracle(self, forward: Callable[[list[Tensor], list[Tensor]], Tensor]) -> list[Tensor]:
        """Compute the same from `forward(weights of a lane, its rows) -> output`, in float64."""
        leaves = [w.detach().double().requires_grad_() for w in (*self.weights, self.tokens)]
        outputs = []
        for k in range(len(self.weights.bias_ih)):
            part = self.rows.of_lane(k)
            spans = zip(self.rows.start[part].tolist(), self.rows.length[part].tolist(), strict=True)
            outputs.append(forward([w[k] for w in leaves[:4]], [leaves[4][s : s + n] for s, n in spans]))
        output = torch.cat(outputs)
        return [output.detach(), *torch.autograd.grad(output, leaves, self.seed.double())]


def packed_module(cell: str, reverse: bool) -> Callable[[list[Tensor], list[Tensor]], Tensor]:
    """Make `nn.RNN`, `nn.GRU` or `nn.LSTM` over a PackedSequence; backwards: its reverse direction."""

    def forward(weights: list[Tensor], rows: list[Tensor]) -> Tensor:
        module = MODULES[cell](
            rows[0].shape[1],
            weights[1].shape[1],
            batch_first=True,
            bidirectional=reverse,
            dtype=torch.float64,
        )
        names = ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"]
        parameters = {
            f"{name}_reverse" if reverse else name: w for name, w in zip(names, weights, strict=True)
        }
        packed = pack_sequence(rows, enforce_sorted=False)
        padded, lengths = pad_packed_sequence(
            torch.func.functional_call(module, parameters, (packed,))[0], batch_first=True
        )
        hidden = weights[1].shape[1]
        return torch.cat([out[:n, -hidden:] for out, n in zip(padded, lengths, strict=True)])

    return forward


def stepwise_with_detach(
    cell: str, bptt: int, reverse: bool
) -> Callable[[list[Tensor], list[Tensor]], Tensor]:
    """Run `nn.RNNCell` and its kin step by step, the state detached after every `bptt` steps."""

    def forward(weights: list[Tensor], rows: list[Tensor]) -> Tensor:
        sizes = (rows[0].shape[1], weights[1].shape[1])
        cells: dict[str, Callable[[], nn.Module]] = {
            "gru": lambda: nn.GRUCell(*sizes),
            "lstm": lambda: nn.LSTMCell(*sizes),
            "rnn_tanh": lambda: nn.RNNCell(*sizes, nonlinearity="tanh"),
            "rnn_relu": lambda: nn.RNNCell(*sizes, nonlinearity="relu"),
        }
        module = cells[cell]()
        parameters = dict(zip(["weight_ih", "weight_hh", "bias_ih", "bias_hh"], weights, strict=True))
        outputs = []
        for row in rows:
            state: Any = None  # a tensor, or an LSTM's two
            steps = []
            for t, x in enumerate(row.flip(0) if reverse else row):
                if t and t % bptt == 0:
                    state = tuple(s.detach() for s in state) if cell == "lstm" else state.detach()
                state = torch.func.functional_call(module, parameters, (x, state))
                steps.append(state[0] if cell == "lstm" else state)
            outputs += steps[::-1] if reverse else steps
        return torch.stack(outputs)

    return forward


def stepwise_relu(
    outputs: Tensor, bptt: int | None, reverse: bool
) -> Callable[[list[Tensor], list[Tensor]], Tensor]:
    """Run a relu RNN step by step, cut off where `outputs` (of all lanes) are 0, its state detached after every `bptt` steps."""
    rows_of_outputs = iter((outputs > 0).double())

    def forward(weights: list[Tensor], rows: list[Tensor]) -> Tensor:
        weight_ih, weight_hh, bias_ih, bias_hh = weights
        done = []
        for row in rows:
            open_ = torch.stack([next(rows_of_outputs) for _ in row])
            state, steps = torch.zeros(weight_hh.shape[1], dtype=torch.float64), []
            for t, (x, passes) in enumerate(
                zip(*(s.flip(0) if reverse else s for s in (row, open_)), strict=True)
            ):
                if bptt and t % bptt == 0:
                    state = state.detach()
                state = passes * (weight_ih @ x + bias_ih + weight_hh @ state + bias_hh)
                steps.append(state)
            done += steps[::-1] if reverse else steps
        return torch.stack(done)

    return forward


def same_bits(a: Tensor, b: Tensor) -> bool:
    """Compare shapes and bytes, so that NaN equals itself and 0 differs from -0."""
    return a.shape == b.shape and a.contiguous().numpy().tobytes() == b.contiguous().numpy().tobytes()


def close(found: list[Tensor], expected: list[Tensor], tolerance: float) -> None:
    """Assert that tensors are equal up to rounding, relative to each one's largest value."""
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a.double(), b, rtol=0, atol=tolerance * max(1.0, float(b.abs().max())))


class Conformance:
    """Subclass with `make`, the backend's constructor."""

    make: Callable[[], Backend]
    tolerances: ClassVar = {torch.float64: 1e-13, torch.float32: 1e-5}
    sizes: ClassVar = SIZES
    lengths_of_lanes: ClassVar = [3, 40, 1, 12, 12]
    units_of_lanes: ClassVar = 100

    @pytest.fixture
    def backend(self) -> Backend:
        return type(self).make()

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Take every type that the backend has, and no other."""
        if "dtype" in metafunc.fixturenames:
            metafunc.parametrize("dtype", list(self.tolerances), ids=str)
        if "features" in metafunc.fixturenames:
            metafunc.parametrize(("features", "hidden", "lengths"), self.sizes)

    def expected(
        self, problem: Problem, cell: str, found: list[Tensor], *, reverse: bool, bptt: int | None = None
    ) -> list[Tensor]:
        """Compute what `found` must come close to."""
        if bptt is None:
            return problem.oracle(packed_module(cell, reverse))
        return problem.oracle(stepwise_with_detach(cell, bptt, reverse))

    @pytest.mark.parametrize("reverse", [False, True], ids=["forwards", "backwards"])
    @pytest.mark.parametrize("cell", CELLS)
    def test_outputs_and_gradients_are_the_packed_modules(
        self,
        backend: Backend,
        dtype: torch.dtype,
        cell: str,
        reverse: bool,
        features: int,
        hidden: int,
        lengths: list[int],
    ) -> None:
        problem = Problem.make(cell, features, hidden, lengths, dtype=dtype)
        found = problem.run(backend, cell, reverse=reverse)
        assert all(value.dtype == dtype for value in found)
        close(found, self.expected(problem, cell, found, reverse=reverse), self.tolerances[dtype])

    @pytest.mark.parametrize("reverse", [False, True], ids=["forwards", "backwards"])
    @pytest.mark.parametrize("cell", CELLS)
    @pytest.mark.parametrize("bptt", [1, 4, 9, 50])
    def test_truncated_gradients_are_those_of_the_detach_loop(
        self, backend: Backend, dtype: torch.dtype, cell: str, reverse: bool, bptt: int
    ) -> None:
        problem = Problem.make(cell, 2, 7, [9, 1, 4, 10, 13, 8], dtype=dtype)
        found = problem.run(backend, cell, reverse=reverse, bptt=bptt)
        expected = self.expected(problem, cell, found, reverse=reverse, bptt=bptt)
        close(found, expected, self.tolerances[dtype])

    @pytest.mark.parametrize("cell", CELLS)
    def test_outputs_without_gradients_are_the_same(
        self, backend: Backend, dtype: torch.dtype, cell: str
    ) -> None:
        problem = Problem.make(cell, 5, 33, [3, 14, 1, 9], dtype=dtype)
        with torch.no_grad():
            output = backend.recurrence(
                cell, problem.weights, problem.tokens, problem.rows, reverse=True, bptt=None
            )
        close([output], [problem.run(backend, cell, reverse=True)[0].double()], self.tolerances[dtype])

    @pytest.mark.parametrize("cell", CELLS)
    def test_bits_of_a_lane_are_those_it_has_alone(
        self, backend: Backend, dtype: torch.dtype, cell: str
    ) -> None:
        together = Problem.make(cell, 5, self.units_of_lanes, self.lengths_of_lanes, lanes=5, dtype=dtype)
        poisoned = Weights(*(w.clone() for w in together.weights))
        for w in poisoned:
            w[[0, 3]] = torch.nan
        found = together.run(backend, cell)
        beside_nan = Problem(poisoned, together.tokens, together.rows, together.seed).run(backend, cell)
        for k in range(5):
            alone = together.lane(k).run(backend, cell)
            first = int(together.rows.offset[together.rows.of_lane(k)][0])
            part = slice(first, first + len(alone[0]))
            assert same_bits(found[0][part], alone[0])
            for whole, own in zip(found[1:5], alone[1:5], strict=True):
                assert same_bits(whole[k], own[0])
            if k not in (0, 3):
                assert same_bits(beside_nan[0][part], alone[0])
                for whole, own in zip(beside_nan[1:5], alone[1:5], strict=True):
                    assert same_bits(whole[k], own[0])

    @pytest.mark.parametrize("reverse", [False, True], ids=["forwards", "backwards"])
    @pytest.mark.parametrize("cell", CELLS)
    def test_tokens_of_no_row_are_never_read(
        self, backend: Backend, dtype: torch.dtype, cell: str, reverse: bool
    ) -> None:
        sizes = (cell, 3, 7, [4, 1, 9, 9])
        clean = Problem.make(*sizes, dtype=dtype).run(backend, cell, reverse=reverse)
        problem = Problem.make(*sizes, dtype=dtype, gap=torch.nan)
        for a, b in zip(problem.run(backend, cell, reverse=reverse), clean, strict=True):
            assert same_bits(a, b)
        inside = torch.zeros(len(problem.tokens), dtype=torch.bool)
        inside[problem.rows.gather] = True
        assert (clean[-1][~inside] == 0).all()

    def test_a_step_weighs_classes_as_torchs_loss_does(self, backend: Backend, dtype: torch.dtype) -> None:
        found = backend_step(backend, LANES, dtype)
        for lane, own in zip(LANES, found, strict=True):
            close(own, torch_step(lane, dtype), self.tolerances[dtype])
            (alone,) = backend_step(backend, [lane], dtype)
            assert all(same_bits(a, b) for a, b in zip(own, alone, strict=True))

    @pytest.mark.parametrize("cell", CELLS)
    def test_calls_side_by_side_give_the_same_bits(
        self, backend: Backend, dtype: torch.dtype, cell: str
    ) -> None:
        problems = [Problem.make(cell, 5, hidden, [3, 20, 1, 12], dtype=dtype) for hidden in (20, 20, 33) * 4]
        expected = [problem.run(backend, cell) for problem in problems]
        with ThreadPoolExecutor(4) as pool:
            for found, alone in zip(
                pool.map(lambda p: p.run(backend, cell), problems), expected, strict=True
            ):
                assert all(same_bits(a, b) for a, b in zip(found, alone, strict=True))
