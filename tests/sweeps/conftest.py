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


@pytest.fixture(scope="session")
def undisturbed(strokes: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    """Tables of a long sweep that nobody disturbed: trained in this process, without Ray."""
    from tests.support.small_sweep import LONG, figures, table
    from tests.support.trained import train

    store = tmp_path_factory.mktemp("undisturbed")
    return figures(train(table(strokes, epochs=LONG), store, "small-000000"))
