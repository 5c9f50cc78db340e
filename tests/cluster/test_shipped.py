"""Which seqsweep a cluster's machine runs: its own where it is the same, else the one that came with the job."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from seqsweep.cluster import shipped
from seqsweep.cluster.shipping import working_folder

WHICH = """
import sys
sys.path.insert(0, sys.argv[1])      # as Ray puts the job's folder into PYTHONPATH
sys.path[1:1] = sys.argv[2:]         # what is installed on this machine
sys.meta_path[:] = [each for each in sys.meta_path if "editable" not in repr(each)]
import shipped
shipped.use()
import seqsweep.seqmodels.backends.cpu.library as library, seqsweep.sweeps
print(seqsweep.sweeps.__file__, library.find_kernels())
"""


@pytest.fixture
def job(tmp_path: Path) -> Path:
    with working_folder({"verb": "run"}) as folder:
        return shutil.copytree(folder, tmp_path / "job")


def which(job: Path, *installed: Path, program: str = WHICH) -> list[str]:
    """What a fresh Python without seqsweep of its own imports."""
    command = [sys.executable, "-I", "-c", program, str(job), *map(str, installed)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd="/")
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_what_is_shipped_is_whole(job: Path) -> None:
    assert json.loads((job / "task.json").read_text()) == {"verb": "run"}
    package = job / shipped.FOLDER / shipped.PACKAGE
    assert (
        shipped.digest(package) == (job / shipped.DIGEST).read_text() == shipped.digest(shipped.installed())
    )
    assert not [path for path in job.rglob("*") if "__pycache__" in path.parts]
    assert (job / "packages/seqsweep/sweeps/spec/reference.toml").is_file()
    assert (job / "packages/seqsweep/seqmodels/backends/cpu/kernels/api.h").is_file()


def test_a_machine_without_seqsweep_uses_what_is_shipped(job: Path) -> None:
    module, kernels = which(job)
    assert module == str(job / "packages/seqsweep/sweeps/__init__.py")
    assert kernels.startswith(str(job / "packages/seqsweep/seqmodels/backends/cpu/_kernels"))


def test_the_same_seqsweep_is_used_where_it_is_installed_with_its_own_kernels(
    job: Path, tmp_path: Path
) -> None:
    own = shutil.copytree(job / "packages", tmp_path / "installed")
    for library in own.rglob("_kernels*"):
        library.write_bytes(b"built here, so other bytes")
    module, kernels = which(job, own)
    assert module == str(own / "seqsweep/sweeps/__init__.py")
    assert kernels.startswith(str(own))


def test_another_version_gives_way(job: Path, tmp_path: Path) -> None:
    own = shutil.copytree(job / "packages", tmp_path / "installed")
    with (own / "seqsweep" / "sweeps" / "errors.py").open("a") as file:
        file.write("# changed\n")
    assert which(job, own)[0] == str(job / "packages/seqsweep/sweeps/__init__.py")


def test_a_file_more_or_less_is_a_difference(job: Path) -> None:
    package = job / shipped.FOLDER / shipped.PACKAGE
    results = package / "results"
    before = shipped.digest(package)
    (results / "__pycache__").mkdir()
    (results / "__pycache__" / "x.pyc").write_bytes(b"0")
    assert shipped.digest(package) == before
    moved = (results / "errors.py").rename(results / "mistakes.py")
    assert shipped.digest(package) != before
    moved.unlink()
    assert shipped.digest(package) != before
    assert shipped.digest(None) != before


@pytest.mark.parametrize("own", [False, True])
def test_the_doctor_says_whether_it_runs_from_what_was_shipped(job: Path, tmp_path: Path, own: bool) -> None:
    installed = [shutil.copytree(job / "packages", tmp_path / "packages")] if own else []
    asked = "from seqsweep.sweeps.doctor.probe import probe\nprint(probe('.').shipped)\n"
    assert which(job, *installed, program=WHICH + asked)[2:] == [str(not own)]
