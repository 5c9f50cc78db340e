"""The whole tree's own rules: layering, lint, types, docstrings that say what is done."""

import ast
import re
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


FRAGMENT = re.compile(
    r"(Of|The same|Those|These|That of|By|As|From|For|In|On|At|With|Without|After|What|How|Where|Who)\b"
)


@pytest.mark.parametrize("package", ["results", "sweeps"])
def test_a_functions_docstring_begins_with_what_it_does(package: str) -> None:
    """An editor shows the first line alone: of "Of every architecture" nobody knows what is made."""
    fragments = [
        f"{path.relative_to(REPOSITORY)}:{node.lineno}: {told}"
        for path in sorted((REPOSITORY / package).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
        and not any("property" in ast.unparse(each) for each in node.decorator_list)
        if (told := (ast.get_docstring(node) or "").partition("\n")[0]) and FRAGMENT.match(told)
    ]
    assert not fragments, "\n".join(fragments)


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
