"""What a node of a Ray cluster is besides a machine: looked at from one of Ray's workers there."""

from __future__ import annotations

import os
import shutil
import socket
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqsweep.sweeps.doctor.probe import Probe, probe

SHARED_MEMORY = Path("/dev/shm")
VARIABLES = {
    "s3": (
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_ENDPOINT_URL",
        "AWS_REGION",
    ),
    "gs": ("GOOGLE_APPLICATION_CREDENTIALS", "STORAGE_EMULATOR_HOST"),
}
"""What a store's credentials and place are read from. Only whether they are set leaves a node."""
LISTENING = "0A"  # /proc/net/tcp's state


@dataclass(frozen=True)
class Disk:
    """Bytes of the disk that `path` lies on."""

    path: str
    free: int
    total: int


@dataclass(frozen=True)
class Listener:
    """A port that one of Ray's processes listens on; `address` is 0.0.0.0 or :: where it does on all."""

    process: str
    address: str
    port: int


@dataclass(frozen=True)
class RayFound:
    """Ray on a node.

    Args:
        temporary: the disk of its temporary folder.
        shared_memory: bytes of /dev/shm, where the object store lies; None where there is none (macOS).
        open_files: how many a worker may have open.
        token: whether whoever connects must show a token.
        listeners: of all its processes on the node; None where the system does not tell.
        variables: whether those that the store needs are set.
    """

    temporary: Disk
    shared_memory: int | None
    open_files: int
    token: bool
    listeners: tuple[Listener, ...] | None
    variables: Mapping[str, bool]


@dataclass(frozen=True)
class Clock:
    """Seconds that a node is ahead of the head, and how wrong that may be: half of the fastest question's time."""

    ahead: float
    uncertainty: float


@dataclass(frozen=True)
class Node:
    """An alive node of the cluster.

    Args:
        id: Ray's.
        name: what it is called, different from all others'.
        address: its IP.
        host: its host name.
        head: whether the driver runs there.
        resources: what Ray was told that it has.
        probe: the machine; None where it did not answer.
        ray: Ray there.
        clock: None where it could not be compared.
        fault: why it did not answer.
    """

    id: str
    name: str
    address: str
    host: str
    head: bool
    resources: Mapping[str, float]
    probe: Probe | None = None
    ray: RayFound | None = None
    clock: Clock | None = None
    fault: str | None = None


class Prober:
    """An actor on the node that is looked at."""

    def look(self, store: str, requirements: Sequence[str], token: str | None) -> tuple[Probe, RayFound]:
        """The machine, and Ray on it; arguments as `probe`."""
        import ray

        context = ray.get_runtime_context()
        found = look_at_ray(store, context.get_session_name(), context.get_temp_dir())
        return probe(store, requirements, token), found

    def now(self) -> float:
        """This machine's clock: seconds since 1970."""
        return time.time()


def look_at_ray(store: str, session: str, folder: str) -> RayFound:
    """Look at Ray on this node. `session`: its name for the cluster's run; `folder`: its temporary one."""
    import resource

    usage = shutil.disk_usage(folder)
    names = VARIABLES.get(store.partition("://")[0], ())
    return RayFound(
        temporary=Disk(folder, usage.free, usage.total),
        shared_memory=shutil.disk_usage(SHARED_MEMORY).total if SHARED_MEMORY.is_dir() else None,
        open_files=resource.getrlimit(resource.RLIMIT_NOFILE)[0],
        token=_token_wanted(),
        listeners=_listeners(session),
        variables={name: bool(os.environ.get(name)) for name in names},
    )


def _token_wanted() -> bool:
    try:
        from ray._private.authentication.authentication_utils import is_token_auth_enabled
    except ImportError:  # another Ray may keep it elsewhere
        return os.environ.get("RAY_AUTH_MODE") == "token"
    return bool(is_token_auth_enabled())


def _listeners(session: str, proc: Path = Path("/proc")) -> tuple[Listener, ...] | None:
    """List the ports of processes with the session in their command line: raylet, GCS, dashboard; workers only talk to it."""
    sockets: dict[str, tuple[str, int]] = {}
    for name in ("tcp", "tcp6"):
        try:
            lines = (proc / "net" / name).read_text().splitlines()[1:]
        except OSError:  # macOS; or no IPv6
            continue
        for columns in map(str.split, lines):
            if columns[3] == LISTENING:
                sockets[f"socket:[{columns[9]}]"] = _decoded(columns[1])
    found = {
        Listener(process, *sockets[link])
        for folder in proc.iterdir()
        if folder.name.isdigit() and (process := _ray_process(folder, session))
        for link in _open_sockets(folder)
        if link in sockets
    }
    # a raylet always listens: where nothing was found, it could not be seen
    return tuple(sorted(found, key=lambda each: (each.process, each.port, each.address))) or None


def _ray_process(folder: Path, session: str) -> str | None:
    """Say what the process is called (of a Python, its script), None where it is not of this session."""
    try:
        words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:  # it has ended
        return None
    if not any(session in word for word in words):
        return None
    scripts = (Path(word).stem for word in words[1:] if word.endswith(".py"))
    return next(scripts, Path(words[0]).name)


def _open_sockets(folder: Path) -> Iterator[str]:
    with suppress(OSError):  # it has ended, or is another user's
        for descriptor in (folder / "fd").iterdir():
            with suppress(OSError):
                yield os.readlink(descriptor)


def _decoded(place: str) -> tuple[str, int]:
    """Decode `0100007F:1F90`: words of 4 bytes in the machine's order, as hex."""
    address, _, port = place.partition(":")
    words = [int(address[first : first + 8], 16) for first in range(0, len(address), 8)]
    packed = struct.pack(f"={len(words)}I", *words)
    family = socket.AF_INET if len(words) == 1 else socket.AF_INET6
    return socket.inet_ntop(family, packed).removeprefix("::ffff:"), int(port, 16)


def described(node: dict[str, Any], *, name: str, head: bool) -> Node:
    """A row of `ray.nodes()`, without what is the node's own address as a resource."""
    resources = {key: value for key, value in node["Resources"].items() if not key.startswith("node:")}
    return Node(
        node["NodeID"], name, node["NodeManagerAddress"], node["NodeManagerHostname"], head, resources
    )
