"""docs/models.md, word for word: every snippet is run, one after the other, and they agree."""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from seqsweep.sweeps.cli.app import main
from tests import REPOSITORY

PAGE = REPOSITORY / "docs" / "models.md"
SNIPPET = re.compile(r"^```(sh|python)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


@pytest.fixture
def place(trained_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder to be in, as a new shell would; what snippets import is forgotten."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEQSWEEP_STORE", str(trained_store))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    sys.modules.pop("model", None)


def run(language: str, code: str, capsys: pytest.CaptureFixture[str], **names: Any) -> str:
    """Run a snippet; `seqsweep` without a pipe and Python in this process, where torch is there already."""
    capsys.readouterr()
    if language == "python":
        exec(code, names)
        return capsys.readouterr().out
    said = ""
    for line in code.splitlines():
        verb, *arguments = shlex.split(line)
        if verb == "seqsweep":
            assert main(arguments) == 0, capsys.readouterr().err
            said += capsys.readouterr().out
        else:
            said += subprocess.run(
                ["bash", "-euo", "pipefail", "-c", line], stdout=subprocess.PIPE, text=True, check=True
            ).stdout
    return said


def test_every_snippet_runs(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = PAGE.read_text(encoding="utf-8").replace("lstm x 2 x 100", "lstm x 1 x 4")
    snippets = SNIPPET.findall(page)
    assert len(snippets) == page.count("```") / 2 == 6
    written, used, by_torch, _, by_onnx, by_program = (run(*each, capsys) for each in snippets)
    assert "lstm x 1 x 4 · handwriting (synthetic)" in written
    folder = place / "letters"
    accuracy = json.loads((folder / "model.json").read_text())["figures"]["test"]["accuracy"]
    assert f"{100 * accuracy:.1f} %" in used.splitlines()[0]
    assert by_torch == by_onnx
    one = json.loads(used.splitlines()[-1])
    assert by_torch.startswith(f"['{one['class']}', ")
    first = max(map(float, re.findall(r"\d\.\d+", by_program.split("]")[0])))
    assert one["probability"] == pytest.approx(first, abs=2e-4)  # torch prints four digits
    files = re.findall(r"^\| `([\w.]+)` \|", page, re.MULTILINE)
    assert sorted(files) == sorted(each.name for each in folder.iterdir() if each.is_file())
    os.chdir(folder)
    [(_, code)] = [
        each for each in SNIPPET.findall((folder / "README.md").read_text()) if each[0] == "python"
    ]
    sequences = [[[12, 40.5], [13.5, 41], [14, 43.5]], [[3, 1], [2, 5]]]
    assert run("python", f"{code}\nprint(classes)", capsys, sequences=sequences) == by_torch
