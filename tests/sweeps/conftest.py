"""One Ray for all tests here that need one: starting it takes seconds."""

from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console


@pytest.fixture(scope="session")
def strokes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small data set on disk."""
    from tests.support.small_sweep import write_strokes

    return write_strokes(tmp_path_factory.mktemp("strokes"))


@pytest.fixture(scope="package")
def local_ray() -> Iterator[None]:
    """A Ray with two cores; `run_sweep` uses it as it is."""
    from seqsweep.cluster.local import cluster

    with cluster(cpus=2):
        yield


@pytest.fixture
def terminal() -> Console:
    """A console that is no terminal; its text is in `terminal.file`."""
    return Console(file=StringIO(), width=160)


@pytest.fixture(scope="package")
def undisturbed(
    local_ray: None, strokes: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, pd.DataFrame]:
    """Tables of a long sweep that nobody disturbed, two trials at a time."""
    from seqsweep.sweeps.cli.running import run_sweep
    from seqsweep.sweeps.spec.loading import parse_spec
    from tests.support.small_sweep import LONG, figures, newest, table

    store = tmp_path_factory.mktemp("undisturbed")
    spec = parse_spec(table(strokes, epochs=LONG), base=Path(), source="test")
    assert run_sweep(spec, store=store, console=Console(file=StringIO())) == 0
    return figures(newest(store))
