"""A real GPU: kernels compiled by NVRTC, launched through cuda.core on torch's current stream."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from seqsweep.seqmodels.backends.cuda.device import Argument, Kernel, Long
from seqsweep.seqmodels.backends.cuda.nvrtc import CompilationError, compiled, compiler_version
from seqsweep.seqmodels.randomness import permutation

if TYPE_CHECKING:
    from cuda.core import Kernel as Function
    from cuda.core import LaunchConfig, Stream

LEAST_CAPABILITY = (8, 0)
"""Ampere: the first with products in TF32."""


class NoGpuError(ValueError):
    """There is no GPU that the kernels can use; the message says why."""


class Gpu:
    """See `Device`.

    Args:
        index: which of the GPUs that this process sees.

    Raises:
        NoGpuError: torch sees none, it is too old, or NVRTC or the driver cannot be used.
        torch.OutOfMemoryError: its memory is full.
    """

    def __init__(self, index: int = 0) -> None:
        if not torch.cuda.is_available():
            raise NoGpuError("torch sees no GPU")
        self.capability = torch.cuda.get_device_capability(index)
        if self.capability < LEAST_CAPABILITY:
            found, least = (f"{major}.{minor}" for major, minor in (self.capability, LEAST_CAPABILITY))
            raise NoGpuError(f"the GPU has compute capability {found}, but must have at least {least}")
        self.tensor_device = torch.device("cuda", index)
        self._threads = threading.local()  # which have made the GPU theirs, and which only load kernels now
        self._functions: dict[Kernel, Function] = {}
        try:
            compiler_version()  # says what to install
            from cuda.core import Device

            with _errors_as_torchs():
                torch.zeros(1, device=self.tensor_device)  # makes the context that cuda.core then shares
                self._make_current()
                properties = Device(index).properties
                self.multiprocessors = int(properties.multiprocessor_count)
                self.shared_bytes = int(properties.max_shared_memory_per_block_optin)
                right = self._first_kernel_is_right()
        except CompilationError as error:
            raise NoGpuError(str(error)) from None
        except torch.OutOfMemoryError:  # others' doing: no reason to train otherwise
            raise
        except Exception as error:  # torch's, cuda.core's, the driver's: too old for what NVRTC compiles, say
            message = str(error).strip().splitlines() or [""]
            raise NoGpuError(f"no kernel can be run: {type(error).__name__}: {message[0]}") from None
        if not right:
            raise NoGpuError("a kernel was run, but its numbers are wrong")

    def empty(self, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """See `Device.empty`."""
        return torch.empty(shape, dtype=dtype, device=self.tensor_device)

    def launch(
        self,
        kernel: Kernel,
        grid: tuple[int, int, int],
        threads: int,
        shared_bytes: int,
        *arguments: Argument,
    ) -> None:
        """See `Device.launch`."""
        from cuda.core import launch

        if shared_bytes > self.shared_bytes:
            raise ValueError(
                f"{kernel.name} wants {shared_bytes} bytes of shared memory, but a block has {self.shared_bytes}"
            )
        with _errors_as_torchs():
            self._make_current()
            function = self._function(kernel)
            if getattr(self._threads, "loading", False):
                return
            stream = _stream(torch.cuda.current_stream(self.tensor_device).cuda_stream)
            launch(stream, _config(grid, threads, shared_bytes), function, *map(_value, arguments))

    def record(self, run: Callable[[], None]) -> Callable[[], None]:
        """See `Device.record`: a CUDA graph."""
        self._threads.loading = True  # no kernel may be loaded during a capture
        try:
            run()
        finally:
            self._threads.loading = False
        with _errors_as_torchs():
            graph = torch.cuda.CUDAGraph()
            stream = torch.cuda.Stream(self.tensor_device)  # type: ignore[no-untyped-call]
            stream.wait_stream(torch.cuda.current_stream(self.tensor_device))
            with torch.cuda.stream(stream):
                # other threads may go on with what a capture in the strict mode forbids
                graph.capture_begin(capture_error_mode="thread_local")
                try:
                    run()
                except BaseException:
                    with suppress(RuntimeError):  # that the capture failed is no news
                        graph.capture_end()
                    raise
                graph.capture_end()
        started = False

        def replay() -> None:
            nonlocal started
            if started:
                graph.replay()
                return
            with (
                _errors_as_torchs()
            ):  # the driver takes the graph's own memory now; if it cannot, nothing has run
                graph.replay()
            started = True

        return replay

    def _make_current(self) -> None:
        """Make the GPU this thread's."""
        if not getattr(self._threads, "ready", False):
            from cuda.core import Device

            torch.cuda.set_device(self.tensor_device)
            Device(self.tensor_device.index).set_current()  # such an object belongs to one thread
            self._threads.ready = True

    def _function(self, kernel: Kernel) -> Function:
        if kernel not in self._functions:
            from cuda.core import ObjectCode

            found = compiled(kernel, self.capability)
            function = ObjectCode.from_cubin(found.cubin).get_kernel(found.symbol)
            _allow_shared(function, self.tensor_device.index, self.shared_bytes)
            _load(function)
            self._functions[kernel] = function
        return self._functions[kernel]

    def _first_kernel_is_right(self) -> bool:
        """Compile, load and run one, so that what cannot work is known before a training begins."""
        keys = self.empty(8, dtype=torch.int64)
        seed = torch.tensor([5], device=self.tensor_device)
        self.launch(Kernel("draws.cuh", "order_keys"), (1, 1, 1), 32, 0, seed, 8, 1, keys)
        order = keys.cpu().numpy().argsort(kind="stable")
        return bool((order == permutation(5, 8, epoch=1)).all())


