"""The emulator shows what it must: right results, and what a kernel does wrong."""

import pytest
import torch
from emulator import COMPILER, EmulationError, Emulator

from seqmodels.backends.cuda.device import Argument, Kernel, Long

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler: none of g++, c++ is there")


def probe(name: str, *arguments: Argument, seed: int = 0, threads: int = 32, shared_bytes: int = 0) -> None:
    Emulator(seed).launch(Kernel("probe.cuh", name), (1, 1, 1), threads, shared_bytes, *arguments)


def sums(barrier: bool, seed: int) -> torch.Tensor:
    x, out = torch.arange(128.0), Emulator().empty(100)
    name = f"sums<128, {str(barrier).lower()}>"
    probe(name, x, out, 2.0, Long(100), seed=seed, threads=128, shared_bytes=512)
    return out


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_barriers_shuffles_and_votes(seed: int) -> None:
    warp = torch.arange(128.0).roll(-37).view(4, 32).sum(1).repeat_interleave(32)
    assert torch.equal(sums(True, seed), (2 * warp + torch.arange(128.0))[:100])


def test_a_missing_barrier_shows_in_a_random_order() -> None:
    right = sums(True, 0)
    assert any(not torch.equal(sums(False, seed), right) for seed in (1, 2, 3))


def test_a_matrix_product_of_rounded_operands() -> None:
    a, b, out = torch.randn(16, 8), torch.randn(8, 8), torch.empty(16, 8)
    probe("product<true>", a, b, out)
    exact = a.double() @ b.double()
    error = (out - exact).abs().max()
    assert 1e-5 < error < 5e-3  # TF32 keeps 10 bits


def test_an_operand_that_is_not_rounded_is_refused() -> None:
    with pytest.raises(EmulationError, match="not rounded to TF32"):
        probe("product<false>", torch.rand(16, 8), torch.rand(8, 8), torch.empty(16, 8))


def test_a_deadlock_is_an_error() -> None:
    with pytest.raises(EmulationError, match="wait for each other"):
        probe("deadlock")


@pytest.mark.parametrize("place", [-1, 16])
def test_a_write_outside_of_shared_memory_is_an_error(place: int) -> None:
    with pytest.raises(EmulationError, match="outside of the shared memory"):
        probe("outside", place, threads=1, shared_bytes=64)


def test_arguments_of_other_types_are_refused() -> None:
    with pytest.raises(EmulationError, match="takes arguments i, not l"):
        probe("outside", Long(0), threads=1, shared_bytes=64)
    with pytest.raises(EmulationError, match=r"takes const float\* \w+, not an array of torch.int64"):
        probe("four", torch.arange(8), torch.empty(1), threads=1)


def test_a_misaligned_access_is_an_error() -> None:
    four, out = torch.arange(8.0), torch.empty(1)
    probe("four", four, out, threads=1)
    assert out == 1
    with pytest.raises(EmulationError, match="misaligned"):
        probe("four", four[1:], out, threads=1)


@pytest.mark.parametrize("place", [-1, 6])
def test_a_write_outside_of_an_array_is_an_error(place: int) -> None:
    array = Emulator().empty(2, 3)
    assert array.isnan().all()
    probe("beside", array, 5, threads=1)
    assert array[1, 2] == 0
    with pytest.raises(EmulationError, match="outside of an array of shape"):
        probe("beside", array, place, threads=1)
