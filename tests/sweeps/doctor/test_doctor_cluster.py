"""`seqsweep doctor --address` on a real Ray of several nodes, some of which are not well."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from seqsweep.sweeps.doctor.cluster import ask
from tests.support.nodes import Nodes, may_hide

SECRET = "not-to-be-shown-1f2e3d"
MAIN = "import sys; from seqsweep.sweeps.cli.app import main; sys.exit(main())"


def doctor(nodes: Nodes, *options: str, columns: int = 80) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", MAIN, "doctor", "--address", nodes.dashboard, *options]
    environment = {**nodes.environment, "COLUMNS": str(columns), "SEQSWEEP_STORE": "this machine's"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


@pytest.fixture(scope="module")
def hidden() -> Iterator[Path]:
    """A folder that the third node does not see."""
    with tempfile.TemporaryDirectory(prefix="sq-") as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def nodes(hidden: Path) -> Iterator[Nodes]:
    """A head and two more nodes; the last was told of a GPU that it has not."""
    with Nodes([1, 1], dashboard=True, environment={"AWS_SECRET_ACCESS_KEY": SECRET}) as made:
        made.add(gpus=1, hidden=[hidden] if may_hide() else [])
        yield made


def test_every_node_is_looked_at_and_left_as_it_was(nodes: Nodes, hidden: Path) -> None:
    done = doctor(nodes, "--store", str(hidden / "store"), "--json")
    assert done.returncode == 1, done.stderr
    assert done.stderr == ""
    data = json.loads(done.stdout)
    assert SECRET not in done.stdout
    assert (data["status"], data["address"]) == ("failed", nodes.dashboard)
    addresses = [node.address for node in nodes.nodes]
    assert [node["facts"]["address"] for node in data["nodes"]] == addresses
    assert [node["facts"]["head"] for node in data["nodes"]] == [True, False, False]
    found = {(check["name"], check["status"]): check for check in data["checks"]}
    for name in ("python", "torch", "ray", "clock"):
        assert found[name, "ok"]["nodes"] == addresses
    assert found["ray", "ok"]["finding"] == metadata.version("ray")
    assert found["gpus", "failed"]["nodes"] == addresses[2:]
    assert found["network", "ok"]["finding"].endswith("must show its token")
    processes = {each["process"] for each in data["nodes"][0]["facts"]["ray"]["listeners"]}
    assert {"raylet", "gcs_server"} <= processes
    if may_hide():
        assert found["store", "ok"]["nodes"] == addresses[:2]
        assert found["store", "warning"]["nodes"] == addresses[2:]
        assert "the head's alone" in found["store", "warning"]["finding"]
    assert list(hidden.iterdir()) == []
    assert _jobs(nodes) == []


def test_a_node_that_hangs_and_a_store_that_cannot_be_written(nodes: Nodes) -> None:
    (raylet,) = [pid for pid in nodes[1].having("raylet/raylet") if _name(pid) == "raylet"]
    os.kill(raylet, signal.SIGSTOP)
    done = doctor(nodes, "--store", "/proc/store", columns=140)
    assert done.returncode == 1, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith(f"{nodes.dashboard} · ")
    assert max(map(len, lines)) <= 140
    assert any(line.startswith("failed") and "/proc/store cannot be written" in line for line in lines)
    # either it was asked in vain, or Ray has found out before
    assert nodes[1].address not in done.stdout or "asked in vain" in done.stdout


def test_a_node_may_take_only_so_long(local_ray: None, tmp_path: Path) -> None:
    (node,) = ask(str(tmp_path), [], 0.0)
    assert node.fault == "no answer within 0 s"
    assert node.probe is None
    assert list(tmp_path.iterdir()) == []


def test_one_node_of_ones_own(local_ray: None, tmp_path: Path) -> None:
    (node,) = ask(str(tmp_path / "store"), metadata.requires("seqsweep") or [], 300.0)
    assert node.head
    assert node.fault is None
    assert node.probe is not None
    assert node.probe.store.writable
    assert node.clock is not None
    # one machine has one clock
    assert abs(node.clock.ahead) <= node.clock.uncertainty + 0.001
    assert list(tmp_path.iterdir()) == []


def _jobs(nodes: Nodes) -> Any:
    code = (
        f"from seqsweep.cluster.jobs import Jobs; print([job.id for job in Jobs({nodes.dashboard!r}).all()])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=nodes.environment
    )
    return json.loads(done.stdout.replace("'", '"'))


def _name(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()
