"""The example sweep, written once and copied for each test that changes it."""

import shutil
from pathlib import Path

import pytest
from example_sweep import SWEEP_ID, write_example

from results.store import Store, Sweep


@pytest.fixture(scope="session")
def example_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the example sweep, to read only."""
    root = tmp_path_factory.mktemp("example")
    write_example(root)
    return root


@pytest.fixture
def own_sweep(example_root: Path, tmp_path: Path) -> Sweep:
    """A copy of the example sweep in the test's own store `tmp_path`."""
    shutil.copytree(example_root / SWEEP_ID, tmp_path / SWEEP_ID)
    return Store(tmp_path).find(SWEEP_ID)
