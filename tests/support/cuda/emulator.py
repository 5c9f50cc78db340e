"""A `Device` that runs kernels on CPU tensors: g++ compiles their own sources against `emulator.h`."""

import ctypes
import hashlib
import math
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from seqsweep.seqmodels.backends.cuda.device import SOURCES, Argument, Kernel, Long
from tests import REPOSITORY

HERE = Path(__file__).parent
BUILDS = REPOSITORY / ".pytest_cache" / "emulator"  # by the hash of all that goes into a build
COMPILER = os.environ.get("CXX") or next(filter(shutil.which, ("g++", "c++")), None)
ZONE = 4096  # bytes around fresh memory that nobody may write
FLAGS = ("-std=c++17", "-O1", "-march=native", "-ffp-contract=off", "-g0", "-fPIC", "-c")
FLAGS += ("-fvisibility=hidden", "-DSEQSWEEP_EMULATOR", "-fsanitize=alignment")
WATCHED = ("-DSEQSWEEP_WATCHED", "-fsanitize=thread")
MOST_BLOCKS = (2**31 - 1, 65535, 65535)  # of a grid
POINTED_AT = {  # what a kernel's pointer may be given
    "float": torch.float32,
    "uint4": torch.float32,
    "int": torch.int32,
    "int2": torch.int32,
    "int64": torch.int64,
    "double": torch.float64,
}


class EmulationError(AssertionError):
    """A kernel did what it must not: a deadlock, a write outside of an array, a race, arguments of other types."""


class Launch(ctypes.Structure):
    """`emulator::Launch`."""

    _fields_ = (
        ("grid", ctypes.c_int * 3),
        ("threads", ctypes.c_int),
        ("shared_bytes", ctypes.c_int),
        ("seed", ctypes.c_uint64),
        ("kinds", ctypes.c_char_p),
        ("arguments", ctypes.POINTER(ctypes.c_void_p)),
    )


class Array(ctypes.Structure):
    """`emulator::Array`."""

    _fields_ = (("begin", ctypes.c_void_p), ("bytes", ctypes.c_size_t), ("allowed", ctypes.c_void_p))


_lock = threading.Lock()  # an emulated block's state is global
_functions: dict[tuple[Path, bool, Kernel], tuple[ctypes.CDLL, ctypes._CFuncPtr]] = {}


