"""What there is on a machine, without judging it: looked at here, and by a job on every node of a cluster.

Made to run where the installation is damaged: packages are imported one by one, and only when their turn comes.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module, metadata
from pathlib import Path

from seqsweep.cluster import shipped
from seqsweep.cluster.limits import usable_cpus
from seqsweep.cluster.memory import Memory, usable_memory
from seqsweep.results.errors import StoreError

MAIN_PACKAGES = ("torch", "ray", "numpy", "pyarrow")
"""Those with compiled parts that sweeps stand on: they are imported too, and each has a line of its own."""
NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")


@dataclass(frozen=True)
class Package:
    """One that is required. `wanted`: as pip takes it; `version` None: not installed; `fault`: why it cannot be imported."""

    name: str
    wanted: str
    specifier: str
    version: str | None
    fits: bool
    fault: str | None = None


@dataclass(frozen=True)
class BackendFound:
    """What `backend = "auto"` comes to for trials on the cores.

    `fault`: with the name `cpu`, why its kernels cannot be used; without a name, why no backend works.
    """

    name: str | None
    instruction_set: str | None = None
    fault: str | None = None


@dataclass(frozen=True)
class Gpu:
    """One that torch sees; `memory` in bytes, `capability` such as `9.0`."""

    name: str
    memory: int
    capability: str


@dataclass(frozen=True)
class Gpus:
    """GPUs that torch sees.

    Args:
        found: all of them.
        backend: what `auto` comes to for a trial on a GPU.
        slower: why that is not `cuda`.
        driver: NVIDIA's version, None where there is no driver.
        built_for: the CUDA version of this torch, None where it is built without.
        complaint: torch's, of drivers and GPUs that are too old for it.
        fault: why torch could not be asked.
    """

    found: tuple[Gpu, ...] = ()
    backend: str | None = None
    driver: str | None = None
    built_for: str | None = None
    complaint: str | None = None
    fault: str | None = None
    slower: str | None = None


@dataclass(frozen=True)
class StoreFound:
    """A store as this machine sees it.

    Args:
        shown: its path or URI.
        writable: whether a file could be written.
        exists: whether it is there, or is yet to be made.
        free: bytes left on its disk; None behind a URI.
        fault: why it cannot be written.
        damaged: that this is for want of a package.
        shared: False where it is another machine's folder.
    """

    shown: str
    writable: bool
    exists: bool = True
    free: int | None = None
    fault: str | None = None
    damaged: bool = False
    shared: bool = True


@dataclass(frozen=True)
class Probe:
    """A machine. `installed`: the version of seqsweep there; `shipped`: whether a job's own copy is used instead."""

    python: str
    executable: str
    installed: str | None
    shipped: bool
    packages: tuple[Package, ...]
    backend: BackendFound
    gpus: Gpus
    usable_cpus: int
    present_cpus: int
    memory: Memory
    store: StoreFound


def probe(store: str, requirements: Sequence[str] | None = None, token: str | None = None) -> Probe:
    """Look at this machine. Takes seconds, as it imports torch; changes nothing.

    Args:
        store: path or URI.
        requirements: what seqsweep requires, as its metadata says it; None: ask those of the one installed here.
        token: a file beside or in a store on a disk, by which machines that share it know it.
    """
    try:
        installed = metadata.version("seqsweep")
    except metadata.PackageNotFoundError:
        installed = None
    if requirements is None:
        requirements = metadata.requires("seqsweep") or () if installed else ()
    return Probe(
        python=platform.python_version(),
        executable=sys.executable,
        installed=installed,
        shipped=_is_shipped(Path(__file__).resolve().parents[3]),
        packages=tuple(_packages(requirements)),
        backend=_backend(),
        gpus=_gpus(),
        usable_cpus=usable_cpus(),
        present_cpus=os.cpu_count() or 1,
        memory=usable_memory(),
        store=look_at_store(store, token),
    )


def _is_shipped(folder: Path) -> bool:
    """Say whether the packages in `folder`, which this program runs from, are those that came with a job."""
    return folder.name == shipped.FOLDER and (folder.parent / shipped.DIGEST).is_file()


