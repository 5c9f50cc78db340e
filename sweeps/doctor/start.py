"""What a Ray of our own needs of this machine: one list, which `doctor` shows and `run` and `resume` obey.

A check that failed would end the start, or keep workers from ever coming; a warning may do so.
"""

from __future__ import annotations

import os
import resource
import shutil
import socket
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from seqsweep.cluster import places, starting
from seqsweep.cluster.errors import ClusterError
from seqsweep.cluster.limits import processes_left, usable_cpus
from seqsweep.sweeps.doctor.checks import Check

MEGABYTE, GIB = 1_000_000, 1 << 30
TASKS, TASKS_PER_CORE = 200, 100
TASKS_LEAST, TASKS_LEAST_PER_CORE = 120, 20
"""Processes and threads: 223 were counted with two trials on two cores, and Ray did not start there with 160."""
OPEN_FILES, OPEN_FILES_LEAST = 256, 64
ADDRESS_SPACE, ADDRESS_SPACE_LEAST = 32 * GIB, 4 * GIB
FILE_SIZE = GIB // 4
CPU_SECONDS = 60
LOOPBACK_SECONDS = 5.0
PROXIES = ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "grpc_proxy")


def checks(cpus: int | None = None, *, joined: bool = False) -> Iterator[Check]:
    """Look at everything; takes milliseconds, starts nothing, leaves nothing.

    Args:
        cpus: of the Ray that would start.
        joined: a cluster would be joined instead, which needs little here.
    """
    yield _current_folder()
    yield _temporary()
    if joined:
        return
    yield _interpreter()
    yield _programs()
    yield _shared_memory()
    yield _processes(cpus or usable_cpus())
    yield from _limits()
    yield _loopback()
    yield _home()
    yield _proxy()


def require(cpus: int | None = None, *, joined: bool = False) -> list[str]:
    """List what may go wrong, a sentence each; arguments as `checks`.

    Raises ClusterError with what certainly would go wrong, and what to do about it.
    """
    found = list(checks(cpus, joined=joined))
    failed = [check for check in found if check.status == "failed"]
    if failed:
        raise ClusterError("\n".join(map(sentence, failed)))
    return [sentence(check) for check in found if check.status == "warning"]


def sentence(check: Check) -> str:
    """A check that is not well, in a line."""
    return f"{check.name}: {check.finding}" + (f"; {check.remedy}" if check.remedy else "")


def _current_folder() -> Check:
    try:
        here = os.getcwd()
    except OSError as error:
        finding = f"it is gone: {error.strerror}"
        return Check("current folder", "failed", finding, "`cd` to a folder that is there, and run again")
    return Check("current folder", "ok", here)


def _interpreter() -> Check:
    path = sys.executable
    if not path or not os.access(path, os.X_OK):
        finding = f"{path or 'Python does not say which it is'}: it cannot be started, so workers cannot"
        return Check(
            "interpreter", "failed", finding, "make the environment anew, and install seqsweep into it"
        )
    return Check("interpreter", "ok", path)


def _programs() -> Check:
    """Ray starts its servers from its package, and each worker by way of bash."""
    finding = "bash is not found in PATH, and Ray starts workers by it"
    if shutil.which("bash") is None:
        return Check("programs", "failed", finding, "install bash, or mend PATH")
    spec = find_spec("ray")
    for folder in (spec and spec.submodule_search_locations) or ():
        for name in ("raylet/raylet", "gcs/gcs_server"):
            path = Path(folder, "core/src/ray", name)
            if path.exists() and not os.access(path, os.X_OK):
                finding = f"{path} may not be started (a disk mounted `noexec`?)"
                return Check(
                    "programs", "failed", finding, "install into an environment where programs may be started"
                )
    return Check("programs", "ok", "bash and Ray's servers can be started")


def _temporary() -> Check:
    try:
        folder = places.session_base()
        free = shutil.disk_usage(folder).free
    except (ClusterError, OSError) as error:
        finding, _, remedy = str(error).partition(". ")
        return Check("temporary folder", "failed", finding, remedy or "set TMPDIR to a folder with room")
    first = places.candidates()[0]
    finding = f"{folder}, {free / GIB:.1f} GiB free"
    wanted = os.environ.get("TMPDIR", first)
    if folder != os.path.abspath(wanted):
        why = places.fault(wanted) or "is not the first that will do"
        finding += f"; Ray's session goes there, as {wanted} {why}"
    if free < places.ROOM:
        return Check(
            "temporary folder", "warning", finding, "free some room, or set TMPDIR to where there is more"
        )
    return Check("temporary folder", "ok", finding)


def _shared_memory() -> Check:
    if sys.platform != "linux":
        return Check("shared memory", "ok", "not needed on this system")
    left, wanted = starting.shared_memory_left(), starting.STORE_ENOUGH
    if left >= wanted:
        return Check("shared memory", "ok", f"/dev/shm, {left / GIB:.1f} GiB free")
    finding = (
        f"/dev/shm has {left / MEGABYTE:.0f} MB free"
        if starting.SHARED_MEMORY.is_dir()
        else "there is no /dev/shm"
    )
    finding += ": data are shared through the temporary folder if they need more"
    remedy = "for speed, enlarge it (docker: --shm-size; Kubernetes: an emptyDir of medium Memory)"
    return Check("shared memory", "warning", finding, remedy)