class Emulator:
    """One GPU.

    Args:
        seed: of the order in which threads and blocks run; 0 for first come, first served.
        capability: of the device that it stands for.
        shared_bytes: most shared memory of a block there.
        sources: where the kernels' headers are, if not in the product: a test changes a copy.
        watch: look at every access of the kernels (watch.h), which takes ten times as long.
    """

    multiprocessors = 132
    tensor_device = torch.device("cpu")

    def __init__(
        self,
        seed: int = 0,
        *,
        capability: tuple[int, int] = (9, 0),
        shared_bytes: int = 232448,
        sources: Path = SOURCES,
        watch: bool = False,
    ) -> None:
        self.seed = seed
        self.watch = watch
        self.capability = capability
        self.shared_bytes = shared_bytes
        self.sources = sources
        self.launches: list[Kernel] = []
        self._recorded: list[tuple[Any, ...]] | None = None

    def empty(self, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
        """See `Device.empty`: all bits are ones, which is NaN and -1, and so they are before and behind it."""
        count, zone = math.prod(shape), ZONE // dtype.itemsize
        whole = torch.empty(zone + count + zone, dtype=dtype)
        whole.view(torch.uint8).fill_(255)
        whole.has_zones = True
        return whole[zone : zone + count].view(shape)

    def launch(
        self,
        kernel: Kernel,
        grid: tuple[int, int, int],
        threads: int,
        shared_bytes: int,
        *arguments: Argument,
    ) -> None:
        """See `Device.launch`."""
        if self._recorded is not None:
            self._recorded.append((kernel, grid, threads, shared_bytes, *arguments))
            return
        if shared_bytes > self.shared_bytes:
            raise ValueError(f"{kernel.name} wants {shared_bytes} bytes of shared memory")
        if min(grid) < 1 or any(count > most for count, most in zip(grid, MOST_BLOCKS, strict=True)):
            raise EmulationError(f"{kernel.name}: no device has a grid of {grid}")
        assert 1 <= threads <= 1024, f"{kernel.name}: {threads} threads"
        kinds, values = zip(*map(_value, arguments), strict=True) if arguments else ((), ())
        pointers = (ctypes.c_void_p * len(values))(*(ctypes.addressof(value) for value in values))
        with _lock:
            self.launches.append(kernel)
            description = Launch(
                (ctypes.c_int * 3)(*grid), threads, shared_bytes, self.seed, "".join(kinds).encode(), pointers
            )
            library, function = self._function(kernel)
            if self.watch:
                names = [declared for declared, _ in _parameters(self.sources, kernel)]
                # threads without a row load a place of `saved` that others may write, and drop what they found
                dropped = names.index("float* saved") if kernel.name.startswith("recurrence_") else None
                masks = _masks(arguments, dropped)
                arrays = (Array * len(masks))(
                    *(Array(start, len(mask), mask.data_ptr()) for start, mask in masks.items())
                )
                library.watch_arrays(len(masks), arrays)
            error = function(ctypes.byref(description))
        if error:
            raise EmulationError(f"{kernel.name}: {error.decode()}")
        for argument, (declared, wanted) in zip(arguments, _parameters(self.sources, kernel), strict=True):
            if isinstance(argument, Tensor) and argument.dtype != wanted:
                raise EmulationError(f"{kernel.name}: takes {declared}, not an array of {argument.dtype}")
        for argument in arguments:
            whole = argument._base if isinstance(argument, Tensor) else None
            if hasattr(whole, "has_zones") and not _zones_are_whole(whole.view(torch.uint8)):
                raise EmulationError(f"{kernel.name}: writes outside of an array of shape {argument.shape}")

    def record(self, run: Callable[[], None]) -> Callable[[], None]:
        """See `Device.record`."""
        recorded: list[tuple[Any, ...]] = []
        self._recorded = recorded
        try:
            run()
        finally:
            self._recorded = None
        self.build(launch[0] for launch in recorded)

        def replay() -> None:
            for launch in recorded:
                self.launch(*launch)

        return replay

    def build(self, kernels: Iterable[Kernel]) -> None:
        """Compile several at once, which is faster than one by one."""
        with _lock:
            missing = [
                kernel
                for kernel in dict.fromkeys(kernels)
                if (self.sources, self.watch, kernel) not in _functions
            ]
            if missing:
                library = ctypes.CDLL(str(_build(self.sources, missing, WATCHED if self.watch else ())))
                for number, kernel in enumerate(missing):
                    function = getattr(library, f"kernel_{number}")
                    function.restype = ctypes.c_char_p
                    _functions[self.sources, self.watch, kernel] = library, function

    def _function(self, kernel: Kernel) -> tuple[ctypes.CDLL, ctypes._CFuncPtr]:
        key = self.sources, self.watch, kernel
        if key not in _functions:
            _lock.release()
            try:
                self.build([kernel])
            finally:
                _lock.acquire()
        return _functions[key]


@cache
def _parameters(sources: Path, kernel: Kernel) -> list[tuple[str, torch.dtype | None]]:
    """A kernel's parameters as declared, with the type of array for those that are pointers."""
    file = next(folder / kernel.file for folder in (sources, HERE) if (folder / kernel.file).exists())
    text = re.sub(r"//.*", "", file.read_text())
    declaration = re.search(
        rf"__global__ void (?:__launch_bounds__\([^{{]*?\) )?{kernel.name.partition('<')[0]}\(([^)]*)\)", text
    )
    assert declaration is not None, f"{kernel.file} declares no {kernel.name}"
    parameters = [" ".join(each.split()) for each in declaration[1].split(",") if each.strip()]
    pointers = [re.match(r"(?:const )?(\w+)\s*\*", each) for each in parameters]
    return [
        (each, POINTED_AT[pointer[1]] if pointer else None)
        for each, pointer in zip(parameters, pointers, strict=True)
    ]


def _zones_are_whole(whole: Tensor) -> bool:
    return bool((whole[:ZONE] == 255).all() and (whole[-ZONE:] == 255).all())


def _masks(arguments: tuple[Argument, ...], dropped: int | None) -> dict[int, Tensor]:
    """Where tensors' memory begins, and of each byte of it whether they cover it: see `emulator::Array`."""
    masks: dict[int, Tensor] = {}
    for place, tensor in enumerate(arguments):
        if isinstance(tensor, Tensor):
            storage = tensor.untyped_storage()
            mask = masks.setdefault(storage.data_ptr(), torch.zeros(storage.nbytes(), dtype=torch.uint8))
            words = mask.view({4: torch.int32, 8: torch.int64}[tensor.itemsize])
            covered = words.as_strided(tensor.shape, tensor.stride(), tensor.storage_offset())
            covered.fill_(0x01010101 if place == dropped else -1)
    return masks


def _value(argument: Argument) -> tuple[str, ctypes._SimpleCData]:
    match argument:
        case None:
            return "p", ctypes.c_void_p()
        case Tensor():
            assert argument.device.type == "cpu"
            return "p", ctypes.c_void_p(argument.data_ptr())
        case Long():
            return "l", ctypes.c_int64(argument.value)
        case float():
            return "f", ctypes.c_float(argument)
        case int():
            assert -(2**31) <= argument < 2**32, f"{argument} does not fit into 32 bits"
            return "i", ctypes.c_int32(argument if argument < 2**31 else argument - 2**32)
    raise TypeError(f"no argument of a kernel: {argument!r}")


def _processor() -> str:
    """What `-march=native` means here."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line for line in lines if line.startswith(("flags", "Features"))), "")


def _build(sources: Path, kernels: list[Kernel], more_flags: tuple[str, ...]) -> Path:
    assert COMPILER is not None, "no C++ compiler: none of g++, c++ is there"
    lines = ['#include "emulator.h"']
    lines += [f'#include "{file}"' for file in dict.fromkeys(kernel.file for kernel in kernels)]
    for number, kernel in enumerate(kernels):
        lines.append(
            f'extern "C" __attribute__((visibility("default"))) const char* kernel_{number}'
            f"(const emulator::Launch& description) {{ return emulator::launch(&{kernel.name}, description); }}"
        )
    text = "\n".join(lines) + "\n"
    parts = [text, COMPILER, *FLAGS, *more_flags, _processor()]
    headers = [*sorted(HERE.glob("*.h")), *sorted(HERE.glob("*.cuh")), *sorted(sources.glob("*.cuh"))]
    parts += [header.read_text() for header in headers]
    name = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]
    built = BUILDS / f"{name}.so"
    if built.exists():
        return built
    BUILDS.mkdir(parents=True, exist_ok=True)
    source, compiled, fresh = (BUILDS / f"{name}.{os.getpid()}.{suffix}" for suffix in ("cpp", "o", "so"))
    source.write_text(text)
    compiling = [*FLAGS, *more_flags, f"-I{sources}", f"-I{HERE}", str(source), "-o", str(compiled)]
    # linked apart: the sanitizers' own libraries stay away
    for options in (compiling, ["-shared", str(compiled), "-o", str(fresh)]):
        done = subprocess.run([COMPILER, *options], capture_output=True, text=True, check=False)
        if done.returncode:
            raise ValueError(f"{', '.join(kernel.name for kernel in kernels)}: {done.stderr}")
    source.unlink()
    compiled.unlink()
    fresh.rename(built)  # whole, whoever builds it beside us
    return built
