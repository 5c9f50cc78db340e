"""The same on a Ray of several nodes, with real processes: whatever dies there, the tables are those of a quiet run."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from seqsweep.sweeps.cli.running import resume_sweep
from seqsweep.sweeps.running.tune import RESTARTS
from tests.support.driver import DRIVER, PATIENCE, Driver
from tests.support.nodes import TRAINS, Nodes, hiding, may_hide
from tests.support.small_sweep import LONG, assert_same, newest, table, toml

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="looks into /proc")
needs_mounts = pytest.mark.skipif(
    not may_hide(), reason="this user may not mount file systems in a namespace"
)
SEQSWEEP = str(Path(sys.executable).with_name("seqsweep"))


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    """A head that trains nothing, and a node that does; the last test of this file kills them."""
    with Nodes([0, 1]) as made:
        yield made


def sweep(strokes: Path, folder: Path, nodes: Nodes, **resources: float) -> Driver:
    return Driver(
        strokes, folder, "--address", nodes.address, environment=nodes.environment, resources=resources
    )


def resume(store: Path, nodes: Nodes) -> None:
    done = subprocess.run(
        [SEQSWEEP, "resume", "--store", str(store), "--address", nodes.address],
        env=nodes.environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def checkpoints(store: Path) -> dict[str, float]:
    """Time of each."""
    found = {}
    for path in store.glob("*/checkpoints/[!.]*"):
        try:
            found[path.name] = path.stat().st_mtime
        except FileNotFoundError:  # its trial has finished
            continue
    return found


def stopped(driver: Driver, nodes: Nodes) -> int:
    """The only worker, which now hangs."""
    found: list[int] = []

    def training() -> bool:
        found[:] = nodes.having(TRAINS)
        return bool(found) and bool(checkpoints(driver.store))

    driver.wait_for(training, "a worker had a checkpoint")
    os.kill(found[0], signal.SIGSTOP)
    return found[0]


@pytest.fixture(scope="module")
def half_done(strokes: Path, nodes: Nodes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store whose driver was killed: one trial finished, another between two checkpoints."""
    with closing(sweep(strokes, tmp_path_factory.mktemp("half"), nodes, max_concurrent=1)) as driver:
        driver.wait_until_half_done()
        os.kill(driver.process.pid, signal.SIGKILL)
        driver.wait_for(lambda: not nodes.having(TRAINS), "the workers of a dead driver had ended")
    left = newest(driver.store)
    assert left.info["status"] == "interrupted"
    assert 1 <= len(left.finished()) < 3
    assert checkpoints(driver.store)
    return driver.store


def test_killed_driver_is_resumed(
    half_done: Path, nodes: Nodes, tmp_path: Path, undisturbed: dict[str, pd.DataFrame]
) -> None:
    store = shutil.copytree(half_done, tmp_path / "store")
    resume(store, nodes)
    assert newest(store).info["status"] == "finished"
    assert_same(newest(store), undisturbed)


def test_corrupted_checkpoint_is_not_trained_on(
    local_ray: None, half_done: Path, tmp_path: Path, undisturbed: dict[str, pd.DataFrame], terminal: Console
) -> None:
    """Other kinds of damage: test_trial.py."""
    store = shutil.copytree(half_done, tmp_path / "store")
    (path,) = store.glob("*/checkpoints/[!.]*")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert resume_sweep(store, None, console=terminal) == 0
    assert_same(newest(store), undisturbed)


def test_worker_lost_again_and_again_but_getting_further(
    strokes: Path, nodes: Nodes, tmp_path: Path, undisturbed: dict[str, pd.DataFrame]
) -> None:
    # one at a time, or the others would take its place while it is started again, and each would be lost once
    with closing(sweep(strokes, tmp_path, nodes, max_concurrent=1)) as driver:
        for _ in range(RESTARTS + 1):
            before = checkpoints(driver.store)
            workers: list[int] = []
            driver.wait_for(
                lambda found=workers: found.extend(nodes.having(TRAINS)) or bool(found), "a worker came"
            )
            driver.wait_for(
                lambda before=before: any(
                    when > before.get(name, 0) for name, when in checkpoints(driver.store).items()
                ),
                "a trial had a new checkpoint",
            )
            for worker in workers:  # at once, while it is the same trial's
                os.kill(worker, signal.SIGKILL)
            driver.wait_for(lambda: not nodes.having(TRAINS), "it was dead")
        assert driver.process.wait(PATIENCE) == 0, driver.output.read_text()
    assert_same(newest(driver.store), undisturbed)
    lost = Counter(re.findall(r".*its worker was lost; starting it again", driver.output.read_text()))
    assert max(lost.values()) > RESTARTS, "one that gets no further would have been given up"


def test_worker_that_hangs_is_replaced(
    strokes: Path, nodes: Nodes, tmp_path: Path, undisturbed: dict[str, pd.DataFrame]
) -> None:
    with closing(sweep(strokes, tmp_path, nodes, stall_seconds=4)) as driver:
        driver.wait_until_half_done()
        worker = stopped(driver, nodes)
        driver.wait_for(lambda: not Path(f"/proc/{worker}").exists(), "it was killed")
        assert driver.process.wait(PATIENCE) == 0, driver.output.read_text()
    assert_same(newest(driver.store), undisturbed)
    assert (
        "its worker said nothing for 4 s (`resources.stall_seconds`) and was killed; starting it again"
        in (driver.output.read_text())
    )


