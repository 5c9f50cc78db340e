"""A few of the kernels as NVRTC compiles them: enough registers, hardly a spill. `compile.py` looks at all."""

import pytest

from seqsweep.seqmodels.backends.cuda.device import Kernel
from tests.support.cuda.compile import GPUS, Usage, broken_bounds, shapes, usage

pytest.importorskip("cuda.bindings", reason="the extra `cuda` is not installed")


@pytest.mark.parametrize(
    ("gpu", "cell", "precision"),
    [
        ("H100", "lstm", "tf32"),
        ("A100", "lstm", "tf32"),
        ("H100", "gru", "tf32"),
        ("H100", "rnn_tanh", "float32"),
    ],
)
def test_kernels_of_100_units_keep_the_bounds(gpu: str, cell: str, precision: str) -> None:
    device = GPUS[gpu]
    launches = list(shapes(device, precision, cell, 100))
    used = usage([shape.kernel for shape in launches], device.capability)
    for shape in launches:
        assert not broken_bounds(device, shape, used[shape.kernel]), shape.kernel


def test_a_kernel_that_spills_breaks_a_bound() -> None:
    device = GPUS["H100"]
    *_, backward = shapes(device, "tf32", "rnn_tanh", 256)
    greedy = Kernel(backward.kernel.file, "recurrence_backward<Tanh, 16, 1, 32, 32, Tf32>")
    (used,) = usage(
        [greedy], device.capability
    ).values()  # 128 registers of weights in a thread that may have 128
    assert any("spilled" in rule for rule in broken_bounds(device, backward, used))
    assert used.frame > 0


def test_an_array_in_memory_breaks_a_bound() -> None:
    *_, backward = shapes(GPUS["H100"], "tf32", "rnn_tanh", 100)
    assert not broken_bounds(GPUS["H100"], backward, Usage(registers=128, spilled=4, frame=8))
    assert broken_bounds(GPUS["H100"], backward, Usage(registers=128, spilled=4, frame=64)) == [
        "64 bytes of a thread in memory"
    ]
