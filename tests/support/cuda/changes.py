"""Kernels that a test changes, in one of many ways at a time: all of them are compiled once.

In a changed source, `emulator::changed(number)` is true in tests that switch the number on by `setenv(*only(number))`.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from seqsweep.seqmodels.backends.cuda.device import SOURCES


def only(number: int) -> tuple[str, str]:
    """Give the environment variable that emulator.h looks at, and its value."""
    return "EMULATOR_CHANGE", str(number)


def changeable(folder: Path, changes: Mapping[str, Callable[[str], str]]) -> Path:
    """Write the kernels' sources into `folder`, those files that `changes` names as it makes them of what they are."""
    assert changes.keys() <= {header.name for header in SOURCES.glob("*.cuh")}
    for header in SOURCES.glob("*.cuh"):
        text = header.read_text()
        changed = changes.get(header.name, str)(text)
        assert (changed != text) == (header.name in changes)
        (folder / header.name).write_text(changed)
    return folder
