"""The recurrence's kernels on the emulator, where `Conformance` does not look."""

import pytest
import torch
from torch import Tensor

from seqsweep.seqmodels.backends.base import Rows, Weights
from seqsweep.seqmodels.backends.cuda.backend import CudaBackend
from seqsweep.seqmodels.backends.cuda.limits import MOST_HIDDEN
from seqsweep.seqmodels.backends.cuda.memory import Measures
from seqsweep.seqmodels.backends.cuda.recurrence import MOST_TOKENS, RecurrencePass, RowTable
from seqsweep.seqmodels.backends.cuda.shapes import backward_shape, forward_shape
from seqsweep.seqmodels.cells import CELLS
from seqsweep.seqmodels.testing.conformance import Problem, close, packed_module
from tests.support.cuda.emulator import COMPILER, Emulator
from tests.support.cuda.specialisations import recurrence_kernels

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler: none of g++, c++ is there")
SORTED_ROWS = 1024  # as in rows_of_block.cuh
SHARED = {(8, 0): 166912, (8, 6): 101376, (9, 0): 232448}  # bytes of a block, by compute capability


def check(
    cell: str,
    hidden: int,
    *,
    lengths: tuple[int, ...] = (3, 1, 2),
    features: int = 3,
    precision: str = "float32",
    capability: tuple[int, int] = (9, 0),
    reverse: bool = False,
) -> None:
    device = Emulator(seed=1, capability=capability, shared_bytes=SHARED[capability])
    device.build(recurrence_kernels(device, precision, [cell], [hidden], features))
    problem = Problem.make(cell, features, hidden, list(lengths), dtype=torch.float32)
    found = problem.run(CudaBackend(device, precision), cell, reverse=reverse)
    tolerance = 2e-6 if precision == "float32" else 3e-3
    close(found, problem.oracle(packed_module(cell, reverse)), tolerance)


@pytest.mark.parametrize("cell", CELLS)
def test_large_states_whose_weights_are_streamed(cell: str) -> None:
    check(cell, 260, reverse=True)


def test_the_largest_state() -> None:
    check("lstm", MOST_HIDDEN, lengths=(2, 2))


@pytest.mark.parametrize("cell", ["gru", "lstm"])
@pytest.mark.parametrize("hidden", [128, 200])
@pytest.mark.parametrize("capability", [(8, 0), (8, 6)], ids=str)
def test_gpus_with_less_shared_memory(capability: tuple[int, int], hidden: int, cell: str) -> None:
    """Of 128 units' weights, some are in registers, some in shared memory and some are streamed."""
    check(cell, hidden, capability=capability, precision="tf32" if hidden == 128 else "float32")


def test_few_rows_of_a_block_where_many_have_no_room() -> None:
    device = Emulator(capability=(8, 6), shared_bytes=SHARED[8, 6])
    assert forward_shape(device, "lstm", 3, 400, "float32").rows == 16
    assert backward_shape(device, "lstm", 400, "float32").rows == 8
    check("lstm", 400, lengths=(2, 1) * 5, capability=(8, 6))


def test_no_more_tokens_than_kernels_can_count() -> None:
    def of(tokens: int) -> RecurrencePass:
        sizes = {
            "lanes": 2,
            "rows": 1,
            "tokens": tokens,
            "lane_tokens": tokens // 2,
            "features": 1,
            "hidden": 1,
        }
        options = {"reverse": False, "bptt": None, "precision": "tf32", "training": False}
        return RecurrencePass(Measures(), "rnn_tanh", **sizes, **options)

    def meta(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        return torch.empty(shape, dtype=dtype, device="meta")

    with pytest.raises(torch.OutOfMemoryError, match="2147483648 tokens at once"):  # so that lanes take turns
        of(MOST_TOKENS + 1)
    weights = Weights(meta(2, 1, 1), meta(2, 1, 1), meta(2, 1), meta(2, 1))
    table = RowTable(*(meta(2, dtype=torch.int64) for _ in range(3)))
    with pytest.raises(ValueError, match="the data have 2147483648 tokens, but must have at most 2147483647"):
        of(4).forward(weights, meta(MOST_TOKENS + 1, 1), table, meta(4, 1))


def test_more_rows_than_are_sorted_by_length() -> None:
    check("rnn_tanh", 3, lengths=(1, 2, 1) * (SORTED_ROWS // 3 + 1))


@pytest.mark.parametrize("cell", CELLS)
def test_lanes_with_differing_numbers_of_rows(cell: str) -> None:
    problem = Problem.make(cell, 3, 7, [4, 1, 6], dtype=torch.float32)
    rows = problem.rows
    kept = torch.tensor([0, 1, 2, 4])  # all three of the first lane, one of the second
    problem.rows = Rows(rows.lane[kept], rows.start[kept], rows.length[kept])
    problem.seed = torch.randn(problem.rows.tokens, 7)
    found = problem.run(CudaBackend(Emulator(), "float32"), cell)
    close(found, problem.oracle(packed_module(cell, False)), 2e-6)


def test_a_lane_without_rows_has_gradients_of_zero() -> None:
    problem = Problem.make("lstm", 3, 7, [4, 1, 6], lanes=3, dtype=torch.float32)
    rows = problem.rows
    kept = rows.lane != 1
    problem.rows = Rows(rows.lane[kept], rows.start[kept], rows.length[kept])
    problem.seed = torch.randn(problem.rows.tokens, 7)
    _, *weight_grads, _ = problem.run(CudaBackend(Emulator(), "float32"), "lstm")
    for grad in weight_grads:
        assert (grad[1] == 0).all()
        assert (grad[[0, 2]] != 0).any()


def test_more_units_than_there_are_kernels_for_are_refused() -> None:
    problem = Problem.make("rnn_tanh", 1, MOST_HIDDEN + 1, [1], dtype=torch.float32)
    with pytest.raises(ValueError, match="`hidden` is 513, but must be at most 512 with the cuda backend"):
        problem.run(CudaBackend(Emulator()), "rnn_tanh")


def test_another_type_is_refused() -> None:
    with pytest.raises(ValueError, match=r"computes in float32 on cpu, not in torch\.float64 on cpu"):
        Problem.make("gru", 1, 1, [1]).run(CudaBackend(Emulator()), "gru")


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(ValueError, match="`precision` is 'bf16', but must be one of tf32, float32"):
        CudaBackend(Emulator(), "bf16")


def test_gradients_are_given_once() -> None:
    problem = Problem.make("gru", 2, 3, [2], dtype=torch.float32)
    tokens = problem.tokens.requires_grad_()
    backend = CudaBackend(Emulator(), "float32")
    output = backend.recurrence("gru", problem.weights, tokens, problem.rows, reverse=False, bptt=None)
    output.sum().backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="can be asked for once"):
        output.sum().backward()
