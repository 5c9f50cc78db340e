"""The wheel: one package, one a platform for every Python, with kernels that need nothing but the system's libraries."""

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests import REPOSITORY


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), "."]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (found,) = folder.glob("*.whl")
    return found


def test_nothing_but_seqsweep_comes_into_site_packages(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {
        "seqsweep",
        wheel.name.rpartition("-py3")[0] + ".dist-info",
    }
    tree = {
        f"seqsweep/{path.relative_to(REPOSITORY).as_posix()}"
        for folder in ("cluster", "results", "seqmodels", "sweeps")
        for path in (REPOSITORY / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and path.suffix not in (".so", ".pyc")
    }
    assert tree - set(names) == set(), "files that the wheel lacks"
    assert {"seqsweep/__init__.py", "seqsweep/py.typed"} <= set(names)


@pytest.mark.skipif(sys.platform != "linux", reason="auditwheel reads Linux wheels only")
def test_the_kernels_serve_every_python(wheel: Path) -> None:
    assert re.fullmatch(r"seqsweep-[\d.]+-py3-none-linux_\w+\.whl", wheel.name)
    names = zipfile.ZipFile(wheel).namelist()
    assert "seqsweep/seqmodels/backends/cpu/_kernels.so" in names
    command = [sys.executable, "-m", "auditwheel", "show", str(wheel)]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "manylinux_2_" in shown
    assert "libpython" not in shown


IMPORTED = """
import sys
import seqsweep
assert seqsweep.__version__
heavy = {"torch", "ray", "pandas", "numpy", "pyarrow", "rich"} & set(sys.modules)
assert not heavy, heavy
assert seqsweep.results.__name__ == "seqsweep.results"
"""


def test_importing_seqsweep_imports_nothing_heavy() -> None:
    subprocess.run([sys.executable, "-c", IMPORTED], check=True)
