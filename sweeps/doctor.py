"""What `seqsweep doctor` looks at: whether a sweep can run here, how fast, and what mends what is amiss.

Made to run where the installation is damaged: packages are imported one by one, and only when their turn comes.
"""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module, metadata
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cluster.local import usable_cpus
from cluster.memory import usable_memory
from results.errors import StoreError

if TYPE_CHECKING:
    from packaging.requirements import Requirement

Status = Literal["ok", "warning", "failed"]
SEVERITY: tuple[Status, ...] = ("ok", "warning", "failed")
MAIN_PACKAGES = ("torch", "ray", "numpy", "pyarrow")
"""Those with compiled parts that sweeps stand on: they are imported too, and each has a line of its own."""
GIB = 1 << 30
FREE_DISK = GIB
FREE_MEMORY, FREE_MEMORY_PER_CORE = GIB, GIB // 2
"""The driver with Ray, and a worker that has imported torch."""
NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")
TORCH_BUILDS = "https://pytorch.org/get-started/locally"
ANOTHER_STORE = "give another folder with --store or SEQSWEEP_STORE"
REINSTALL = "run `pip install -v .` again in seqsweep's folder"


@dataclass(frozen=True)
class Check:
    """One thing looked at: what was found and, unless it is well, what to do about it."""

    name: str
    status: Status
    finding: str
    remedy: str | None = None


@dataclass(frozen=True)
class Diagnosis:
    """All checks, in the order in which they are best mended."""

    checks: tuple[Check, ...]

    @property
    def status(self) -> Status:
        """That of the worst check."""
        return max((check.status for check in self.checks), key=SEVERITY.index)


def examine(store: str) -> Diagnosis:
    """Look at this machine and at `store` (a path or URI). Takes seconds: it imports torch, but starts no Ray."""
    return Diagnosis(
        (
            Check("python", "ok", f"{platform.python_version()}, {sys.executable}"),
            *_packages(),
            _backend(),
            _gpus(),
            _cores(),
            _memory(),
            _store(store),
        )
    )


def _packages() -> Iterator[Check]:
    """seqsweep and what its metadata says that it requires."""
    try:
        yield Check("seqsweep", "ok", metadata.version("seqsweep"))
    except metadata.PackageNotFoundError:
        yield Check("seqsweep", "failed", "run from its source, not installed", REINSTALL)
        return
    from packaging.requirements import Requirement

    required = [Requirement(text) for text in metadata.requires("seqsweep") or ()]
    checks = {
        each.name: _package(each)
        for each in sorted(required, key=lambda each: each.name.lower())
        if each.marker is None or each.marker.evaluate({"extra": ""})
    }
    for name in MAIN_PACKAGES:
        yield checks.pop(name)
    yield from (check for check in checks.values() if check.status != "ok")
    well = [f"{check.name} {check.finding}" for check in checks.values() if check.status == "ok"]
    yield Check("others", "ok", ", ".join(well))


def _package(required: Requirement) -> Check:
    name = required.name
    wanted = shlex.quote(str(required))
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Check(name, "failed", "not installed", f"pip install {wanted}")
    if not required.specifier.contains(version, prereleases=True):
        return Check(name, "failed", f"{version}, but must be {required.specifier}", f"pip install {wanted}")
    if name in MAIN_PACKAGES:
        try:
            import_module(name)
        except Exception as error:  # a damaged package may raise anything
            finding = f"{version}, but it cannot be imported: {_reason(error)}"
            return Check(name, "failed", finding, f"pip install --force-reinstall {wanted}")
    return Check(name, "ok", version)


def _backend() -> Check:
    """What `backend = "auto"` comes to for trials on the cores."""
    try:
        from seqmodels.backends import CpuBackend, create_backend
    except Exception as error:
        return Check("backend", "failed", f"none works: {_reason(error)}", "mend the packages first")
    try:
        backend = create_backend("auto")
    except (OSError, AttributeError) as error:  # ctypes: it cannot be loaded, or is of an older version
        finding = f"the kernels of the cpu backend cannot be used: {_reason(error)}"
        return Check("backend", "failed", finding, REINSTALL)
    if isinstance(backend, CpuBackend):
        built = f"its kernels are built, and {backend.instruction_set} is the widest build that runs here"
        return Check("backend", "ok", f"`auto` is cpu: {built}")
    remedy = (
        "install a C++17 compiler (`apt install g++`; macOS: `xcode-select --install`), then " + REINSTALL
    )
    return Check("backend", "warning", "`auto` is torch: the cpu backend's kernels were not built", remedy)


