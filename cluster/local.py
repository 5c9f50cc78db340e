"""A quiet Ray on this machine, or a cluster that already runs; ends only what it started."""

import contextlib
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cluster.limits import usable_cpus
from cluster.session_folder import session_folder

QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # leave CUDA_VISIBLE_DEVICES alone, and do not warn about it
    "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # the store is ours; 36 instead of 23 trials a second
    "TUNE_GLOBAL_CHECKPOINT_S": "1000000000",  # but at the end: nobody restores Tune's snapshots, which grow with the sweep
    "TUNE_DISABLE_SIGINT_HANDLER": "1",  # the sweep stops itself
    "RAY_AIR_NEW_OUTPUT": "0",
}
CONNECT_SECONDS = 5.0


class ClusterError(ValueError):
    """The asked-for cluster cannot be reached, or has not what a trial needs."""


@dataclass(frozen=True)
class Machine:
    """One node's resources, as it told Ray."""

    cpus: int
    gpus: int


@dataclass(frozen=True)
class Cluster:
    """What trials may use: nodes that are alive; `address` is None for a Ray of our own."""

    machines: tuple[Machine, ...]
    address: str | None

    @property
    def cpus(self) -> int:
        """Cores of all nodes."""
        return sum(machine.cpus for machine in self.machines)

    @property
    def gpus(self) -> int:
        """GPUs of all nodes."""
        return sum(machine.gpus for machine in self.machines)

    @property
    def nodes(self) -> int:
        """How many there are."""
        return len(self.machines)


@contextmanager
def cluster(address: str | None = None, *, cpus: int | None = None) -> Iterator[Cluster]:
    """Start a local Ray with `cpus` cores (default: those that this process may use), or join `address`.

    A Ray to which this process is already connected is used as it is, and left running. Ray's own output goes to
    wherever standard output and error lead meanwhile: see `cluster.output.divert`. Workers import what is installed,
    whatever folder this process was started in.

    Raises ClusterError where `address` is malformed or does not answer.
    """
    check_address(address, cpus)
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    import ray

    if ray.is_initialized():
        yield describe(address)
        return
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(session_folder())
        stack.callback(ray.shutdown)  # also after a start that failed half way
        # Ray puts the folder it is started in before the installed packages of every worker: a source tree there
        # (without compiled kernels), or any package that happens to be called `results`, would be imported instead
        with contextlib.chdir(folder):
            if address is None:
                ray.init(
                    address="local",
                    num_cpus=cpus or usable_cpus(),
                    include_dashboard=False,
                    log_to_driver=True,
                    _temp_dir=folder,
                )
            else:
                try:
                    ray.init(address=address, log_to_driver=True)
                except (ConnectionError, RuntimeError, ValueError) as error:
                    raise ClusterError(
                        f"no Ray cluster answers at {address}: {_first_line(error)}"
                    ) from error
        yield describe(address)


def check_address(address: str | None, cpus: int | None) -> None:
    """Find at once what `cluster` would find late: ClusterError for a bad value, or where nobody listens."""
    if cpus is not None and cpus < 1:
        raise ClusterError(f"`cpus` is {cpus}, but must be at least 1")
    if address is None:
        return
    if cpus is not None:
        raise ClusterError(
            "--cpus sizes a local Ray, and has no meaning for a cluster that is joined by --address"
        )
    if address == "auto":
        return
    if "://" in address:
        raise ClusterError(
            f"address is {address}, but must be HOST:PORT or auto (a Ray Client cannot run a sweep)"
        )
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or not 0 < int(port) < 65536:
        raise ClusterError(
            f"address is {address}, but must be HOST:PORT (Ray's default port is 6379) or auto"
        )
    try:
        # Ray itself would try for a minute
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_SECONDS).close()
    except OSError as error:
        raise ClusterError(f"no Ray cluster answers at {address}: {error.strerror or error}") from error


def describe(address: str | None) -> Cluster:
    """The nodes of the Ray that this process is connected to, as they are now."""
    import ray

    alive = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return Cluster(tuple(Machine(int(has.get("CPU", 0)), int(has.get("GPU", 0))) for has in alive), address)


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