@needs_mounts
def test_node_that_does_not_see_the_store_joins_and_dies(
    strokes: Path, nodes: Nodes, tmp_path: Path, undisturbed: dict[str, pd.DataFrame]
) -> None:
    """It joins while the sweep runs, gets a trial, writes through the driver's node, and is killed whole."""
    (tmp_path / "store").mkdir()
    with closing(sweep(strokes, tmp_path, nodes)) as driver:
        worker = stopped(driver, nodes)  # so that work is left for the other
        before = checkpoints(driver.store)
        one = nodes.add(hidden=[driver.store])
        (raylet,) = one.having("raylet/raylet")
        unseen = Path(f"/proc/{raylet}/root{driver.store}")
        driver.wait_for(
            lambda: bool(checkpoints(driver.store).keys() - before.keys()), "the new node had a checkpoint"
        )
        assert list(unseen.iterdir()) == [], "nothing is written where nobody looks"
        one.kill()
        os.kill(worker, signal.SIGCONT)
        assert driver.process.wait(PATIENCE) == 0, driver.output.read_text()
    assert_same(newest(driver.store), undisturbed)
    assert not (driver.store / newest(driver.store).id / ".driver").exists()
    assert "starting it again" in driver.output.read_text()


@needs_mounts
def test_tables_come_whole_from_a_node_that_does_not_see_the_store(
    strokes: Path, nodes: Nodes, tmp_path: Path, undisturbed: dict[str, pd.DataFrame]
) -> None:
    """Two CPUs a trial: only the blind node has them."""
    (tmp_path / "store").mkdir()
    one = nodes.add(cpus=2, hidden=[tmp_path / "store"])
    with closing(sweep(strokes, tmp_path, nodes, cpus_per_trial=2)) as driver:
        assert driver.process.wait(PATIENCE) == 0, driver.output.read_text()
    one.kill()
    assert_same(newest(driver.store), undisturbed)
    assert newest(driver.store).info["status"] == "finished"


def test_trial_that_fits_no_node_is_refused(strokes: Path, nodes: Nodes, tmp_path: Path) -> None:
    with closing(sweep(strokes, tmp_path, nodes, cpus_per_trial=9)) as driver:
        assert driver.process.wait(PATIENCE) == 2, driver.output.read_text()
    text = " ".join(driver.output.read_text().split())
    # a node that was killed just now may still count
    words = r"`resources\.cpus_per_trial` is 9, but must be at most \d: no node of the \d in this Ray has more CPUs"
    assert re.search(words, text), text


FULL = """
set -e
mount -o remount,size=48k "$1"
python_() { "$2" -c "$3" run "$4" --store "$1/store" --cpus 1; }
code=0; python_ "$@" || code=$?
echo "the full disk ended it with $code"
mount -o remount,size=64m "$1"
"$6" resume --store "$1/store" --cpus 1
cp -r "$1/store" "$5"
"""


@needs_mounts
def test_full_disk_then_space(strokes: Path, tmp_path: Path, undisturbed: dict[str, pd.DataFrame]) -> None:
    """The store's disk, a small tmpfs of its own, fills; when there is space, `resume` finishes the sweep."""
    disk = tmp_path / "disk"
    disk.mkdir()
    spec = tmp_path / "small.toml"
    spec.write_text(toml(table(strokes, epochs=LONG)))
    # who waits a second for space instead of three minutes, and tries each trial once
    impatient = (
        "import seqsweep.sweeps.running.tune\nseqsweep.sweeps.running.tune.RESTARTS = 0\n"
        "from seqsweep.results.store import Store\nStore.__init__.__defaults__ = (1.0,)\n" + DRIVER
    )
    done = subprocess.run(
        [
            *hiding(disk),
            "sh",
            "-c",
            FULL,
            "sh",
            disk,
            sys.executable,
            impatient,
            spec,
            tmp_path / "store",
            SEQSWEEP,
        ],
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^the full disk ended it with [12]$", done.stdout, re.MULTILINE), done.stdout
    assert "No space left on device" in done.stdout + done.stderr
    assert_same(newest(tmp_path / "store"), undisturbed)


def test_killed_cluster_and_resumed_on_another(
    local_ray: None,
    strokes: Path,
    nodes: Nodes,
    tmp_path: Path,
    undisturbed: dict[str, pd.DataFrame],
    terminal: Console,
) -> None:
    """Head, nodes and driver at once: a power cut. The last test of this file, as `nodes` is gone then."""
    with closing(sweep(strokes, tmp_path, nodes, max_concurrent=1)) as driver:
        driver.wait_until_half_done()
        os.kill(driver.process.pid, signal.SIGKILL)
        for node in nodes.nodes:
            node.kill()
    assert newest(driver.store).info["status"] == "interrupted"
    assert resume_sweep(driver.store, None, console=terminal) == 0
    assert_same(newest(driver.store), undisturbed)