def look_at_store(store: str, token: str | None = None) -> StoreFound:
    """Find whether this machine can write into `store`; arguments as `probe`."""
    if "://" not in store:
        try:
            path = Path(store).expanduser().absolute()
        except (
            OSError,
            RuntimeError,
        ) as error:  # the current folder is gone; whose home is meant is not known
            return StoreFound(store, writable=False, fault=f"{store} cannot be found: {reason(error)}")
        return _on_disk(path, token)
    name = f".doctor-{os.urandom(4).hex()}"  # many nodes write at the same time
    try:
        from seqsweep.results.files import Folder
        from seqsweep.results.retry import LOOKING

        folder = Folder.at(store, LOOKING)
        if folder.local:
            return _on_disk(folder.local, token)
        folder.write(name, b"?")
        folder.discard(name)
    except StoreError as error:
        return StoreFound(store, writable=False, fault=str(error).replace(f"/{name}", ""))
    except ImportError as error:
        return StoreFound(store, writable=False, fault=f"{store}: {reason(error)}", damaged=True)
    return StoreFound(store, writable=True)


def nearest(folder: Path) -> Path:
    """The folder or, before a first sweep has made it, the one that it will be made in."""
    while not os.path.lexists(folder):
        folder = folder.parent
    return folder


def reason(error: BaseException) -> str:
    """One line that says what went wrong."""
    text = str(error).strip()
    return f"{type(error).__name__}: {text.splitlines()[0]}" if text else type(error).__name__


def _on_disk(folder: Path, token: str | None) -> StoreFound:
    if token is not None and not os.path.lexists(token):
        return StoreFound(str(folder), writable=False, shared=False)
    place = nearest(folder)
    try:
        with tempfile.TemporaryFile(dir=place) as file:
            file.write(b"?")
            file.flush()
        free = shutil.disk_usage(place).free
    except OSError as error:
        fault = f"{folder} cannot be written: {place}: {error.strerror or error}"
        return StoreFound(str(folder), writable=False, fault=fault)
    return StoreFound(str(folder), writable=True, exists=place == folder, free=free)


def _packages(requirements: Sequence[str]) -> Iterator[Package]:
    from packaging.requirements import Requirement

    required = [Requirement(text) for text in requirements]
    for each in sorted(required, key=lambda each: each.name.lower()):
        if each.marker is not None and not each.marker.evaluate({"extra": ""}):
            continue
        name, wanted, specifier = each.name, str(each), str(each.specifier)
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            yield Package(name, wanted, specifier, None, fits=False)
            continue
        fits, fault = each.specifier.contains(version, prereleases=True), None
        if fits and name in MAIN_PACKAGES:
            try:
                import_module(name)
            except Exception as error:  # a damaged package may raise anything
                fault = reason(error)
        yield Package(name, wanted, specifier, version, fits, fault)


def _backend() -> BackendFound:
    try:
        from seqsweep.seqmodels.backends.choosing import create_backend
        from seqsweep.seqmodels.backends.cpu.backend import CpuBackend
    except Exception as error:
        return BackendFound(None, fault=reason(error))
    try:
        backend = create_backend("auto")
    except (OSError, AttributeError) as error:  # ctypes: it cannot be loaded, or is of an older version
        return BackendFound("cpu", fault=reason(error))
    return BackendFound(backend.name, backend.instruction_set if isinstance(backend, CpuBackend) else None)


def _gpus() -> Gpus:
    try:
        import torch

        from seqsweep.seqmodels.backends.choosing import cuda_fault
    except Exception as error:
        return Gpus(fault=reason(error))
    with warnings.catch_warnings(record=True) as said:  # of drivers and GPUs that are too old for this torch
        warnings.simplefilter("always")
        count = torch.cuda.device_count() if torch.cuda.is_available() else 0
        found = [torch.cuda.get_device_properties(index) for index in range(count)]
    try:
        slower = cuda_fault() if found else None
    except torch.OutOfMemoryError as error:
        slower = reason(error)
    complaints = [str(each.message) for each in said if issubclass(each.category, UserWarning)]
    return Gpus(
        found=tuple(Gpu(each.name, each.total_memory, f"{each.major}.{each.minor}") for each in found),
        backend="torch" if slower or not found else "cuda",
        driver=_driver(),
        built_for=torch.version.cuda,
        complaint=complaints[0].strip().splitlines()[0] if complaints else None,
        slower=slower,
    )


def _driver() -> str | None:
    """`NVRM version: NVIDIA UNIX x86_64 Kernel Module  570.86.15  ...`: the first word that begins like a number."""
    if not NVIDIA_DRIVER.exists():
        return None
    try:
        words = NVIDIA_DRIVER.read_text().split()
    except OSError:
        words = []
    return next((word for word in words if word[:1].isdigit() and "." in word), "of an unknown version")