@cache
def first_gpu() -> Gpu:
    """Open the GPU of this process: a trial sees only the one that Ray gave it.

    Raises:
        NoGpuError: it has none, or the kernels cannot be used there.
        torch.OutOfMemoryError: its memory is full.
    """
    return Gpu()


@contextmanager
def _errors_as_torchs() -> Iterator[None]:
    """Raise what goes wrong on a GPU as `torch.OutOfMemoryError` or a RuntimeError of a "CUDA error", whoever finds it.

    cuda.core has an error of its own for both; torch's allocator says the first, but its graphs do not.
    """
    try:
        yield
    except Exception as error:
        words = str(error)
        if "CUDA_ERROR_OUT_OF_MEMORY" in words or "CUDA error: out of memory" in words:
            raise torch.OutOfMemoryError(words) from error
        if type(error).__module__.startswith("cuda."):
            raise RuntimeError(f"CUDA error: {words}") from error
        raise


def _load(function: Function) -> None:
    """Bring the kernel to the GPU now: by default the driver does so at its first launch, which may be in a capture."""
    from cuda.bindings import driver

    result, handle = driver.cuKernelGetFunction(driver.CUkernel(int(function.handle)))
    _check(result, "the driver cannot give the kernel")
    _check(driver.cuFuncLoad(handle)[0], "the driver cannot load the kernel")


def _allow_shared(function: Function, index: int, shared_bytes: int) -> None:
    """Allow as much dynamic shared memory as a block can have: more than 48 KiB must be asked for.

    cuda.core's own attributes are read-only.
    """
    from cuda.bindings import driver

    attribute = driver.CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
    kernel = driver.CUkernel(int(function.handle))
    (result,) = driver.cuKernelSetAttribute(attribute, shared_bytes, kernel, driver.CUdevice(index))
    _check(result, f"the driver refuses {shared_bytes} bytes of shared memory")


def _check(result: Any, complaint: str) -> None:
    if result.value:
        raise RuntimeError(f"CUDA error: {complaint}: {result.name}")


@cache
def _stream(handle: int) -> Stream:
    from cuda.core import Stream

    return Stream.from_handle(handle)


@cache
def _config(grid: tuple[int, int, int], threads: int, shared_bytes: int) -> LaunchConfig:
    from cuda.core import LaunchConfig

    return LaunchConfig(grid=grid, block=(threads, 1, 1), shmem_size=shared_bytes)


def _value(argument: Argument) -> Any:
    """Make a kernel's argument as cuda.core takes it: numpy's scalars by their width."""
    match argument:
        case None:
            return np.uint64(0)
        case Tensor():
            return np.uint64(argument.data_ptr())
        case Long():
            return np.int64(argument.value)
        case float():
            return np.float32(argument)
        case _:
            return np.int32(argument)