def _gpus() -> Check:
    """Those that torch sees."""
    try:
        import torch

        from seqmodels.backends import create_backend
    except Exception as error:
        return Check("gpus", "failed", f"cannot be seen: {_reason(error)}", "mend the packages first")
    with warnings.catch_warnings(record=True) as said:  # of drivers and GPUs that are too old for this torch
        warnings.simplefilter("always")
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        found = [torch.cuda.get_device_properties(index) for index in range(count)]
    finding = ", ".join(f"{gpu.name} ({gpu.total_memory / GIB:.0f} GiB)" for gpu in found) or "none"
    backend = create_backend("auto", "cuda").name
    finding += (
        f"; `auto` is {backend} for a trial with `gpus_per_trial`" if found else ": trials use the cores"
    )
    complaints = [str(each.message) for each in said if issubclass(each.category, UserWarning)]
    complaint = complaints[0].strip().splitlines()[0] if complaints else ""
    if not complaint and (found or not NVIDIA_DRIVER.exists()):
        return Check("gpus", "ok", finding)
    if torch.version.cuda is None:
        complaint = "an NVIDIA driver is there, but this torch is built without CUDA"
        return Check("gpus", "warning", f"{finding}; {complaint}", f"install torch with CUDA: {TORCH_BUILDS}")
    finding += f"; {complaint or 'an NVIDIA driver is there, but torch sees no GPU'}"
    remedy = f"see what `nvidia-smi` and CUDA_VISIBLE_DEVICES say; match driver and torch: {TORCH_BUILDS}"
    return Check("gpus", "warning", finding, remedy)


def _cores() -> Check:
    usable, present = usable_cpus(), os.cpu_count() or 1
    why = "" if usable >= present else "; this process's affinity or its container allows no more"
    return Check("cores", "ok", f"{usable} of {present}{why}")


def _memory() -> Check:
    memory = usable_memory()
    if memory.free is None:
        return Check("memory", "ok", f"{memory.total / GIB:.1f} GiB")
    finding = f"{memory.free / GIB:.1f} of {memory.total / GIB:.1f} GiB free"
    wanted = FREE_MEMORY + usable_cpus() * FREE_MEMORY_PER_CORE
    if memory.free >= wanted:
        return Check("memory", "ok", finding)
    remedy = "end other programs, or run fewer trials at once (`seqsweep run --cpus N`)"
    finding += f"; a trial on every core may need {wanted / GIB:.1f}"
    return Check("memory", "warning", finding, remedy)


def _store(store: str) -> Check:
    if "://" not in store:
        return _store_on_disk(Path(store).expanduser().absolute())
    try:
        from results.files import Folder

        folder = Folder.at(store)
        if folder.system.type_name == "local":
            return _store_on_disk(Path(folder.path))
        folder.discard(folder.stage("doctor", b"?"))
    except StoreError as error:
        return Check("store", "failed", str(error), ANOTHER_STORE)
    except ImportError as error:
        return Check("store", "failed", f"{store}: {_reason(error)}", "mend the packages first")
    return Check("store", "ok", f"{store} can be written")


def _store_on_disk(folder: Path) -> Check:
    """Writes into the folder or, before a first sweep has made it, into the one that it will be made in."""
    place = folder
    while not os.path.lexists(place):
        place = place.parent
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(b"?")
            file.flush()
        free = shutil.disk_usage(place).free
    except OSError as error:
        finding = f"{folder} cannot be written: {place}: {error.strerror or error}"
        return Check("store", "failed", finding, ANOTHER_STORE)
    finding = f"{folder} {'can be written' if place == folder else 'can be made'}, {free / GIB:.1f} GiB free"
    if free < FREE_DISK:
        return Check("store", "warning", finding, f"free some of that disk, or {ANOTHER_STORE}")
    return Check("store", "ok", finding)


def _reason(error: Exception) -> str:
    text = str(error).strip()
    return f"{type(error).__name__}: {text.splitlines()[0]}" if text else type(error).__name__
