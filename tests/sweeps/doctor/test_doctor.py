"""The doctor: what is well here, what it says of things that are not, and how that is printed."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from importlib import metadata
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from rich.console import Console

from seqsweep.cluster.memory import Memory
from seqsweep.seqmodels.backends import choosing
from seqsweep.sweeps.cli.app import main
from seqsweep.sweeps.doctor import here as doctor
from seqsweep.sweeps.doctor import probe as doctor_probe
from seqsweep.sweeps.doctor import start
from seqsweep.sweeps.doctor.checks import GIB, Check, Diagnosis
from seqsweep.sweeps.doctor.here import examine
from seqsweep.sweeps.doctor.view import render

Patch = pytest.MonkeyPatch


def checked(name: str, store: str | Path = ".") -> Check:
    (found,) = [check for check in examine(str(store)).checks if check.name == name]
    return found


def raising(error: Exception) -> Callable[..., Any]:
    def function(*_: object, **__: object) -> Any:
        raise error

    return function


@pytest.fixture
def one_gpu(monkeypatch: Patch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    properties = SimpleNamespace(name="NVIDIA H200", total_memory=139 * GIB, major=9, minor=0)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: properties)


@pytest.fixture
def no_gpu(monkeypatch: Patch, tmp_path: Path) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(doctor_probe, "NVIDIA_DRIVER", tmp_path / "none")


def test_this_installation_can_run_a_sweep(tmp_path: Path) -> None:
    diagnosis = examine(str(tmp_path))
    assert [check.name for check in diagnosis.checks] == [
        *("python", "seqsweep", "torch", "ray", "numpy", "pyarrow", "others"),
        *("backend", "gpus", "cores", "memory", "store"),
        *(check.name for check in start.checks()),
    ]
    assert diagnosis.status != "failed"
    assert all((check.remedy is None) == (check.status == "ok") for check in diagnosis.checks)
    assert checked("torch").finding == torch.__version__
    assert f"pandas {metadata.version('pandas')}" in checked("others").finding


def test_it_starts_no_ray() -> None:
    import ray

    before = ray.is_initialized()
    examine(".")
    assert ray.is_initialized() == before


# packages


@pytest.mark.parametrize("name", ["ray", "scipy"])
def test_a_missing_package(name: str, monkeypatch: Patch) -> None:
    version = metadata.version
    absent = raising(metadata.PackageNotFoundError(name))
    monkeypatch.setattr(metadata, "version", lambda each: (absent if each == name else version)(each))
    check = checked(name)
    assert (check.status, check.finding) == ("failed", "not installed")
    assert check.remedy is not None
    assert check.remedy.startswith("pip install ")
    assert name in check.remedy
    assert name not in checked("others").finding


@pytest.mark.parametrize(("version", "status"), [("2.9.3", "failed"), ("3.0.0", "failed"), ("2.60.1", "ok")])
def test_a_package_of_another_version(version: str, status: str, monkeypatch: Patch) -> None:
    real = metadata.version
    monkeypatch.setattr(metadata, "version", lambda each: version if each == "ray" else real(each))
    check = checked("ray")
    assert check.status == status
    assert check.finding.startswith(version)


def test_a_package_that_does_not_import(monkeypatch: Patch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    check = checked("pyarrow")
    assert check.status == "failed"
    assert check.finding.startswith(f"{metadata.version('pyarrow')}, but it cannot be imported: ")
    assert check.remedy is not None
    assert "--force-reinstall" in check.remedy


@pytest.mark.parametrize(
    ("package", "expected"),
    [("torch", ["torch", "backend", "gpus"]), ("numpy", None), ("pyarrow", ["pyarrow"])],
)
def test_without_a_package_the_other_checks_go_on(package: str, expected: list[str] | None) -> None:
    # in a process of its own: what was imported here once is not forgotten
    code = f"""
