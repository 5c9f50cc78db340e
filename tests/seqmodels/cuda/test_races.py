"""Threads and blocks run in any order: no bit depends on it, and where a barrier is taken away, the order shows."""

import re
from itertools import count
from pathlib import Path

import pytest
import torch
from torch import Tensor

from seqsweep.seqmodels.backends.cuda.backend import CudaBackend
from seqsweep.seqmodels.backends.cuda.device import SOURCES
from seqsweep.seqmodels.cells import CELLS
from seqsweep.seqmodels.testing.conformance import Problem, same_bits
from tests.support.cuda.changes import changeable, only
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


def barriers() -> list[tuple[str, int]]:
    """List files and the numbers of their barriers."""
    counts = {file: len(BARRIER.findall((SOURCES / file).read_text())) for file in FILES}
    return [(file, number) for file, count in counts.items() for number in range(count)]


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The kernels, whose barriers can be taken away."""
    places = count()

    def removable(text: str) -> str:
        return BARRIER.sub(lambda found: f"if (!emulator::changed({next(places)})) {found[0]}", text)

    return changeable(tmp_path_factory.mktemp("sources"), dict.fromkeys(FILES, removable))


@pytest.fixture(scope="module")
def expected() -> list[Tensor]:
    return gradients("lstm", 0)


@pytest.mark.parametrize(("file", "number"), barriers())
def test_every_barrier_is_needed(
    file: str, number: int, sources: Path, expected: list[Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    def shows(seed: int) -> bool:
        try:
            found = gradients("lstm", seed, sources)
        except EmulationError:  # such as copies that nobody waited for
            return True
        return not all(same_bits(a, b) for a, b in zip(found, expected, strict=True))

    assert not any(shows(seed) for seed in SEEDS)
    monkeypatch.setenv(*only(barriers().index((file, number))))
    assert any(shows(seed) for seed in SEEDS)
