"""The example sweep, written once and copied for each test that changes it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from seqsweep.results.store import Store, Sweep
from tests.support.example_sweep import SWEEP_ID, write_example
from tests.support.object_server import S3Server


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


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """An S3 server that runs; tests leave it so."""
    server = S3Server(tmp_path_factory.mktemp("s3"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def s3(s3_server: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """The same, and this process knows where it is."""
    for name, value in s3_server.environment.items():
        monkeypatch.setenv(name, value)
    return s3_server
