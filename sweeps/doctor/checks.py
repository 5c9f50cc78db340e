"""Judges what was found on a machine: what is well, and what mends what is amiss. Pure functions of a `Probe`."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from seqsweep.cluster.memory import Memory
from seqsweep.extras import install
from seqsweep.sweeps.doctor.probe import MAIN_PACKAGES, BackendFound, Gpus, Package, Probe, StoreFound

Status = Literal["ok", "warning", "failed"]
SEVERITY: tuple[Status, ...] = ("ok", "warning", "failed")
GIB = 1 << 30
FREE_DISK = GIB
FREE_MEMORY, FREE_MEMORY_PER_CORE = GIB, GIB // 2
"""The driver with Ray, and a worker that has imported torch."""
TORCH_BUILDS = "https://pytorch.org/get-started/locally"
MEND_PACKAGES = "mend the packages first"
LEAST_CAPABILITY = 8.0
"""Of a GPU that the kernels of cuda are made for."""
CUDA_NEEDS = f"{install('cuda')}; docs/cuda-backend.md says what else it needs"


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
        """The worst check's."""
        return worst(self.checks)


@dataclass(frozen=True)
class Advice:
    """What mends a machine, where that depends on whether somebody sits at it."""

    reinstall: str
    fewer_trials: str
    another_store: str


HERE = Advice(
    reinstall="run `pip install -v .` again in seqsweep's folder",
    fewer_trials="end other programs, or run fewer trials at once (`seqsweep run --cpus N`)",
    another_store="give another folder with --store or SEQSWEEP_STORE",
)


def worst(checks: Sequence[Check]) -> Status:
    """The worst status among them."""
    return max((check.status for check in checks), key=SEVERITY.index, default="ok")


def judge(found: Probe) -> Iterator[Check]:
    """Every check of this machine."""
    yield Check("python", "ok", f"{found.python}, {found.executable}")
    if found.installed is None:
        yield Check("seqsweep", "failed", "run from its source, not installed", HERE.reinstall)
    else:
        yield Check("seqsweep", "ok", found.installed)
        yield from packages(found.packages)
    yield backend(found.backend, HERE)
    yield gpus(found.gpus)
    yield cores(found)
    yield memory(found.memory, found.usable_cpus, HERE)
    yield store(found.store, HERE)


def packages(found: Sequence[Package]) -> Iterator[Check]:
    """A check of each main package and of each other one that is amiss, and one of all others."""
    checks = {each.name: _package(each) for each in found}
    for name in MAIN_PACKAGES:
        if name in checks:
            yield checks.pop(name)
    yield from (check for check in checks.values() if check.status != "ok")
    well = [f"{check.name} {check.finding}" for check in checks.values() if check.status == "ok"]
    yield Check("others", "ok", ", ".join(well))


def _package(found: Package) -> Check:
    name, wanted = found.name, shlex.quote(found.wanted)
    if found.version is None:
        return Check(name, "failed", "not installed", f"pip install {wanted}")
    if not found.fits:
        finding = f"{found.version}, but must be {found.specifier}"
        return Check(name, "failed", finding, f"pip install {wanted}")
    if found.fault:
        finding = f"{found.version}, but it cannot be imported: {found.fault}"
        return Check(name, "failed", finding, f"pip install --force-reinstall {wanted}")
    return Check(name, "ok", found.version)


def backend(found: BackendFound, advice: Advice) -> Check:
    """Check what `backend = "auto"` comes to for trials on the cores."""
    if found.name is None:
        return Check("backend", "failed", f"none works: {found.fault}", MEND_PACKAGES)
    if found.fault:
        finding = f"the kernels of the cpu backend cannot be used: {found.fault}"
        return Check("backend", "failed", finding, advice.reinstall)
    if found.instruction_set:
        built = f"its kernels are built, and {found.instruction_set} is the widest build that runs here"
        return Check("backend", "ok", f"`auto` is cpu: {built}")
    remedy = (
        "install a C++17 compiler (`apt install g++`; macOS: `xcode-select --install`), then "
        + advice.reinstall
    )
    return Check("backend", "warning", "`auto` is torch: the cpu backend's kernels were not built", remedy)


def gpus(found: Gpus) -> Check:
    """Check the GPUs that torch sees."""
    if found.fault:
        return Check("gpus", "failed", f"cannot be seen: {found.fault}", MEND_PACKAGES)
    counts = Counter(f"{gpu.name} ({gpu.memory / GIB:.0f} GiB)" for gpu in found.found)
    finding = ", ".join(f"{count} x {gpu}" if count > 1 else gpu for gpu, count in counts.items()) or "none"
    if found.found:
        finding += f"; `auto` is {found.backend} for a trial with `gpus_per_trial`"
        finding += f", as the kernels of cuda cannot be used: {found.slower}" if found.slower else ""
    else:
        finding += ": trials use the cores"
    if not found.complaint and (found.found or found.driver is None):
        if found.slower and any(float(gpu.capability) >= LEAST_CAPABILITY for gpu in found.found):
            return Check("gpus", "warning", finding, CUDA_NEEDS)
        return Check("gpus", "ok", finding)
    if found.built_for is None:
        complaint = "an NVIDIA driver is there, but this torch is built without CUDA"
        return Check("gpus", "warning", f"{finding}; {complaint}", f"install torch with CUDA: {TORCH_BUILDS}")
    finding += f"; {found.complaint or 'an NVIDIA driver is there, but torch sees no GPU'}"
    remedy = f"see what `nvidia-smi` and CUDA_VISIBLE_DEVICES say; match driver and torch: {TORCH_BUILDS}"
    return Check("gpus", "warning", finding, remedy)


def cores(found: Probe) -> Check:
    """Check the cores that may be used."""
    limited = found.usable_cpus < found.present_cpus
    why = "; this process's affinity or its container allows no more" if limited else ""
    return Check("cores", "ok", f"{found.usable_cpus} of {found.present_cpus}{why}")


def memory(found: Memory, trials: int, advice: Advice) -> Check:
    """Check whether memory is enough for so many trials at once."""
    if found.free is None:
        return Check("memory", "ok", f"{found.total / GIB:.1f} GiB")
    finding = f"{found.free / GIB:.1f} of {found.total / GIB:.1f} GiB free"
    wanted = FREE_MEMORY + trials * FREE_MEMORY_PER_CORE
    if found.free >= wanted:
        return Check("memory", "ok", finding)
    finding += f"; a trial on every core may need {wanted / GIB:.1f}"
    return Check("memory", "warning", finding, advice.fewer_trials)


def store(found: StoreFound, advice: Advice) -> Check:
    """Check whether the store can be written, and has room."""
    if found.fault:
        remedy = MEND_PACKAGES if found.damaged else advice.another_store
        return Check("store", "failed", found.fault, remedy)
    if found.free is None:
        return Check("store", "ok", f"{found.shown} can be written")
    finding = f"{found.shown} {'can be written' if found.exists else 'can be made'}, {found.free / GIB:.1f} GiB free"
    if found.free < FREE_DISK:
        return Check("store", "warning", finding, f"free some of that disk, or {advice.another_store}")
    return Check("store", "ok", finding)
