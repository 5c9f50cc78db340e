"""Links of the pages lead somewhere, and the plan of the house names what is there."""

import re
import subprocess
from pathlib import Path

import pytest

from tests import REPOSITORY

PAGES = [*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").glob("*.md")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = [
        link for link in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8")) if "://" not in link
    ]
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_plan_of_the_house_names_what_is_there() -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("no checkout")
    files = listed.stdout.splitlines()
    folders = {f"{folder}/" for file in files for folder in map(str, Path(file).parents)}
    there = tuple(f"/{each}" for each in [*files, *folders])
    page = (REPOSITORY / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = re.findall(r"`([\w./-]+(?:\.py|\.toml|/))`", page)
    assert len(named) > 50
    assert [name for name in named if not any(each.endswith(f"/{name}") for each in there)] == []
