"""A format of another package, really installed, is a format like ours; a broken one does no harm."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = """
[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "knots"
version = "1.0"
[project.entry-points."seqsweep.formats"]
knots = "knots:Knots"
broken = "knots:nothing"
number = "knots:NUMBER"
again = "knots:AGAIN"
[tool.setuptools]
py-modules = ["knots"]
"""
MODULE = """
import numpy as np
from seqsweep.seqmodels.data.formats.folder import FOLDER as AGAIN
from seqsweep.seqmodels.data.formats.per_file import FileContent, PerFile
from seqsweep.seqmodels.data.transforms.standardize import STANDARDIZE

NUMBER = 7

class Knots(PerFile):
    name = "knots"
    endings = (".knots",)
    row = "a knot"
    transforms = (STANDARDIZE,)

    def looks_right(self, files, inner):
        return files.peek(inner).startswith(b"knots ")

    def read_one(self, files, inner, options):
        words = files.read(inner).split()[1:]
        return FileContent(np.array(words, float)[:, None])
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("plugin")
    (root / "src").mkdir()
    (root / "src/pyproject.toml").write_text(PROJECT)
    (root / "src/knots.py").write_text(MODULE)
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--no-build-isolation"]
    subprocess.run([*pip, "--target", str(root / "site"), str(root / "src")], check=True)
    for name in "ab":
        (root / "ropes" / name).mkdir(parents=True)
        for number in range(4):
            (root / f"ropes/{name}/{number}.knots").write_text(f"knots 1 2 {number}")
    return root


def seqsweep(installed: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(filter(None, [str(installed / "site"), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-c", "import sys; from seqsweep.sweeps.cli.app import main; sys.exit(main())"]
    return subprocess.run(
        [*command, *arguments],
        env={**os.environ, "PYTHONPATH": path, "COLUMNS": "200"},
        cwd=installed,
        capture_output=True,
        text=True,
        check=False,
    )


def test_its_files_are_recognised_and_read(installed: Path) -> None:
    done = seqsweep(installed, "data", "info", "ropes")
    assert done.returncode == 0, done.stderr
    assert "ropes · knots, 8 file(s) such as a/0.knots" in done.stdout
    assert "8 sequences of 3 to 3 tokens" in done.stdout


def test_what_is_no_format_is_left_out_and_said(installed: Path) -> None:
    said = seqsweep(installed, "data", "info", "ropes").stderr
    assert "note: the format `broken` of knots is left out, as it cannot be loaded: AttributeError" in said
    assert "note: the format `number` of knots is left out: knots:NUMBER is no Format" in said
    assert "note: the format `again` of knots is left out: there is one called `folder` already" in said
    assert seqsweep(installed, "data", "info", "handwriting").returncode == 0
