"""The compiled library, as ctypes sees it, and where it lies; asking needs no torch. Calls release the GIL."""

from __future__ import annotations

import ctypes
from ctypes import POINTER, c_float, c_int32, c_int64, c_void_p
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path

from seqsweep import seqmodels
from seqsweep.seqmodels.updates import COEFFICIENTS

INSTRUCTION_SETS = ("generic", "x86-64-v3", "x86-64-v4")


class Recurrence(ctypes.Structure):
    """Mirrors `struct Recurrence` of kernels/api.h, which says what each field means."""

    _fields_ = [
        *(
            (name, c_int32)
            for name in (
                "cell",
                "instruction_set",
                "reverse",
                "training",
                "threads",
                "add_token_grad",
                "final_only",
            )
        ),
        *((name, c_int64) for name in ("bptt", "hidden", "features", "lanes", "rows")),
        *((name, c_void_p) for name in ("lane", "start", "length", "tokens")),
        *((name, c_void_p) for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")),
        *((f"{name}_stride", c_int64) for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")),
        ("output_stride", c_int64),
        *((name, c_void_p) for name in ("output", "saved", "scratch", "output_grad", "token_grad")),
        *((f"{name}_grad", c_void_p) for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")),
    ]


class Step(ctypes.Structure):
    """Mirrors `struct Step` of kernels/api.h."""

    _fields_ = [
        *((name, c_int32) for name in ("cell", "instruction_set", "threads", "directions", "readout")),
        ("smoothing", c_float),
        *(
            (name, c_int64)
            for name in ("layers", "bptt", "hidden", "features", "classes", "rows", "head_hidden")
        ),
        *((name, c_void_p) for name in ("start", "length", "label", "tokens")),
        ("masks", POINTER(c_void_p)),
        *((name, c_void_p) for name in ("offsets", "params", "grads", "workspace")),
        ("loss", c_float),
        ("padding", c_int32),
        ("correct", c_int64),
        ("class_weights", c_void_p),
    ]


class Update(ctypes.Structure):
    """Mirrors `struct Update` of kernels/api.h."""

    _fields_ = [
        *((name, c_int32) for name in ("instruction_set", "optimizer", "nesterov")),
        ("max_norm", c_float),
        ("count", c_int64),
        *((name, c_void_p) for name in ("params", "grads", "first", "second")),
        ("coefficients", c_float * COEFFICIENTS),
        ("padding", c_int32),
    ]


def find_kernels() -> Path | None:
    """Find the shared library; None where it was not built."""
    folders = [str(Path(folder, "backends", "cpu")) for folder in seqmodels.__path__]
    spec = PathFinder.find_spec("_kernels", folders)
    return Path(spec.origin) if spec and spec.origin else None


@cache
def library() -> ctypes.CDLL:
    """Load the library, once.

    Raises:
        ValueError: the package was installed without it.
    """
    path = find_kernels()
    if path is None:
        raise ValueError(
            "`backend` is 'cpu', but its kernels were not built: install again where a C++17 compiler is found"
        )
    kernels = ctypes.CDLL(str(path))
    kernels.best_instruction_set.restype = c_int32
    kernels.recurrence_workspace.argtypes = [POINTER(Recurrence), POINTER(c_int64), POINTER(c_int64)]
    for function in (kernels.recurrence_forward, kernels.recurrence_backward):
        function.argtypes = [POINTER(Recurrence)]
    for function in (kernels.step_workspace, kernels.step_gradients):
        function.argtypes = [POINTER(Step)]
    kernels.step_workspace.restype = c_int64
    kernels.update_lane.argtypes = [POINTER(Update)]
    kernels.evaluate.argtypes = [c_int32, c_int32, c_int64, c_void_p, c_void_p]
    kernels.spend_fma.argtypes = [c_int32, c_int64]
    kernels.spend_fma.restype = c_int64
    for function in (
        kernels.recurrence_workspace,
        kernels.recurrence_forward,
        kernels.recurrence_backward,
        kernels.step_gradients,
        kernels.update_lane,
        kernels.evaluate,
    ):
        function.restype = None
    return kernels


def available() -> bool:
    """Say whether the library was built."""
    return find_kernels() is not None


def instruction_sets() -> tuple[str, ...]:
    """List those that this machine runs, the widest last."""
    return INSTRUCTION_SETS[: library().best_instruction_set() + 1]
