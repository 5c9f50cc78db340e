"""`gpu.py` through the installed cuda.core down to a driver that only notes what it is told (`driver.c`): no GPU is needed.

`test_driver.py` runs these in a process of their own.
"""

import ctypes
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from seqsweep.seqmodels.backends.cuda import gpu
from seqsweep.seqmodels.backends.cuda.device import Kernel, Long
from seqsweep.seqmodels.backends.cuda.gpu import Gpu, NoGpuError
from seqsweep.seqmodels.backends.cuda.nvrtc import Compiled
from seqsweep.seqmodels.randomness import permutation

COMPILER = shutil.which("gcc") or shutil.which("cc")
OUT_OF_MEMORY, ILLEGAL_ADDRESS = 2, 700
SHARED = 232448
STREAM = 0x5EED
KERNEL = Kernel("any.cuh", "any<Thing, 3>")
KEYS = Kernel("draws.cuh", "order_keys")


class Config(ctypes.Structure):
    """`CUlaunchConfig`."""

    _fields_ = (
        ("grid", ctypes.c_uint * 3),
        ("block", ctypes.c_uint * 3),
        ("shared_bytes", ctypes.c_uint),
        ("stream", ctypes.c_void_p),
        ("attributes", ctypes.c_void_p),
        ("attribute_count", ctypes.c_uint),
    )


TOLD = ctypes.CFUNCTYPE(
    ctypes.c_int,
    ctypes.c_char_p,
    ctypes.c_char_p,
    ctypes.c_int,
    ctypes.POINTER(Config),
    ctypes.POINTER(ctypes.c_void_p),
)
WIDTHS = {  # of what a test launches
    KEYS.name: (ctypes.c_uint64, ctypes.c_int32, ctypes.c_int32, ctypes.c_uint64),
    KERNEL.name: (ctypes.c_uint64, ctypes.c_int64, ctypes.c_int32, ctypes.c_float, ctypes.c_uint64),
}


@dataclass(frozen=True)
class Launched:
    kernel: str
    grid: tuple[int, ...]
    block: tuple[int, ...]
    shared_bytes: int
    stream: int
    arguments: tuple[float, ...]


@dataclass
class Driver:
    """What it was told, and the errors that it is to give, by call."""

    calls: list[tuple[str, str, int]] = field(default_factory=list)
    launches: list[Launched] = field(default_factory=list)
    errors: dict[str, int] = field(default_factory=dict)
    graph: list[Launched] | None = None
    keys_are_right: bool = True

    def told(self, call: bytes, kernel: bytes, value: int, config: Any, arguments: Any) -> int:
        name = kernel.decode()
        self.calls.append((call.decode(), name, value))
        if error := self.errors.get(call.decode()):
            return error
        if call == b"cuLaunchKernelEx":
            values = (
                width.from_address(place).value
                for width, place in zip(WIDTHS[name], arguments[: len(WIDTHS[name])], strict=True)
            )
            shape = config.contents
            one = Launched(
                name, (*shape.grid,), (*shape.block,), shape.shared_bytes, shape.stream or 0, (*values,)
            )
            if self.graph is not None:
                self.graph.append(one)
            else:
                self.run(one)
        return 0

    def run(self, one: Launched) -> None:
        self.launches.append(one)
        if one.kernel == KEYS.name:  # the kernel's own numbers, but for their size
            count, keys = one.arguments[1], int(one.arguments[3])
            order = permutation(5, int(count), epoch=1) if self.keys_are_right else np.arange(int(count))
            ranks = np.argsort(order).astype(np.int64)
            ctypes.memmove(keys, ranks.ctypes.data, ranks.nbytes)


class Graph:
    """`torch.cuda.CUDAGraph`."""

    driver: Driver

    def capture_begin(self, *, capture_error_mode: str) -> None:
        assert capture_error_mode == "thread_local"
        self.driver.graph = self.launches = []

    def capture_end(self) -> None:
        self.driver.graph = None
        if "capture" in self.driver.errors:
            raise torch.AcceleratorError(
                "CUDA error: operation failed due to a previous error during capture"
            )

    def replay(self) -> None:
        if self.driver.errors.get("graph") == OUT_OF_MEMORY:
            raise torch.AcceleratorError("CUDA error: out of memory\nSearch for `cudaErrorMemoryAllocation'")
        for one in self.launches:
            self.driver.run(one)


