"""Kernels compiled by NVRTC, each once for an architecture: what was compiled is kept on disk."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass
from pathlib import Path

from seqsweep.cache import cache_folder, write_whole
from seqsweep.extras import install
from seqsweep.seqmodels.backends.cuda.device import SOURCES, Kernel

OPTIONS = {"std": "c++17", "ftz": True}
"""Of every compilation, besides architecture and folder of headers; a change changes bits, so they are part of the key."""


class CompilationError(ValueError):
    """NVRTC is not there, or does not compile a kernel."""


@dataclass(frozen=True)
class Compiled:
    """Holds a kernel as a cubin.

    Args:
        symbol: the kernel's mangled name in it.
        cubin: an ELF file for one architecture.
    """

    symbol: str
    cubin: bytes

    def to_bytes(self) -> bytes:
        """Write it as a file: a digest of what follows, the symbol in a line, the cubin."""
        content = self.symbol.encode() + b"\n" + self.cubin
        return hashlib.sha256(content).digest() + content

    @classmethod
    def from_bytes(cls, file: bytes) -> Compiled | None:
        """Read `to_bytes`; None where the file is not whole."""
        digest, content = file[:32], file[32:]
        symbol, line_end, cubin = content.partition(b"\n")
        if hashlib.sha256(content).digest() != digest or not line_end:
            return None
        return cls(symbol.decode(), cubin)


def architecture(capability: tuple[int, int]) -> str:
    """Name what kernels are compiled for: `sm_80`; on Hopper with the instructions that it alone has, `sm_90a`."""
    return f"sm_{capability[0]}{capability[1]}" + ("a" if capability == (9, 0) else "")


def compiler_version() -> str:
    """Ask for NVRTC's version, such as `13.0`.

    Raises:
        CompilationError: the extra `cuda` is not installed, or its NVRTC is not found.
    """
    try:
        from cuda.bindings import nvrtc
    except ImportError as error:
        raise CompilationError(f"the extra `cuda` is not installed ({install('cuda')}): {error}") from None
    try:
        _, major, minor = nvrtc.nvrtcVersion()
    except Exception as error:  # cuda-pathfinder's errors have no common type
        raise CompilationError(f"NVRTC is not found: {str(error).splitlines()[0]}") from None
    return f"{major}.{minor}"


def compiled(kernel: Kernel, capability: tuple[int, int], folder: Path | None = None) -> Compiled:
    """Give the kernel for an architecture, from `folder` (default: the user's cache folder) or compiled now and put there.

    Several processes may do so at once. A folder that cannot be found or written, or a damaged file in it, only costs time.

    Raises:
        CompilationError: NVRTC is not there, or does not compile it.
    """
    target = architecture(capability)
    parts = [compiler_version(), target, repr(OPTIONS), kernel.file, kernel.name]
    parts += [f"{header.name}\n{header.read_text()}" for header in sorted(SOURCES.glob("*.cuh"))]
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    try:
        file = (folder or cache_folder("kernels")) / f"{key}.cubin"
    except RuntimeError:  # pathlib's: the user has no home
        return _compile(kernel, target)
    with contextlib.suppress(OSError):
        if found := Compiled.from_bytes(file.read_bytes()):
            return found
    fresh = _compile(kernel, target)
    with contextlib.suppress(OSError):
        write_whole(file, fresh.to_bytes())
    return fresh


def _compile(kernel: Kernel, target: str) -> Compiled:
    from cuda.core import Program, ProgramOptions

    options = ProgramOptions(name="kernel.cu", arch=target, include_path=str(SOURCES), **OPTIONS)
    try:
        program = Program(f'#include "{kernel.file}"\n', "c++", options)
        code = program.compile("cubin", name_expressions=(kernel.name,))
    except Exception as error:  # of cuda.core; with the compiler's log
        log = str(error).rstrip("\0 \n")
        raise CompilationError(f"{kernel.name} does not compile for {target}: {log}") from None
    symbol = code.symbol_mapping[kernel.name]
    return Compiled(symbol.decode() if isinstance(symbol, bytes) else symbol, bytes(code.code))
