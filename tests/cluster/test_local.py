"""What Ray gets of this machine, and what is said about an address that leads nowhere."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from seqsweep.cluster import local
from seqsweep.cluster.local import ClusterError, check_address


@pytest.mark.parametrize(
    ("address", "cpus", "message"),
    [
        ("nonsense", None, "address is nonsense, but must be HOST:PORT"),
        ("host:port", None, "address is host:port, but must be HOST:PORT"),
        (":6379", None, "address is :6379, but must be HOST:PORT"),
        ("host:70000", None, "address is host:70000, but must be HOST:PORT"),
        ("ray://host:10001", None, "a Ray Client cannot run a sweep"),
        ("host:6379", 2, "--cpus sizes a local Ray"),
        (None, 0, "`cpus` is 0, but must be at least 1"),
    ],
)
def test_senseless_values(address: str | None, cpus: int | None, message: str) -> None:
    with pytest.raises(ClusterError, match=message):
        check_address(address, cpus)


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        check_address(f"127.0.0.1:{port}", None)  # somebody does; whether it is Ray is found by asking
    with pytest.raises(ClusterError, match=f"no Ray cluster answers at 127.0.0.1:{port}: Connection refused"):
        check_address(f"127.0.0.1:{port}", None)


def test_importing_it_is_cheap() -> None:
    program = "import sys, cluster.local, cluster.output; print([name for name in ('ray', 'torch') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


JOIN = """
import sys
from pathlib import Path
from seqsweep.cluster.local import cluster
from seqsweep.cluster.output import divert
with divert(Path(sys.argv[2])) as terminal, cluster(sys.argv[1]) as place:
    import ray
    print(ray.get(ray.remote(lambda: 6 * 7).remote()), place.cpus, place.nodes, file=terminal.stdout)
"""


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where temporary folders are made; short, for Ray's sockets."""
    tmp_path_factory.getbasetemp()  # not in there, or it would be gone for the tests that follow
    folder = Path(tempfile.mkdtemp(prefix="sq-", dir="/tmp"))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    shutil.rmtree(folder)


def test_starts_its_own_which_another_process_joins_and_leaves_running(temporary: Path) -> None:
    import ray

    log = temporary / "log"
    with local.cluster(cpus=1) as mine:
        assert (mine.cpus, mine.nodes, mine.address) == (1, 1, None)
        address = ray.get_runtime_context().gcs_address
        command = [sys.executable, "-c", JOIN, address, str(log)]
        environment = dict(os.environ)
        for _ in range(2):
            done = subprocess.run(
                command, env=environment, capture_output=True, text=True, timeout=120, check=False
            )
            assert (done.returncode, done.stdout) == (0, "42 1 1\n"), done.stderr
            # the second has a token at hand, but nobody told it to show one
            environment = {name: value for name, value in os.environ.items() if name != "RAY_AUTH_MODE"}
        environment |= {"HOME": "/proc/nowhere", "RAY_AUTH_TOKEN_PATH": "/proc/nowhere"}
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert (
            f"the Ray cluster at {address} wants its token, and refused us without one"
            in log.read_text() + done.stderr
        )
        with local.cluster() as again:
            assert again == mine
        assert ray.is_initialized(), "an inner use leaves it running"
    assert not ray.is_initialized()
    assert list(temporary.iterdir()) == [log], "Ray's session folder is removed"


WORKERS_IMPORT = """
import sys
from pathlib import Path
from seqsweep import seqmodels
from seqsweep.cluster.local import cluster
from seqsweep.cluster.output import divert

def imported():
    from seqsweep import seqmodels
    return seqmodels.__file__

def read():
    return Path(sys.argv[1]).read_text()

with divert(Path("log")) as terminal, cluster(cpus=1):
    import ray
    print(ray.get(ray.remote(imported).remote()) == seqmodels.__file__, read(), Path("log").exists(), file=terminal.stdout)
"""


def test_workers_import_what_is_installed_whatever_the_folder_holds(temporary: Path, tmp_path: Path) -> None:
    script = tmp_path / "elsewhere" / "driver.py"
    script.parent.mkdir()
    script.write_text(WORKERS_IMPORT)
    (tmp_path / "seqsweep").mkdir()
    (tmp_path / "seqsweep" / "__init__.py").write_text("# a source tree whose kernels are not built")
    (tmp_path / "note").write_text("read")
    done = subprocess.run(
        [sys.executable, str(script), "note"],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "True read True\n"), done.stderr