class CpuTorch:
    """torch, whose device "cuda" is the CPU."""

    def __getattr__(self, name: str) -> Any:
        return getattr(torch, name)

    @staticmethod
    def device(kind: str, index: int) -> torch.device:
        return torch.device("cpu", index)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """Loaded under the driver's name, so that cuda.bindings take it for the driver."""
    assert COMPILER is not None
    built = tmp_path_factory.mktemp("driver") / "libcuda.so.1"
    source = Path(__file__).with_name("driver.c")
    command = [COMPILER, "-shared", "-fPIC", "-O1", f"-Wl,-soname,{built.name}", "-o", built, source, "-ldl"]
    subprocess.run(command, check=True)
    return ctypes.CDLL(str(built), mode=ctypes.RTLD_GLOBAL)


@pytest.fixture
def driver(library: ctypes.CDLL, monkeypatch: pytest.MonkeyPatch) -> Iterator[Driver]:
    own = Driver()
    callback = TOLD(own.told)
    library.stub_tell(callback)
    current = [0]  # torch's current stream

    @contextmanager
    def stream(chosen: Any) -> Iterator[None]:
        current.append(chosen.cuda_stream)
        yield
        current.pop()

    monkeypatch.setattr(gpu, "torch", CpuTorch())
    monkeypatch.setattr(gpu, "compiled", lambda kernel, capability: Compiled(kernel.name, b"\x7fELF"))
    for name, value in {
        "is_available": lambda: True,
        "get_device_capability": lambda index: (9, 0),
        "set_device": lambda device: None,
        "current_stream": lambda device: SimpleNamespace(cuda_stream=current[-1]),
        "Stream": lambda device: SimpleNamespace(cuda_stream=STREAM, wait_stream=lambda other: None),
        "stream": stream,
        "CUDAGraph": type("Graph", (Graph,), {"driver": own}),
    }.items():
        monkeypatch.setattr(torch.cuda, name, value)
    yield own
    own.errors.clear()


@pytest.fixture
def device(driver: Driver) -> Gpu:
    made = Gpu()
    driver.calls.clear()
    driver.launches.clear()
    return made


def launch(device: Gpu, *, shared_bytes: int = 0, tensor: torch.Tensor | None = None) -> None:
    device.launch(KERNEL, (3, 2, 1), 64, shared_bytes, tensor, Long(-(2**40) - 7), -3, 1.5, None)


def test_a_gpu_is_used_once_a_kernel_has_run(driver: Driver) -> None:
    device = Gpu()
    assert (device.multiprocessors, device.shared_bytes, device.capability) == (132, SHARED, (9, 0))
    assert [one.kernel for one in driver.launches] == [KEYS.name]
    driver.keys_are_right = False
    with pytest.raises(NoGpuError, match="a kernel was run, but its numbers are wrong"):
        Gpu()
    driver.errors["cuLibraryLoadData"] = 209
    with pytest.raises(NoGpuError, match="no kernel can be run: RuntimeError: CUDA error: CUDA_ERROR_OTHER"):
        Gpu()


def test_a_gpu_that_is_full_is_no_gpu_without_kernels(driver: Driver) -> None:
    driver.errors["cuLaunchKernelEx"] = OUT_OF_MEMORY
    with pytest.raises(torch.OutOfMemoryError):
        Gpu()


def test_arguments_arrive_as_the_kernel_declares_them(driver: Driver, device: Gpu) -> None:
    tensor = torch.zeros(3)
    launch(device, shared_bytes=1000, tensor=tensor)
    arguments = (tensor.data_ptr(), -(2**40) - 7, -3, 1.5, 0)
    assert driver.launches == [Launched(KERNEL.name, (3, 2, 1), (64, 1, 1), 1000, 0, arguments)]