import sys
sys.modules[{package!r}] = None
from seqsweep.sweeps.cli.app import main
sys.exit(main(["doctor", "--json"]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    failed = [each["name"] for each in json.loads(done.stdout)["checks"] if each["status"] == "failed"]
    assert package in failed
    if expected is not None:  # how many others need numpy is not ours to say
        assert failed == expected


def test_a_source_tree_that_is_not_installed(monkeypatch: Patch) -> None:
    monkeypatch.setattr(metadata, "version", raising(metadata.PackageNotFoundError("seqsweep")))
    assert checked("seqsweep").status == "failed"


# backend


def test_the_active_build_is_the_widest() -> None:
    from seqsweep.seqmodels.backends.cpu import library

    if not library.available():
        pytest.skip("the kernels were not built")
    check = checked("backend")
    assert check.status == "ok"
    assert f"{library.instruction_sets()[-1]} is the widest" in check.finding


def test_without_kernels_torch_serves(monkeypatch: Patch) -> None:
    monkeypatch.setattr("seqsweep.seqmodels.backends.choosing.available", lambda: False)
    check = checked("backend")
    assert check.status == "warning"
    assert check.finding.startswith("`auto` is torch")
    assert check.remedy is not None
    assert "C++17 compiler" in check.remedy


@pytest.mark.parametrize("error", [OSError("GLIBC_9.9 not found"), AttributeError("undefined symbol: x")])
def test_kernels_that_cannot_be_used(error: Exception, monkeypatch: Patch) -> None:
    monkeypatch.setattr("seqsweep.seqmodels.backends.choosing.available", lambda: True)
    monkeypatch.setattr("seqsweep.seqmodels.backends.cpu.backend.instruction_sets", raising(error))
    check = checked("backend")
    assert check.status == "failed"
    assert str(error) in check.finding
    assert check.remedy is not None
    assert "pip install" in check.remedy


# GPUs


def test_no_gpu_is_well(no_gpu: None) -> None:
    assert checked("gpus") == Check("gpus", "ok", "none: trials use the cores")


NVIDIA = "NVIDIA H200 (139 GiB); `auto` is"


def test_a_gpu_and_its_backend(one_gpu: None, monkeypatch: Patch) -> None:
    monkeypatch.setattr(choosing, "cuda_fault", lambda: None)
    assert checked("gpus") == Check("gpus", "ok", f"{NVIDIA} cuda for a trial with `gpus_per_trial`")


def test_a_gpu_without_its_kernels(one_gpu: None, monkeypatch: Patch) -> None:
    monkeypatch.setattr(choosing, "cuda_fault", lambda: "the extra `cuda` is not installed")
    check = checked("gpus")
    assert check.status == "warning"
    assert check.finding == (
        f"{NVIDIA} torch for a trial with `gpus_per_trial`, as the kernels of cuda cannot be used: "
        "the extra `cuda` is not installed"
    )
    assert check.remedy is not None
    assert "pip install '.[cuda]'" in check.remedy


def test_a_gpu_that_is_full(one_gpu: None, monkeypatch: Patch) -> None:
    def full() -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 MiB.\nSee ...")

    monkeypatch.setattr(choosing, "cuda_fault", full)
    assert checked("gpus").finding.endswith(
        ": OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 MiB."
    )


def test_a_gpu_that_is_too_old_for_them_is_well(one_gpu: None, monkeypatch: Patch) -> None:
    properties = SimpleNamespace(name="Tesla T4", total_memory=15 * GIB, major=7, minor=5)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: properties)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _: (7, 5))
    check = checked("gpus")
    assert check.status == "ok"
    assert check.finding.endswith("the GPU has compute capability 7.5, but must have at least 8.0")


@pytest.mark.parametrize(("cuda", "said"), [(None, "built without CUDA"), ("12.8", "torch sees no GPU")])
def test_a_driver_without_a_gpu(
    cuda: str | None, said: str, no_gpu: None, monkeypatch: Patch, tmp_path: Path
) -> None:
    monkeypatch.setattr(doctor_probe, "NVIDIA_DRIVER", tmp_path)
    monkeypatch.setattr(torch.version, "cuda", cuda)
    check = checked("gpus")
    assert check.status == "warning"
    assert said in check.finding


def test_what_torch_complains_of_is_passed_on(no_gpu: None, monkeypatch: Patch) -> None:
    def complains() -> bool:
        warnings.warn("The NVIDIA driver on your system is too old\n(found 1)", UserWarning, stacklevel=2)
        return False

    monkeypatch.setattr(torch.cuda, "is_available", complains)
    monkeypatch.setattr(torch.version, "cuda", "12.8")
    check = checked("gpus")
    assert check.status == "warning"
    assert check.finding.endswith("; The NVIDIA driver on your system is too old")


# cores, memory


