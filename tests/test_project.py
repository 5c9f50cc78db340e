"""The whole tree's own rules: layering, lint, types."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests import REPOSITORY

TOOLS = {
    "layering": [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"],
    "lint": [sys.executable, "-m", "ruff", "check", "."],
    "format": [sys.executable, "-m", "ruff", "format", "--check", "."],
    "types": [sys.executable, "-m", "mypy"],
}


@pytest.mark.parametrize("tool", TOOLS)
def test_the_tree_keeps_its_rules(tool: str) -> None:
    done = subprocess.run(TOOLS[tool], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("schema", "pattern"),
    [
        ("github-workflows", ".github/workflows/*.yml"),
        ("github-issue-forms", ".github/ISSUE_TEMPLATE/[!c]*.yml"),
        ("github-issue-config", ".github/ISSUE_TEMPLATE/config.yml"),
    ],
)
def test_files_for_github_are_as_it_wants_them(schema: str, pattern: str) -> None:
    files = sorted(str(path) for path in REPOSITORY.glob(pattern))
    assert files
    command = [
        str(Path(sys.executable).with_name("check-jsonschema")),
        "--builtin-schema",
        f"vendor.{schema}",
    ]
    done = subprocess.run([*command, *files], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
