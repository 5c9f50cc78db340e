"""What the compiler makes of the recurrence's kernels: registers, spills, shared memory. No GPU is needed.

python -m tests.support.cuda.compile             every specialisation, for Ampere and Hopper
python -m tests.support.cuda.compile Lstm Tf32   those whose names have these words
"""

import io
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from seqsweep.seqmodels.backends.cuda.device import SOURCES, Device, Kernel
from seqsweep.seqmodels.backends.cuda.nvrtc import OPTIONS, architecture
from seqsweep.seqmodels.backends.cuda.shapes import (
    PADDED_HIDDEN,
    PRECISIONS,
    RecurrenceShape,
    backward_shape,
    forward_shape,
)
from seqsweep.seqmodels.cells import CELLS
from tests.support.cuda.emulator import Emulator
from tests.support.cuda.specialisations import recurrence_kernels

REGISTERS = 65536  # of a multiprocessor
MOST_SPILLED = {
    "Tf32": 48,
    "Float32": 160,
}  # bytes that a thread writes; strict products keep two words of an operand
GPUS = {"A100": Emulator(capability=(8, 0), shared_bytes=166912), "H100": Emulator()}
FEATURES = (3, 39, 100)  # projected in the recurrence in one step, in five; before it


@dataclass(frozen=True)
class Usage:
    """Of one kernel.

    Args:
        registers: of a thread.
        spilled: bytes that a thread writes to memory for want of registers.
        frame: bytes of a thread's memory, for those and for arrays whose index the compiler does not know.
    """

    registers: int
    spilled: int
    frame: int


def usage(kernels: Iterable[Kernel], capability: tuple[int, int]) -> dict[Kernel, Usage]:
    """As the product compiles them."""
    from cuda.core import Program, ProgramOptions

    kernels = list(dict.fromkeys(kernels))
    includes = "".join(f'#include "{file}"\n' for file in dict.fromkeys(kernel.file for kernel in kernels))
    options = ProgramOptions(
        name="kernel.cu",
        arch=architecture(capability),
        include_path=str(SOURCES),
        ptxas_options=["-v"],
        **OPTIONS,
    )
    log = io.StringIO()
    code = Program(includes, "c++", options).compile(
        "cubin", name_expressions=tuple(kernel.name for kernel in kernels), logs=log
    )
    found = {
        symbol: Usage(int(registers), int(spilled), int(frame))
        for symbol, frame, spilled, registers in re.findall(
            r"entry function '(\w+)'.*?(\d+) bytes stack frame, (\d+) bytes spill stores.*?Used (\d+) registers",
            log.getvalue(),
            re.DOTALL,
        )
    }
    symbols = {kernel: code.symbol_mapping[kernel.name] for kernel in kernels}
    return {kernel: found[s.decode() if isinstance(s, bytes) else s] for kernel, s in symbols.items()}


def shapes(device: Device, precision: str, cell: str, hidden: int) -> Iterator[RecurrenceShape]:
    """The launches of the recurrence, forward and backward."""
    for features in FEATURES:
        yield forward_shape(device, cell, features, hidden, precision)
    yield backward_shape(device, cell, hidden, precision)


def broken_bounds(device: Device, shape: RecurrenceShape, used: Usage) -> list[str]:
    """What a launch may not do, and does."""
    most_spilled = next(most for precision, most in MOST_SPILLED.items() if precision in shape.kernel.name)
    granted = -(-used.registers // 8) * 8 * -(-shape.threads // 128) * 128  # to 8 of a thread, to 4 warps
    rules = {
        f"{used.registers} registers x {shape.threads} threads": granted <= REGISTERS,
        f"{used.spilled} bytes spilled": used.spilled <= most_spilled,
        f"{used.frame} bytes of a thread in memory": used.frame <= used.spilled + 8,
        f"{shape.shared_bytes} bytes of shared memory": shape.shared_bytes <= device.shared_bytes,
    }
    return [rule for rule, kept in rules.items() if not kept]


def main(words: list[str]) -> int:
    faults = 0
    for name, device in GPUS.items():
        for cell in CELLS:
            for precision in PRECISIONS:
                kernels = [
                    kernel
                    for kernel in recurrence_kernels(device, precision, [cell])
                    if all(re.search(rf"\b{word}\b", kernel.name) for word in words)
                ]
                found = usage(kernels, device.capability) if kernels else {}
                launches: dict[Kernel, list[RecurrenceShape]] = {}
                for hidden in PADDED_HIDDEN:
                    for shape in shapes(device, precision, cell, hidden):
                        launches.setdefault(shape.kernel, []).append(shape)
                for kernel, used in found.items():
                    shared = [shape.shared_bytes for shape in launches.get(kernel, [])]
                    broken = [
                        rule
                        for shape in launches.get(kernel, [])
                        for rule in broken_bounds(device, shape, used)
                    ]
                    faults += len(broken)
                    print(
                        f"{name}  {used.registers:3} registers  {used.spilled:4} B spilled  "
                        f"{'-'.join(map(str, sorted({min(shared), max(shared)}))) if shared else '':>13} B shared  {kernel.name}"
                        + "".join(f"  !! {rule}" for rule in dict.fromkeys(broken)),
                        flush=True,
                    )
    print(f"{faults} bounds broken")
    return min(faults, 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