def test_cores(monkeypatch: Patch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(doctor_probe, "usable_cpus", lambda: 3)
    check = checked("cores")
    assert check.status == "ok"
    assert check.finding.startswith("3 of 64; ")


@pytest.mark.parametrize(
    ("free", "status", "finding"),
    [
        (3 * GIB, "ok", "3.0 of 8.0 GiB free"),
        (3 * GIB - 1, "warning", "3.0 of 8.0 GiB free; a trial on every core may need 3.0"),
        (None, "ok", "8.0 GiB"),
    ],
)
def test_memory_for_four_cores(free: int | None, status: str, finding: str, monkeypatch: Patch) -> None:
    monkeypatch.setattr(doctor_probe, "usable_cpus", lambda: 4)
    monkeypatch.setattr(doctor_probe, "usable_memory", lambda: Memory(8 * GIB, free))
    check = checked("memory")
    assert (check.status, check.finding) == (status, finding)


# store


@pytest.mark.parametrize("uri", [False, True])
def test_looking_at_a_store_leaves_nothing(uri: bool, tmp_path: Path) -> None:
    def name(path: Path) -> str:
        return path.as_uri() if uri else str(path)

    assert checked("store", name(tmp_path)).finding.startswith(f"{tmp_path} can be written, ")
    absent = tmp_path / "a" / "b"
    check = checked("store", name(absent))
    assert check.status == "ok"
    assert check.finding.startswith(f"{absent} can be made, ")
    assert list(tmp_path.iterdir()) == []


def test_a_store_elsewhere_is_written_to(monkeypatch: Patch) -> None:
    from pyarrow import fs

    from seqsweep.results.files import Folder

    # pyarrow's in-memory stand-in for an object store
    system, _ = fs.FileSystem.from_uri("mock:///")
    system.create_dir("sweeps")
    monkeypatch.setattr(Folder, "at", lambda store, patience: Folder(system, "sweeps", store))
    check = checked("store", "s3://bucket/sweeps")
    assert (check.status, check.finding) == ("ok", "s3://bucket/sweeps can be written")
    assert system.get_file_info(fs.FileSelector("sweeps")) == []


def test_a_store_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for store in (tmp_path / "file", tmp_path / "file" / "store"):
        check = checked("store", store)
        assert check.status == "failed"
        assert str(store) in check.finding
        assert check.remedy is not None
        assert "--store" in check.remedy


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write everywhere")
def test_a_store_of_somebody_else(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    check = checked("store", tmp_path / "store")
    tmp_path.chmod(0o700)
    assert check.status == "failed"
    assert "Permission denied" in check.finding


def test_a_store_that_refuses(tmp_path: Path, monkeypatch: Patch) -> None:
    refusal = OSError(30, "Read-only file system")
    monkeypatch.setattr(tempfile, "TemporaryFile", raising(refusal))
    check = checked("store", tmp_path)
    assert check.status == "failed"
    assert check.finding.endswith("Read-only file system")


def test_an_unknown_kind_of_store() -> None:
    check = checked("store", "nonsense://x")
    assert check.status == "failed"
    assert check.finding.startswith("cannot open the store nonsense://x: ")


def test_a_full_disk(tmp_path: Path, monkeypatch: Patch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=GIB // 2))
    check = checked("store", tmp_path)
    assert check.status == "warning"
    assert check.finding.endswith(", 0.5 GiB free")


# command and view

WARNING = Check("backend", "warning", "`auto` is torch: no kernels", "install a compiler")
FAILED = Check("store", "failed", "/x cannot be written", "give another folder with --store")


@pytest.mark.parametrize(("checks", "code"), [([], 0), ([WARNING], 0), ([FAILED], 1), ([FAILED, WARNING], 1)])
def test_exit_code_and_json(
    checks: list[Check], code: int, monkeypatch: Patch, capsys: pytest.CaptureFixture[str]
) -> None:
    checks = [*checks, Check("cores", "ok", "2 of 2")]
    stores = []
    monkeypatch.setattr(doctor, "examine", lambda store: stores.append(store) or Diagnosis(tuple(checks)))
    assert main(["doctor", "--store", "here"]) == code
    assert "cores" in capsys.readouterr().out
    assert main(["doctor", "--json"]) == code
    out, err = capsys.readouterr()
    assert err == ""
    assert json.loads(out) == {
        "status": checks[0].status if code or len(checks) > 1 else "ok",
        "checks": [vars(check) for check in checks],
    }
    assert stores[0] == "here"


def shown(checks: tuple[Check, ...], width: int) -> str:
    file = StringIO()
    render(Diagnosis(checks), Console(file=file, width=width))
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines())


def test_plain_output() -> None:
    checks = (
        Check("torch", "ok", "2.13.0"),
        Check("others", "ok", "jaxtyping 0.3.11, pandas 3.1.1, pydantic 2.14.3, rich 15.0.0"),
        WARNING,
        Check("memory", "warning", "0.5 of [2] GiB free", "end other programs"),
        FAILED,
    )
    expected = """\
status   check    finding
ok       torch    2.13.0
ok       others   jaxtyping 0.3.11, pandas 3.1.1,
                  pydantic 2.14.3, rich 15.0.0
warning  backend  `auto` is torch: no kernels
                  remedy: install a compiler
warning  memory   0.5 of [2] GiB free
                  remedy: end other programs
failed   store    /x cannot be written
                  remedy: give another folder with
                  --store
1 failed · 2 warnings"""
    assert shown(checks, width=52) == expected


def test_plain_output_when_all_is_well() -> None:
    expected = "status  check  finding\nok      torch  2.13.0\nall is well"
    assert shown((Check("torch", "ok", "2.13.0"),), width=52) == expected
