"""The emulator shows what it must: right results, and what a kernel does wrong."""

import pytest
import torch

from seqsweep.seqmodels.backends.cuda.device import Argument, Kernel, Long
from tests.support.cuda.emulator import COMPILER, EmulationError, Emulator

pytestmark = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler: none of g++, c++ is there")

PROBES = ["sums<128, true>", "sums<128, false>", "product<true>", "product<false>", "deadlock", "outside"]
PROBES += ["four", "beside", "ended", "apart", "halves"]
WATCHED_PROBES = ["copied", "outside", *(f"neighbour<{way}>" for way in range(7))]


def probe(
    name: str,
    *arguments: Argument,
    seed: int = 0,
    blocks: int = 1,
    threads: int = 32,
    shared_bytes: int = 0,
    watch: bool = False,
) -> None:
    device = Emulator(seed, watch=watch)
    device.build(Kernel("probe.cuh", name) for name in (WATCHED_PROBES if watch else PROBES))
    device.launch(Kernel("probe.cuh", name), (blocks, 1, 1), threads, shared_bytes, *arguments)


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


@pytest.mark.parametrize("name", ["ended", "apart"])
def test_a_barrier_that_is_not_one_for_all_is_an_error(name: str) -> None:
    arguments = (torch.zeros(2),) if name == "apart" else ()
    with pytest.raises(EmulationError, match=r"some threads have ended|different barriers"):
        probe(name, *arguments, threads=64)


def test_a_warps_instruction_at_two_places_is_an_error() -> None:
    with pytest.raises(EmulationError, match="at different instructions"):
        probe("halves", torch.zeros(32))


@pytest.mark.parametrize("grid", [(1, 65536, 1), (1, 1, 65536), (0, 1, 1)])
def test_a_grid_that_no_device_has_is_an_error(grid: tuple[int, int, int]) -> None:
    with pytest.raises(EmulationError, match="no device has a grid"):
        Emulator().launch(Kernel("probe.cuh", "deadlock"), grid, 1, 0)


class TestWatched:
    """Every access is looked at, whatever comes of it and in whichever order threads run."""

    @pytest.mark.parametrize("place", [-1, 2, 8, 14])
    def test_a_read_outside_of_an_array_is_an_error(self, place: int) -> None:
        """Of every other row, of three words, there are two."""
        rows = torch.arange(18.0).view(6, 3)[::2, :2]
        probe("copied", rows, out := torch.zeros(1), 7, 0, threads=1, watch=True)
        assert out == 7
        with pytest.raises(EmulationError, match="reads outside of its arrays"):
            probe("copied", rows, out, place, 0, threads=1, watch=True)

    def test_a_read_outside_of_shared_memory_is_an_error(self) -> None:
        with pytest.raises(EmulationError, match="writes outside of the shared memory"):
            probe("outside", 16, threads=1, shared_bytes=64, watch=True)

    def test_blocks_that_meet_in_a_word_are_an_error(self) -> None:
        array = torch.zeros(8)
        probe("copied", array[:4], array[4:], 0, 1, threads=1, watch=True)
        with pytest.raises(EmulationError, match="a race in global memory"):
            probe("copied", array[:4], array[4:], 0, 1, blocks=2, threads=1, watch=True)

    @pytest.mark.parametrize("way", [1, 3])
    def test_a_barrier_orders_accesses(self, way: int) -> None:
        x, out = torch.arange(64.0), torch.zeros(64)
        probe(f"neighbour<{way}>", x, out, threads=64, shared_bytes=256, watch=True)
        assert torch.equal(
            out, x.view(2, 32).flip(0).flatten() if way == 3 else x.view(32, 2).flip(1).flatten()
        )

    @pytest.mark.parametrize("way", [0, 2, 5, 6])
    def test_a_race_in_shared_memory_is_an_error(self, way: int) -> None:
        with pytest.raises(EmulationError, match=r"a race in shared memory|that nobody wrote"):
            probe(
                f"neighbour<{way}>",
                torch.zeros(64),
                torch.zeros(64),
                threads=64,
                shared_bytes=256,
                watch=True,
            )

    def test_shared_memory_that_nobody_wrote_is_an_error(self) -> None:
        with pytest.raises(EmulationError, match="that nobody wrote"):
            probe("neighbour<4>", torch.zeros(64), torch.zeros(64), threads=64, shared_bytes=256, watch=True)