def test_a_kernel_is_loaded_once_with_all_shared_memory(driver: Driver, device: Gpu) -> None:
    launch(device)
    launch(device, shared_bytes=SHARED)
    assert driver.calls == [
        ("cuLibraryLoadData", "", 0),
        ("cuLibraryGetKernel", KERNEL.name, 0),
        ("cuKernelSetAttribute", KERNEL.name, SHARED),
        ("cuKernelGetFunction", KERNEL.name, 0),
        ("cuFuncLoad", KERNEL.name, 0),
        ("cuLaunchKernelEx", KERNEL.name, 0),
        ("cuLaunchKernelEx", KERNEL.name, 0),
    ]
    with pytest.raises(
        ValueError, match=r"any<Thing, 3> wants 232449 bytes of shared memory, but a block has 232448"
    ):
        launch(device, shared_bytes=SHARED + 1)
    assert len(driver.launches) == 2


def test_in_a_capture_there_are_launches_alone(driver: Driver, device: Gpu) -> None:
    def run() -> None:
        if driver.graph is not None:
            driver.calls.clear()
        launch(device)
        launch(device, shared_bytes=100_000)

    replay = device.record(run)
    assert driver.calls == [("cuLaunchKernelEx", KERNEL.name, 0)] * 2
    assert driver.launches == []
    replay()
    replay()
    assert [one.shared_bytes for one in driver.launches] == [0, 100_000] * 2
    assert {one.stream for one in driver.launches} == {STREAM}


@pytest.mark.parametrize(
    "call", ["cuLibraryLoadData", "cuKernelSetAttribute", "cuFuncLoad", "cuLaunchKernelEx"]
)
def test_for_want_of_memory_it_is_torchs_error(driver: Driver, device: Gpu, call: str) -> None:
    driver.errors[call] = OUT_OF_MEMORY
    with pytest.raises(torch.OutOfMemoryError, match="CUDA_ERROR_OUT_OF_MEMORY"):
        launch(device)
    driver.errors.clear()
    launch(device)
    loads = [name for name, *_ in driver.calls].count("cuFuncLoad")
    assert loads == (2 if call == "cuFuncLoad" else 1)  # what failed to load is not taken for loaded


def test_a_broken_gpu_says_so_as_torch_does(driver: Driver, device: Gpu) -> None:
    driver.errors["cuLaunchKernelEx"] = ILLEGAL_ADDRESS
    with pytest.raises(RuntimeError, match=r"^CUDA error: CUDA_ERROR_ILLEGAL_ADDRESS"):
        launch(device)


def test_a_graph_for_which_there_is_no_memory(driver: Driver, device: Gpu) -> None:
    replay = device.record(lambda: launch(device))
    driver.errors["graph"] = OUT_OF_MEMORY
    with pytest.raises(torch.OutOfMemoryError):
        replay()
    assert driver.launches == []
    driver.errors.clear()
    replay()
    driver.errors["graph"] = OUT_OF_MEMORY
    with pytest.raises(torch.AcceleratorError):  # a step has been done: this must not be done again
        replay()


def test_why_a_capture_failed_is_what_is_said(driver: Driver, device: Gpu) -> None:
    def run() -> None:
        if driver.graph is not None:
            driver.errors |= {"cuLaunchKernelEx": OUT_OF_MEMORY, "capture": 1}
        launch(device)

    with pytest.raises(torch.OutOfMemoryError):
        device.record(run)


def in_another_thread(work: Callable[[], None]) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def test_any_thread_launches(driver: Driver, device: Gpu) -> None:
    launch(device)
    in_another_thread(lambda: launch(device))  # without a context of its own the driver would refuse
    assert len(driver.launches) == 2


def test_a_recording_keeps_no_other_thread_from_launching(driver: Driver, device: Gpu) -> None:
    def run() -> None:
        if driver.graph is None:
            in_another_thread(lambda: launch(device))
        launch(device)

    device.record(run)
    assert len(driver.launches) == 1
