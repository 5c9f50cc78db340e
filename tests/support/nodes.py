"""A Ray of several nodes on this machine, made of real `ray start` processes that can be killed one by one.

In a test, also as a fixture of the whole session, unless the test kills the head:

    with Nodes([1, 1, 1]) as nodes:                          # CPUs of the head, then of each further node
        run(["seqsweep", "run", spec, "--address", nodes.address], env=nodes.environment)
        nodes[1].kill()                                      # SIGKILL to raylet, agents and workers at once
        nodes.add(cpus=2, gpus=1)

`Nodes(..., dashboard=True)` serves the Jobs API at `nodes.dashboard` ("http://127.0.0.2:PORT").

A process that joins needs `nodes.environment`: token authentication is on, and Ray reads its settings once a process,
so a test joins in a process of its own, never in pytest's. From a shell, these are the commands (and
`python tests/support/nodes.py 1 1 1 [--dashboard]` starts the same, prints address and environment, and ends on Ctrl-C):

    export RAY_AUTH_MODE=token RAY_AUTH_TOKEN_PATH=$DIR/token        # 64 hex digits, in a file of mode 600
    ray start --block --head --node-ip-address 127.0.0.2 --port $PORT --temp-dir $DIR/0 --num-cpus 1 &
    ray start --block --address 127.0.0.2:$PORT --node-ip-address 127.0.0.3 --temp-dir $DIR/1 --num-cpus 1 &

Every node has an address of its own on loopback; not 127.0.0.1, which Ray replaces by the machine's outer address in
whoever joins. Ray listens on all interfaces all the same (but where its address is exactly 127.0.0.1), hence the token.
Each node is a session of processes; they end with `close`, and by a guard when the test is killed. All that Ray writes,
`ray_current_cluster` included, lies in a folder of our own and goes with it.

A head and a node take 7 s to start on two quiet cores, half a minute on busy ones; ending them takes less than 1 s.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

PATIENCE = 120.0
DEAD_AFTER = {  # a node that does not answer is dead after 1.5 s instead of 14.5 s
    "RAY_health_check_initial_delay_ms": "500",
    "RAY_health_check_period_ms": "500",
    "RAY_health_check_failure_threshold": "3",
}
PATIENT = {"RAY_agent_register_timeout_ms": "100000"}
# told the sessions on its standard input, which closes when the test's process ends, however it does
GUARD = """
import os, signal, sys
sessions = {int(line) for line in sys.stdin}
for again in range(20):
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.getsid(int(name)) in sessions:
                os.kill(int(name), signal.SIGKILL)
        except OSError:
            pass
import shutil
shutil.rmtree(sys.argv[1], ignore_errors=True)
"""


def wait_for(what: Callable[[], bool], why: Callable[[], str], patience: float = PATIENCE) -> None:
    """Until `what()` is true; fails with the text of `why()`."""
    deadline = time.monotonic() + patience
    while not what():
        assert time.monotonic() < deadline, f"waited in vain: {why()}"
        time.sleep(0.05)


TRAINS = r"ray::(Trial|Resource|Train)"
"""Titles of a worker with a trial, which change as it works."""


def free_port() -> int:
    """A port that nobody listens on, at any address; below those that systems and Ray's workers take by themselves."""
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with socket.socket() as found, contextlib.suppress(OSError):
            found.bind(("", port))
            return port


def hiding(*folders: Path) -> list[str]:
    """What to put before a command so that it and its children see empty folders there, each a small disk of its own."""
    mounts = " && ".join(f"mount -t tmpfs -o size=1m tmpfs '{folder}'" for folder in folders)
    space = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-U", "-r", "-m"]
    return [*space, "sh", "-c", f'{mounts} && exec "$@"', "sh"]


