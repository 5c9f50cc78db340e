"""A few of the kernels as NVRTC compiles them: enough registers, hardly a spill. `compile.py` looks at all."""

import pytest
from compile import GPUS, broken_bounds, shapes, usage

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
    *_, backward = shapes(device, "tf32", "lstm", 100)
    too_many = backward.kernel.name.replace(", 24, 32,", ", 52, 32,")  # steps in registers
    assert too_many != backward.kernel.name
    kernel = type(backward.kernel)(backward.kernel.file, too_many)
    assert any("spilled" in rule for rule in broken_bounds(device, backward, usage([kernel], (9, 0))[kernel]))
