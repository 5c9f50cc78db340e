"""The recurrence's kernels on the emulator, where `Conformance` does not look."""

import pytest
import torch
from conformance import Problem, close, packed_module
from emulator import COMPILER, Emulator

from seqmodels.architecture import CELLS
from seqmodels.backends.cuda.backend import CudaBackend

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler: none of g++, c++ is there")


@pytest.mark.parametrize("cell", CELLS)
def test_lanes_with_differing_numbers_of_rows(cell: str) -> None:
    problem = Problem.make(cell, 3, 7, [4, 1, 6], dtype=torch.float32)
    rows = problem.rows
    kept = torch.tensor([0, 1, 2, 4])  # all three of the first lane, one of the second
    problem.rows = type(rows)(rows.lane[kept], rows.start[kept], rows.length[kept])
    problem.seed = torch.randn(problem.rows.tokens, 7)
    found = problem.run(CudaBackend(Emulator(), "float32"), cell)
    close(found, problem.oracle(packed_module(cell, False)), 2e-6)
