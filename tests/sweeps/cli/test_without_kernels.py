"""An installation whose C++ kernels were not built: the source without the library, run as a program."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from seqsweep.cluster.limits import usable_cpus
from seqsweep.results.store import Store
from seqsweep.seqmodels.backends.cpu.library import find_kernels
from seqsweep.sweeps.errors import SpecError
from seqsweep.sweeps.running import prepare
from seqsweep.sweeps.spec.loading import parse_spec
from seqsweep.sweeps.spec.model import Resources
from tests import REPOSITORY
from tests.support.small_sweep import CELLS, newest, table, toml

NOTE = (
    "note: the slower `torch` backend trains, as the kernels of `cpu` were not built: "
    "install again where a C++17 compiler is found (`seqsweep doctor` tells more)\n"
)
REFUSED = (
    "`resources.backend` is 'cpu', but its kernels were not built: "
    "install again where a C++17 compiler is found (`seqsweep doctor` tells more), or start a sweep with 'auto'\n"
)


class Bare:
    """Runs the program from a copy of the source that has no compiled library."""

    def __init__(self, folder: Path, strokes: Path) -> None:
        ignored = shutil.ignore_patterns("*.so", "__pycache__")
        shutil.copytree(
            REPOSITORY / "seqsweep", folder / "seqsweep", ignore=ignored
        )  # with what its links lead to
        self.source, self.folder, self.store = folder, folder / "work", folder / "work" / "store"
        self.folder.mkdir()
        spec = toml(table(strokes, epochs=1))
        (self.folder / "auto.toml").write_text(spec)
        (self.folder / "cpu.toml").write_text(spec + 'backend = "cpu"\n')  # [resources] comes last

    def python(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        environment = {**os.environ, "PYTHONPATH": str(self.source), "OMP_NUM_THREADS": "1"}
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def seqsweep(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return self.python(
            "-c", "import sys; from seqsweep.sweeps.cli.app import main; sys.exit(main())", *arguments
        )


@pytest.fixture(scope="module")
def bare(strokes: Path, tmp_path_factory: pytest.TempPathFactory) -> Bare:
    return Bare(tmp_path_factory.mktemp("bare"), strokes)


def test_the_copy_has_no_kernels(bare: Bare) -> None:
    """Else the other tests here would show nothing."""
    done = bare.python(
        "-c",
        "import seqsweep.seqmodels.backends.choosing as b; print(b.__file__, b.available(), b.create_backend().name)",
    )
    assert done.stdout.split() == [
        str(bare.source / "seqsweep/seqmodels/backends/choosing.py"),
        "False",
        "torch",
    ]


def test_run_and_resume_say_once_that_the_slower_backend_trains(bare: Bare) -> None:
    done = bare.seqsweep("run", "auto.toml", "--cpus", "1", "--json")
    assert done.returncode == 0, done.stderr
    assert len(json.loads(done.stdout)["datasets"][0]["rows"]) == len(CELLS), "several trials, one note"
    sweep = newest(bare.store)
    assert sweep.info["backend"] == "torch"
    assert done.stderr.startswith(NOTE + sweep.id), "before anything else"
    assert done.stderr.count("kernels") == 1

    next(Path(sweep.folder.path, "lanes").glob("*.parquet")).unlink()
    done = bare.seqsweep("resume", "--cpus", "1")
    assert (done.returncode, done.stderr) == (0, NOTE)
    assert done.stdout.startswith(sweep.id)

    done = bare.seqsweep("resume", "--cpus", "1")
    assert (done.returncode, done.stderr) == (0, ""), "nothing was trained"


def test_a_spec_that_asks_for_the_kernels_is_refused(bare: Bare) -> None:
    done = bare.seqsweep("run", "cpu.toml", "--store", "none")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"error: cpu.toml: {REFUSED}")
    assert not (bare.folder / "none").exists()


def test_a_sweep_that_began_with_the_kernels_is_not_resumed(
    bare: Bare, strokes: Path, tmp_path: Path
) -> None:
    spec = parse_spec(table(strokes, resources={"backend": "torch"}), base=Path(), source="test")
    sweep = prepare.new(spec, Store(tmp_path), None, None).sweep
    sweep.update(spec=sweep.info["spec"] | {"resources": {"backend": "cpu"}})
    done = bare.seqsweep("resume", "--store", str(tmp_path))
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"error: {sweep.id}/sweep.json: {REFUSED}")
    assert not sweep.finished()


@pytest.mark.skipif(find_kernels() is None, reason="the kernels were not built")
def test_with_the_kernels_there_is_nothing_to_say() -> None:
    assert prepare.slower_backend(Resources(), None) is None
    prepare._check_place(Resources(backend="cpu"), None, usable_cpus(), "test")


def test_where_these_kernels_do_not_count_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare, "find_kernels", lambda: None)
    assert prepare.slower_backend(Resources(), None)
    assert prepare.slower_backend(Resources(backend="torch"), None) is None, "it was asked for"
    assert prepare.slower_backend(Resources(gpus_per_trial=0.5), None) is None, (
        "what a GPU lacks, a trial says"
    )
    assert prepare.slower_backend(Resources(), "head:6379") is None, "other machines train"


def test_the_cuda_backend_without_its_extra_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare, "_gpus", lambda: 1)
    resources = Resources(backend="cuda", gpus_per_trial=0.5)
    monkeypatch.setitem(sys.modules, "cuda.bindings", None)
    with pytest.raises(
        SpecError, match=r"`resources\.backend` is 'cuda', but it cannot be used: the extra `cuda`"
    ):
        prepare._check_place(resources, None, usable_cpus(), "test")
    monkeypatch.setattr(prepare, "check_address", lambda *_: None)
    prepare._check_place(resources, "head:6379", None, "test")  # nodes have it, or a trial says so
