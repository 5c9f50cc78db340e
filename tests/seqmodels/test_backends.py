"""Every backend under the conformance suite, and how one is chosen."""

from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from seqsweep.seqmodels.architecture import Architecture
from seqsweep.seqmodels.backends import choosing
from seqsweep.seqmodels.backends.base import Backend
from seqsweep.seqmodels.backends.choosing import BACKENDS, create_backend, cuda_fault
from seqsweep.seqmodels.backends.cpu.backend import CpuBackend
from seqsweep.seqmodels.backends.cuda.backend import CudaBackend
from seqsweep.seqmodels.backends.cuda.memory import Measures
from seqsweep.seqmodels.backends.torch_ import TorchBackend
from seqsweep.seqmodels.layout import Layout
from seqsweep.seqmodels.testing.conformance import Conformance, Problem, stepwise_relu
from tests.support.cuda.emulator import COMPILER, Emulator
from tests.support.cuda.specialisations import recurrence_kernels


class TestTorch(Conformance):
    make = TorchBackend


class TestCpu(Conformance):
    make = CpuBackend
    tolerances: ClassVar = {torch.float32: 2e-6}


def emulated(precision: str) -> CudaBackend:
    device = Emulator(seed=1)  # threads run in a random order: a race would show
    device.build(recurrence_kernels(device, precision, hidden=(32, 64, 104, 130)))
    return CudaBackend(device, precision)


needs_compiler = pytest.mark.skipif(COMPILER is None, reason="no C++ compiler: none of g++, c++ is there")


@needs_compiler
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
    units_of_lanes: ClassVar = 63

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


@needs_compiler
def test_every_backend_has_its_line_here() -> None:
    assert {type(cls.make()) for cls in Conformance.__subclasses__()} == set(BACKENDS.values())


@pytest.mark.parametrize("name", ["auto", *BACKENDS])
def test_created_by_name(name: str) -> None:
    if name == "cuda" and not torch.cuda.is_available():
        with pytest.raises(ValueError, match="the cuda backend cannot be used: torch sees no GPU"):
            create_backend(name)
        return
    backend = create_backend(name)
    assert isinstance(backend, Backend)
    assert backend.name in BACKENDS


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(ValueError, match="`backend` is 'gpu', but must be auto or one of torch, cpu, cuda"):
        create_backend("gpu")


def test_auto_on_a_gpu_is_cuda_where_there_are_kernels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "first_gpu", Emulator)
    monkeypatch.setattr("seqsweep.seqmodels.backends.cuda.backend.first_gpu", Emulator)
    found = create_backend("auto", "cuda", precision="float32", hidden=512)
    assert isinstance(found, CudaBackend)
    assert (found.precision, found.arithmetic) == ("float32", "cuda float32 sm_90")
    assert create_backend("auto", "cuda", hidden=513).name == "torch"
    assert cuda_fault(513) == "`hidden` is 513, but must be at most 512 with the cuda backend"
    with pytest.raises(ValueError, match="the cuda backend cannot be used: `hidden` is 513"):
        create_backend("cuda", "cuda", hidden=513)
    assert create_backend("auto", "cpu").name == create_backend().name


@pytest.mark.parametrize("precision", ["tf32", "float32"])
def test_torch_on_a_gpu_keeps_to_the_precision(precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", precision != "tf32")
    assert create_backend("torch", "cuda", precision=precision).name == "torch"
    assert torch.backends.cudnn.allow_tf32 is (precision == "tf32")


def test_without_a_gpu_the_cuda_backend_still_has_its_measures() -> None:
    backend = CudaBackend(Measures(reason="there is no GPU"))
    assert isinstance(backend, Backend)
    layout = Layout(Architecture("lstm", 1, 100), 2, 5)
    length = np.full(32, 100)
    # at least inputs of gates and states, as float32
    assert backend.call_bytes(layout, length, training=True) > 4 * 3200 * 5 * 100
    with pytest.raises(ValueError, match="there is no GPU"):
        backend.logits(layout, torch.zeros(1, layout.width), torch.zeros(9, 2), *torch.ones(2, 1).long())