def _processes(cpus: int) -> Check:
    left = [each for each in (processes_left(), _left_of_user()) if each is not None]
    if not left:
        return Check("processes", "ok", "no limit")
    wanted = TASKS + TASKS_PER_CORE * cpus
    finding = f"{min(left)} more may be started (threads count)"
    if min(left) >= wanted:
        return Check("processes", "ok", finding)
    finding += f", but Ray with {cpus} cores needs some {wanted}"
    remedy = "raise `ulimit -u`, docker's --pids-limit or systemd's TasksMax, or give fewer cores with --cpus"
    return Check(
        "processes",
        "failed" if min(left) < TASKS_LEAST + TASKS_LEAST_PER_CORE * cpus else "warning",
        finding,
        remedy,
    )


def _left_of_user() -> int | None:
    """Processes and threads that this user may still start; None without a limit, or for root, who is not held to it."""
    limit = resource.getrlimit(resource.RLIMIT_NPROC)[0]
    if limit == resource.RLIM_INFINITY or os.geteuid() == 0:
        return None
    count = 0
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if folder.stat().st_uid == os.geteuid():
                count += len(os.listdir(folder / "task"))
        except OSError:  # it has ended
            continue
    return max(0, limit - count)


def _limits() -> Iterator[Check]:
    """Check the limits of a process, set by `ulimit`, a batch system or systemd; one check where all are well."""
    found = [
        _limit("open files", resource.RLIMIT_NOFILE, OPEN_FILES_LEAST, OPEN_FILES, "", "`ulimit -n 65536`"),
        _limit(
            "address space",
            resource.RLIMIT_AS,
            ADDRESS_SPACE_LEAST,
            ADDRESS_SPACE,
            " GiB",
            "`ulimit -v unlimited` (Slurm, SGE: ask for memory, not for virtual memory)",
        ),
        _limit("data segment", resource.RLIMIT_DATA, GIB, 8 * GIB, " GiB", "`ulimit -d unlimited`"),
        _limit("file size", resource.RLIMIT_FSIZE, FILE_SIZE, FILE_SIZE, " GiB", "`ulimit -f unlimited`"),
        _limit(
            "cpu time",
            resource.RLIMIT_CPU,
            CPU_SECONDS,
            1 << 40,
            " s",
            "`ulimit -t unlimited`: it ends whoever reaches it",
        ),
    ]
    amiss = [check for check in found if check.status != "ok"]
    yield from amiss or [Check("limits", "ok", "; ".join(f"{check.name} {check.finding}" for check in found))]


def _limit(name: str, which: int, least: int, enough: int, words: str, remedy: str) -> Check:
    limit, unit = resource.getrlimit(which)[0], GIB if words == " GiB" else 1
    if limit == resource.RLIM_INFINITY or limit >= enough:
        return Check(
            name, "ok", "without limit" if limit == resource.RLIM_INFINITY else f"{limit / unit:.6g}{words}"
        )
    finding = f"{limit / unit:.3g}{words} at most"
    if limit >= least:
        return Check(name, "warning", f"{finding}: Ray or a trial may need more", remedy)
    return Check(name, "failed", f"{finding}, but Ray needs {least / unit:.3g}{words}", remedy)


def _loopback() -> Check:
    """Ray's processes talk to each other through the network even on one machine."""
    remedy = "`ip link set lo up`, and let no firewall stand before 127.0.0.1"
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            _connect(server.getsockname())
    except OSError as error:
        finding = f"127.0.0.1 cannot be reached: {error.strerror or error}"
        return Check("loopback", "failed", finding, remedy)
    try:
        addresses = {str(each[4][0]) for each in socket.getaddrinfo("localhost", None)}
    except OSError as error:
        finding = (
            f"127.0.0.1 can be reached, but the name `localhost` is not known: {error.strerror or error}"
        )
        return Check("loopback", "warning", finding, "add `127.0.0.1 localhost` to /etc/hosts")
    if not addresses & {"127.0.0.1", "::1"}:
        finding = f"the name `localhost` leads to {', '.join(sorted(addresses))}"
        return Check("loopback", "warning", finding, "add `127.0.0.1 localhost` to /etc/hosts")
    return Check("loopback", "ok", "127.0.0.1 can be reached")


def _connect(address: tuple[str, int]) -> None:
    with socket.socket() as end:
        end.settimeout(LOOPBACK_SECONDS)
        end.connect(address)


def _home() -> Check:
    """Only joining a cluster may need it, for the token that Ray keeps there."""
    try:
        home = Path.home()
    except RuntimeError:
        return Check("home", "ok", "none is known; it is not needed here")
    folder = home / ".ray"
    if folder.is_dir() and os.access(folder, os.W_OK):
        return Check("home", "ok", f"{folder} can be written")
    if not os.path.lexists(folder) and home.is_dir() and os.access(home, os.W_OK):
        return Check("home", "ok", f"{home} can be written")
    return Check("home", "ok", f"{folder} cannot be written; it is not needed here")


def _proxy() -> Check:
    named = [name for name in PROXIES if os.environ.get(name)]
    if not named:
        return Check("proxy", "ok", "none is set")
    finding = f"{', '.join(named)}: used for other machines, never for this one"
    return Check("proxy", "ok", finding)
