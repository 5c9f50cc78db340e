"""Every backend under the conformance suite, and how one is chosen."""

from typing import ClassVar

import pytest
import torch
from conformance import Conformance, Problem, stepwise_relu
from emulator import COMPILER, Emulator
from specialisations import recurrence_kernels
from torch import Tensor

from seqmodels.backends import BACKENDS, Backend, CpuBackend, CudaBackend, TorchBackend, create_backend
from seqmodels.backends.cuda.gpu import NoGpuError


class TestTorch(Conformance):
    make = TorchBackend


class TestCpu(Conformance):
    make = CpuBackend
    tolerances: ClassVar = {torch.float32: 2e-6}


def emulated(precision: str) -> CudaBackend:
    device = Emulator(seed=1)  # threads run in a random order: a race would show
    device.build(recurrence_kernels(device, precision, hidden=(32, 64, 104, 130)))
    return CudaBackend(device, precision)


@pytest.mark.skipif(COMPILER is None, reason="no C++ compiler: none of g++, c++ is there")
class TestCuda(Conformance):
    """In float32, on the emulator; lengths are shorter there."""

    tolerances: ClassVar = {torch.float32: 2e-6}
    sizes: ClassVar = [
        pytest.param(1, 1, [1], id="one-of-everything"),
        pytest.param(3, 7, [1, 1, 1], id="all-of-length-1"),
        pytest.param(2, 63, [5, 5, 5, 5], id="ties"),
        pytest.param(39, 100, [6], id="batch-1"),
        pytest.param(5, 130, [3, 7, 1, 4, 4, 2, 6], id="unsorted"),
        pytest.param(41, 16, [2, 11] * 18, id="more-rows-than-a-tile-and-wide"),
    ]
    lengths_of_lanes: ClassVar = [3, 9, 1, 5, 5]

    @staticmethod
    def make() -> CudaBackend:
        return emulated("float32")


class TestCudaTf32(TestCuda):
    """Operands have 11 bits, and sums of 100 products of them an error of about 3e-4."""

    tolerances: ClassVar = {torch.float32: 3e-3}

    @staticmethod
    def make() -> CudaBackend:
        return emulated("tf32")

    def expected(
        self, problem: Problem, cell: str, found: list[Tensor], *, reverse: bool, bptt: int | None = None
    ) -> list[Tensor]:
        """Rounding may bring a relu's sum to the other side of 0, and its gradient with it: the oracle follows."""
        if cell != "rnn_relu":
            return super().expected(problem, cell, found, reverse=reverse, bptt=bptt)
        return problem.oracle(stepwise_relu(found[0], bptt, reverse))


def test_every_backend_has_its_line_here() -> None:
    assert {type(cls.make()) for cls in Conformance.__subclasses__()} == set(BACKENDS.values())


@pytest.mark.parametrize("name", ["auto", *BACKENDS])
def test_created_by_name(name: str) -> None:
    if name == "cuda" and not torch.cuda.is_available():
        with pytest.raises(NoGpuError, match="torch sees no GPU"):
            create_backend(name)
        return
    backend = create_backend(name)
    assert isinstance(backend, Backend)
    assert backend.name in BACKENDS


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ValueError, match="`backend` is 'gpu', but must be auto or one of torch, cpu, cuda"):
        create_backend("gpu")