def may_hide() -> bool:
    """Whether this user may make mount namespaces here."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            return subprocess.run([*hiding(Path(folder)), "true"], capture_output=True).returncode == 0
        except OSError:
            return False


class Node:
    """One node: `ray start --block` and everything that came of it."""

    def __init__(
        self,
        command: list[str],
        environment: dict[str, str],
        log: Path,
        address: str,
        announce: Callable[[int], None],
    ) -> None:
        self.command = command
        self.environment = environment
        self.log = log
        self.address = address
        self.announce = announce
        self._start()

    def _start(self) -> None:
        with self.log.open("w") as output:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self.environment,
                cwd=self.log.parent,  # not a source tree, which Ray would put before the installed packages
                start_new_session=True,
            )
        self.announce(self.process.pid)

    def wait_until_ready(self) -> None:
        """Until the node has joined. A raylet gives up where a busy machine starts its agents slowly: twice more, then."""
        for again in (True, True, False):
            wait_for(lambda: self._ready() or self.process.poll() is not None, self.log.read_text)
            if self._ready():
                return
            assert again, self.log.read_text()
            self.kill()
            self._start()

    def _ready(self) -> bool:
        return "Ray runtime started" in self.log.read_text()

    def pids(self) -> list[int]:
        """Living processes of the node, and what these started in sessions of their own (the drivers of jobs)."""
        parents: dict[int, int] = {}
        found = set()
        for name in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):  # gone meanwhile
                pid = int(name)
                fields = Path(f"/proc/{name}/stat").read_text().rpartition(") ")[2].split()
                if fields[0] != "Z":
                    parents[pid] = int(fields[1])
                    if int(fields[3]) == self.process.pid:
                        found.add(pid)
        while children := {pid for pid, parent in parents.items() if parent in found} - found:
            found |= children
        return sorted(found)

    def having(self, pattern: str) -> list[int]:
        """Processes whose command line the regular expression finds, such as `ray::` for workers."""
        return [pid for pid in self.pids() if re.search(pattern, _command(pid))]

    def kill(self) -> None:
        """SIGKILL to all of it: a machine that lost its power."""
        deadline = time.monotonic() + PATIENCE
        while pids := self.pids():
            assert time.monotonic() < deadline, f"processes {pids} do not die"
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        self.process.wait(PATIENCE)


class Nodes:
    """A head and further nodes; see the module's text.

    Args:
        cpus: CPUs of each node, the head's first; 0 is fine.
        dashboard: whether the head serves the Jobs API.
        environment: more variables for all nodes and whoever joins.
    """

    def __init__(
        self, cpus: Sequence[int], *, dashboard: bool = False, environment: dict[str, str] | None = None
    ) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="sq-", dir="/tmp"))  # short, for Ray's sockets
        self.nodes: list[Node] = []
        self.guard = subprocess.Popen(
            [sys.executable, "-S", "-c", GUARD, str(self.folder)],
            stdin=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            self._start(cpus, dashboard, environment or {})
        except BaseException:
            self.close()
            raise

    def _start(self, cpus: Sequence[int], dashboard: bool, environment: dict[str, str]) -> None:
        token = self.folder / "token"
        token.touch(mode=0o600)
        token.write_text(secrets.token_hex(32))
        (self.folder / "tmp").mkdir()
        ours = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
        self.environment = {
            **ours,
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": str(token),
            "RAY_USAGE_STATS_ENABLED": "0",
            "OMP_NUM_THREADS": "1",
            "TMPDIR": str(self.folder / "tmp"),
            **DEAD_AFTER,
            **PATIENT,
            **environment,
        }
        host, port = "127.0.0.2", free_port()
        self.address = f"{host}:{port}"
        self.dashboard = f"http://{host}:{free_port()}"
        options = ["--head", "--port", str(port), "--ray-client-server-port", str(free_port())]
        options += [f"--include-dashboard={str(dashboard).lower()}", "--dashboard-host", host]
        options += ["--dashboard-port", self.dashboard.rpartition(":")[2]]
        self._node(options, host, cpus[0], 0, ()).wait_until_ready()
        for node in [self._join(count, 0, ()) for count in cpus[1:]]:
            node.wait_until_ready()

    def add(self, *, cpus: int = 1, gpus: int = 0, hidden: Sequence[Path] = ()) -> Node:
        """Join one more node; it does not see what is in the `hidden` folders (see `may_hide`)."""
        node = self._join(cpus, gpus, hidden)
        node.wait_until_ready()
        return node

    def _join(self, cpus: int, gpus: int, hidden: Sequence[Path]) -> Node:
        return self._node(["--address", self.address], f"127.0.0.{len(self.nodes) + 2}", cpus, gpus, hidden)

    def _node(self, options: list[str], host: str, cpus: int, gpus: int, hidden: Sequence[Path]) -> Node:
        name = str(len(self.nodes))
        ray = [sys.executable, "-c", "from ray.scripts.scripts import main; main()", "start", "--block"]
        command = [*(hiding(*hidden) if hidden else []), *ray, *options]
        command += ["--node-ip-address", host, "--temp-dir", str(self.folder / name)]
        command += ["--num-cpus", str(cpus), "--num-gpus", str(gpus), "--disable-usage-stats"]
        command += ["--object-store-memory", "100000000", "--dashboard-agent-listen-port", str(free_port())]
        node = Node(command, self.environment, self.folder / f"{name}.log", host, self._announce)
        self.nodes.append(node)
        return node

    def _announce(self, session: int) -> None:
        assert self.guard.stdin is not None
        print(session, file=self.guard.stdin, flush=True)

    def __getitem__(self, index: int) -> Node:
        return self.nodes[index]

    def having(self, pattern: str) -> list[int]:
        """As `Node.having`, over all nodes."""
        return [pid for node in self.nodes for pid in node.having(pattern)]

    def close(self) -> None:
        """End all nodes and remove what they left."""
        for node in reversed(self.nodes):
            node.kill()
        assert self.guard.stdin is not None
        self.guard.stdin.close()
        self.guard.wait(PATIENCE)
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Nodes:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def main() -> None:
    """Start nodes until Ctrl-C."""
    parser = argparse.ArgumentParser(description="a Ray of several nodes on this machine, until Ctrl-C")
    parser.add_argument("cpus", type=int, nargs="*", default=[1, 1, 1], help="of each node, the head's first")
    parser.add_argument("--dashboard", action="store_true", help="serve the Jobs API")
    options = parser.parse_args()
    with Nodes(options.cpus, dashboard=options.dashboard) as nodes:
        for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN_PATH"):
            print(f"export {name}={nodes.environment[name]}")
        print(f"# seqsweep run --address {nodes.address}")
        if options.dashboard:
            print(f"# seqsweep submit --address {nodes.dashboard}")
        sys.stdout.flush()
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()


if __name__ == "__main__":
    main()
