"""The store is readable with one line of pandas, pyarrow or DuckDB, also beside the litter of a killed writer."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow.dataset as ds
import pytest

from seqsweep.results.store import Store, Sweep
from tests import REPOSITORY


@pytest.fixture
def sweep_folder(own_sweep: Sweep, tmp_path: Path) -> Path:
    folder = tmp_path / own_sweep.id
    (folder / "lanes" / ".abc.parquet.0123.tmp").write_bytes(b"PAR1 half")
    return folder


def expected(folder: Path) -> dict[tuple[str, str, int], float]:
    rows = Store(folder.parent).find().read("lanes").to_pylist()
    groups: dict[tuple[str, str, int], list[float]] = {}
    for row in rows:
        if row["test_accuracy"] is not None:
            groups.setdefault((row["dataset"], row["cell"], row["layers"]), []).append(row["test_accuracy"])
    return {key: sum(values) / len(values) for key, values in groups.items()}


PAGES = REPOSITORY
LINES = [
    line.strip()
    for page in ("README.md", "docs/store.md")
    for line in (PAGES / page).read_text(encoding="utf-8").splitlines()
    if re.match(r"(python|duckdb) -c ", line)
]


@pytest.mark.parametrize("line", LINES)
def test_the_lines_of_the_pages(sweep_folder: Path, line: str) -> None:
    """Each is run as it stands, but for the sweep's name; warnings are errors."""
    program, _, code = shlex.split(re.sub(r"store/(<sweep>|SWEEP)", str(sweep_folder), line))
    if program == "duckdb":  # the module reads what the command line reads
        found = duckdb.sql(code)
        assert {row[0] for row in found.fetchall()} == {key[0] for key in expected(sweep_folder)}
        return
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    if "test_accuracy.mean" in code:
        printed = [text.split()[-1] for text in done.stdout.splitlines()[1:-1]]
        means = sorted(f"{mean:.6f}" for mean in expected(sweep_folder).values())
        assert sorted(mean for mean in printed if mean != "NaN") == means
        assert "observed=True" in code, "else pandas 2 warns, and counts what does not occur"
    else:
        assert done.stdout


def test_the_pages_have_lines_for_all_three() -> None:
    assert len(LINES) == 6
    assert {line.split()[0] for line in LINES} == {"python", "duckdb"}


def test_pandas(sweep_folder: Path) -> None:
    frame = pd.read_parquet(sweep_folder / "lanes")
    means = frame.groupby(["dataset", "cell", "layers"], observed=True).test_accuracy.mean().dropna()
    assert means.to_dict() == pytest.approx(expected(sweep_folder))


def test_pyarrow_reads_every_table_as_one_dataset(sweep_folder: Path) -> None:
    sweep = Store(sweep_folder.parent).find()
    for name in ("lanes", "epochs", "confusions", "predictions"):
        whole = ds.dataset(sweep_folder / name).to_table()
        assert whole.sort_by([("trial", "ascending")]).num_rows == sweep.read(name).num_rows > 0
        assert whole.schema.equals(sweep.read(name).schema)


def test_duckdb(sweep_folder: Path) -> None:
    rows = duckdb.sql(
        f"select dataset, cell, layers, avg(test_accuracy) from '{sweep_folder}/lanes/*.parquet' group by all"
    ).fetchall()
    means = {(dataset, cell, layers): mean for dataset, cell, layers, mean in rows if mean is not None}
    assert means == pytest.approx(expected(sweep_folder))


def test_results_imports_neither_torch_nor_ray_nor_pandas(example_root: Path) -> None:
    script = (
        "import sys; from seqsweep.results.store import Store\n"
        "from seqsweep.results.views import confusion, curves, json_view, sweeps, verdict\n"
        "from seqsweep.results.analysis.confusion import confusion\n"
        "from seqsweep.results.analysis.curves import curves\n"
        "from seqsweep.results.analysis.verdict import verdict\n"
        f"sweep = Store({str(example_root)!r}).find()\n"
        "verdict(sweep), confusion(sweep), curves(sweep)\n"
        "print(sorted({'torch', 'ray', 'pandas', 'scipy.stats', 'pyarrow.dataset'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
