"""Threads and blocks run in any order: no bit depends on it, and where a barrier is taken away, the order shows."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from seqsweep.seqmodels.backends.cuda.backend import CudaBackend
from seqsweep.seqmodels.backends.cuda.device import SOURCES
from seqsweep.seqmodels.cells import CELLS
from seqsweep.seqmodels.testing.conformance import Problem, same_bits
from tests.support.cuda.emulator import COMPILER, EmulationError, Emulator
from tests.support.cuda.specialisations import recurrence_kernels

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler: none of g++, c++ is there")
SEEDS = (1, 2, 3)
BARRIER = re.compile(r"(__syncthreads|wait_for_copies)\(\);")
FILES = ("rows_of_block.cuh", "recurrence_forward.cuh", "recurrence_backward.cuh", "tile_product.cuh")


def gradients(cell: str, seed: int, sources: Path = SOURCES) -> list[Tensor]:
    """Of a problem with more rows than a block has slots, and more input features than a step of a product has."""
    problem = Problem.make(cell, 35, 20, [2, 5, 1, 3] * 9, dtype=torch.float32)
    device = Emulator(seed, sources=sources)
    device.build(recurrence_kernels(device, "float32", [cell], [20]))
    return problem.run(CudaBackend(device, "float32"), cell)


@pytest.mark.parametrize("cell", CELLS)
def test_no_bit_depends_on_the_order_of_threads_and_blocks(cell: str) -> None:
    expected = gradients(cell, 0)
    for seed in SEEDS:
        assert all(same_bits(a, b) for a, b in zip(gradients(cell, seed), expected, strict=True))


def barriers() -> Iterator[tuple[str, int]]:
    for file in FILES:
        for number, _ in enumerate(BARRIER.finditer((SOURCES / file).read_text())):
            yield file, number


@pytest.mark.parametrize(("file", "number"), list(barriers()))
def test_every_barrier_is_needed(file: str, number: int, tmp_path: Path) -> None:
    for header in SOURCES.glob("*.cuh"):
        text = header.read_text()
        if header.name == file:
            found = list(BARRIER.finditer(text))[number]
            text = text[: found.start()] + text[found.end() :]
        (tmp_path / header.name).write_text(text)
    expected = gradients("lstm", 0)

    def shows(seed: int) -> bool:
        try:
            found = gradients("lstm", seed, tmp_path)
        except EmulationError:  # such as copies that nobody waited for
            return True
        return not all(same_bits(a, b) for a, b in zip(found, expected, strict=True))

    assert any(shows(seed) for seed in SEEDS)
