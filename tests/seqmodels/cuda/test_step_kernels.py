"""The kernels around the recurrence, as NVRTC compiles them: nothing in memory, room for several blocks on a multiprocessor."""

import pytest

from seqsweep.seqmodels.backends.cuda.device import SOURCES, Kernel
from seqsweep.seqmodels.backends.cuda.step_inputs import THREADS
from tests.support.cuda.compile import REGISTERS, usage

pytest.importorskip("cuda.core", reason="the extra `cuda` is not installed")
KERNELS = {
    "draws.cuh": ("order_keys", "noisy_tokens", "dropout"),
    "rows.cuh": ("batch_rows",),
    "readout.cuh": ("readout_forward", "readout_backward"),
    "head.cuh": ("linear_forward", "linear_weight_gradient", "linear_input_gradient", "cross_entropy"),
    "update.cuh": ("squared_norms", "update_lanes"),
}


def test_none_is_missing_here() -> None:
    for file, names in KERNELS.items():
        assert (SOURCES / file).read_text().count("__global__ void") == len(names)


@pytest.mark.parametrize("capability", [(8, 0), (9, 0)], ids=["ampere", "hopper"])
def test_they_compile_within_bounds(capability: tuple[int, int]) -> None:
    kernels = [Kernel(file, name) for file, names in KERNELS.items() for name in names]
    for kernel, used in usage(kernels, capability).items():
        assert used.frame == 0, kernel
        assert 4 * THREADS * used.registers <= REGISTERS, kernel
