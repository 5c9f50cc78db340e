"""A quiet Ray on this machine, or a cluster that already runs; ends only what it started."""

import contextlib
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from seqsweep.cluster import session, starting
from seqsweep.cluster.errors import ClusterError
from seqsweep.cluster.limits import usable_cpus
from seqsweep.cluster.ray_log import says
from seqsweep.cluster.session_folder import session_folder

__all__ = ["Cluster", "ClusterError", "Machine", "check_address", "cluster", "describe", "usable_cpus"]

CONNECT_SECONDS = 5.0


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
def cluster(
    address: str | None = None, *, cpus: int | None = None, watch: starting.Watch | None = None
) -> Iterator[Cluster]:
    """Start a local Ray with `cpus` cores (default: those that this process may use), or join `address`.

    A Ray to which this process is already connected is used as it is, and left running. Ray's own output goes to
    wherever standard output and error lead meanwhile: see `seqsweep.cluster.output.divert`. Workers import what is installed,
    whatever folder this process was started in, below `uv run` too.

    `watch` is told how the start goes on where it takes long.

    Raises ClusterError where `address` is malformed, does not answer, or wants a token that is not here, or where Ray does not
    start; `starting.Stopped` where a signal came meanwhile.
    """
    check_address(address, cpus)
    session.quiet()
    import ray

    if ray.is_initialized():
        yield describe(address)
        return
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(session_folder())
        place = Path(folder)
        stack.enter_context(session.own(place) if address is None else session.joining(address, place))
        stack.callback(ray.shutdown)  # also after a start that failed half way
        # Ray puts the folder it is started in before the installed packages of every worker: a source tree there
        # (without compiled kernels), or any package that happens to be called `results`, would be imported instead
        with contextlib.chdir(folder), starting.bounded(folder, watch or starting.Watch()):
            if address is None:
                try:
                    ray.init(
                        address="local",
                        num_cpus=cpus or usable_cpus(),
                        include_dashboard=False,
                        log_to_driver=True,
                        _temp_dir=folder,
                        _skip_env_hook=True,
                        **starting.options(folder),
                    )
                except Exception as error:  # whatever it was, nothing can be trained here
                    raise ClusterError(
                        f"Ray does not start here: {_first_line(error)}{says(folder)}; `seqsweep doctor` looks for causes"
                    ) from error
            else:
                try:
                    ray.init(address=address, log_to_driver=True, _skip_env_hook=True)
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
