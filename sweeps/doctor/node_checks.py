"""Judges the nodes of a cluster, each by itself, against the head and against the machine that asks. Pure functions."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from seqsweep.sweeps.doctor import checks
from seqsweep.sweeps.doctor.checks import GIB, Advice, Check
from seqsweep.sweeps.doctor.node import Node, RayFound
from seqsweep.sweeps.doctor.probe import MAIN_PACKAGES, Probe

THERE = Advice(
    reinstall="`pip install -v .` in seqsweep's folder there: compiled kernels do not travel between unlike machines",
    fewer_trials="end other programs there, start its Ray with a smaller `--num-cpus`, or raise `resources.cpus_per_trial`",
    another_store="give another store with --store",
)
SHARED_STORE = "for speed, give --store s3://BUCKET/FOLDER or a folder that all nodes share"
CLOCK_SECONDS = 3.0
FULL = 0.95  # of a disk: Ray takes no more objects then
OPEN_FILES = 4096

Versions = Mapping[str, str]


def versions(found: Probe) -> dict[str, str]:
    """Read what must be alike: of Python, and of the main packages that are there."""
    return {"python": found.python} | {
        each.name: each.version for each in found.packages if each.version and each.name in MAIN_PACKAGES
    }


def judge(nodes: Sequence[Node], here: Versions) -> list[tuple[Check, ...]]:
    """The checks of each node. `here`: versions (as `versions` has them, and `seqsweep`) of the machine that asks."""
    head = next((versions(node.probe) for node in nodes if node.head and node.probe), {})
    return [tuple(_node(node, head, here)) for node in nodes]


def _node(node: Node, head: Versions, here: Versions) -> Iterator[Check]:
    if node.probe is None or node.ray is None:
        remedy = "see the raylet's log there and `ray status` on the head; start Ray there anew, or remove the node"
        yield Check("answer", "failed", node.fault or "none", remedy)
        return
    found, ray = node.probe, node.ray
    yield _python(found, head, here)
    yield _seqsweep(found, here)
    for check in checks.packages(found.packages):
        yield _compared(check, versions(found), head, here)
    yield checks.backend(found.backend, THERE)
    yield _gpus(found, int(node.resources.get("GPU", 0)))
    told = int(node.resources.get("CPU", 0))
    yield _cores(found, told)
    yield checks.memory(found.memory, told, THERE)
    yield _store(found)
    if ray.variables:
        words = (f"{name} {'set' if there else 'not set'}" for name, there in ray.variables.items())
        yield Check("credentials", "ok", ", ".join(words))
    if node.clock is not None:
        yield _clock(node.clock.ahead, node.clock.uncertainty)
    yield _temporary(ray)
    if ray.shared_memory is not None:
        yield _shared_memory(ray.shared_memory, int(node.resources.get("object_store_memory", 0)))
    yield _open_files(ray.open_files)
    yield _network(ray, node.address)


def _python(found: Probe, head: Versions, here: Versions) -> Check:
    wanted = head.get("python", found.python)
    if _minor(found.python) != _minor(wanted):
        finding = f"{found.python}, but the head has {wanted}"
        remedy = f"start Ray there with Python {_minor(wanted)}: all nodes must have one minor version"
        return Check("python", "failed", finding, remedy)
    return Check("python", "ok", f"{found.python}{_unlike(found.python, here.get('python'))}")


def _seqsweep(found: Probe, here: Versions) -> Check:
    if not found.shipped:
        return Check("seqsweep", "ok", f"{found.installed}, installed")
    there = f"{found.installed} is installed there" if found.installed else "none is installed there"
    return Check("seqsweep", "ok", f"{here.get('seqsweep', '')}, shipped from here; {there}".lstrip(", "))


def _compared(check: Check, there: Versions, head: Versions, here: Versions) -> Check:
    """The check of a package, worse where it differs from the head's (Ray) or from the one here (torch)."""
    name, version = check.name, there.get(check.name)
    if version is None or check.status == "failed":
        return check
    if name == "ray" and version != head.get(name, version):
        finding = f"{version}, but the head has {head[name]}"
        remedy = (
            f"pip install 'ray=={head[name]}', then start Ray there anew: all nodes must have one version"
        )
        return Check(name, "failed", finding, remedy)
    wanted = here.get(name)
    if name == "torch" and wanted is not None and _public(version) != _public(wanted):
        finding = f"{version}, but {wanted} here: results may differ in their last digits"
        return Check(name, "warning", finding, f"pip install 'torch=={_public(wanted)}' on every node")
    return replace(check, finding=check.finding + _unlike(version, wanted))


def _gpus(found: Probe, told: int) -> Check:
    check, seen = checks.gpus(found.gpus), len(found.gpus.found)
    if found.gpus.found:
        capabilities = sorted({gpu.capability for gpu in found.gpus.found})
        more = f"driver {found.gpus.driver or 'unknown'}, compute capability {', '.join(capabilities)}"
        check = replace(check, finding=f"{check.finding}; {more}")
    if told > seen and check.status != "failed":
        finding = (
            f"Ray was told of {told}, but torch sees {seen or 'none'}: a trial with `gpus_per_trial` may fail"
        )
        if check.status == "warning":
            finding += f"; {check.finding}"
        remedy = check.remedy or f"start Ray there with --num-gpus={seen}, or mend what torch sees"
        return Check("gpus", "failed", finding, remedy)
    if told < seen and check.status == "ok":
        finding = f"{check.finding}; Ray was told of {told}"
        return Check("gpus", "warning", finding, f"start Ray there with --num-gpus={seen} to use them all")
    return check


def _cores(found: Probe, told: int) -> Check:
    check = checks.cores(found)
    finding = f"{check.finding}; Ray was told of {told}" + ("" if told else ": no trial runs there")
    if told <= found.usable_cpus:
        return replace(check, finding=finding)
    remedy = f"start Ray there with --num-cpus={found.usable_cpus}: more trials than cores slow each other"
    return Check("cores", "warning", finding, remedy)


def _store(found: Probe) -> Check:
    if found.store.shared:
        return checks.store(found.store, THERE)
    finding = f"{found.store.shown} is the head's alone: what is trained there is written through the head"
    return Check("store", "warning", finding, SHARED_STORE)


def _clock(ahead: float, uncertainty: float) -> Check:
    if abs(ahead) - uncertainty <= CLOCK_SECONDS:
        return Check("clock", "ok", f"within {max(0.1, abs(ahead) + uncertainty):.1f} s of the head's")
    finding = f"{abs(ahead):.1f} s {'ahead of' if ahead > 0 else 'behind'} the head's"
    remedy = "set it by NTP (chrony): times in results mislead, and S3 refuses signatures 15 minutes off"
    return Check("clock", "warning", finding, remedy)


def _temporary(ray: RayFound) -> Check:
    disk = ray.temporary
    finding = f"{disk.path}, {disk.free / GIB:.1f} of {disk.total / GIB:.1f} GiB free"
    if disk.free >= checks.FREE_DISK and disk.free >= (1 - FULL) * disk.total:
        return Check("ray's disk", "ok", finding)
    remedy = f"free some of it, or start Ray with another --temp-dir: at {FULL:.0%} Ray takes no more objects"
    return Check("ray's disk", "warning", finding, remedy)


def _shared_memory(size: int, objects: int) -> Check:
    finding = f"/dev/shm {size / GIB:.1f} GiB, Ray's object store {objects / GIB:.1f} GiB"
    if objects <= size:
        return Check("shared memory", "ok", finding)
    remedy = "enlarge it (docker: --shm-size; Kubernetes: an emptyDir of medium Memory), or Ray uses the slower disk"
    return Check("shared memory", "warning", finding, remedy)


def _open_files(limit: int) -> Check:
    if limit >= OPEN_FILES or limit < 0:  # -1: no limit
        return Check("open files", "ok", f"{limit} at most" if limit >= 0 else "no limit")
    remedy = "`ulimit -n 65536` before `ray start` (systemd: LimitNOFILE=65536)"
    return Check("open files", "warning", f"{limit} at most, and Ray needs some for every worker", remedy)


def _network(ray: RayFound, address: str) -> Check:
    if ray.token:
        return Check("network", "ok", "whoever connects to Ray must show its token")
    if ray.listeners is None:
        who = [] if ipaddress.ip_address(address).is_loopback else ["Ray"]
    else:
        who = sorted({each.process for each in ray.listeners if not _loopback(each.address)})
    if not who:
        return Check("network", "ok", "Ray listens on the loopback interface alone")
    finding = (
        f"{', '.join(who)} can be reached from other machines without a token, and run what they are sent"
    )
    remedy = (
        "let only the cluster reach its ports (firewall, security group, NetworkPolicy), or start every node with "
        "RAY_AUTH_MODE=token and the head's ~/.ray/auth_token"
    )
    return Check("network", "warning", finding, remedy)


def _loopback(address: str) -> bool:
    return ipaddress.ip_address(address).is_loopback


def _unlike(version: str, here: str | None) -> str:
    return "" if here is None or here == version else f" ({here} here)"


def _minor(version: str) -> str:
    return ".".join(version.split(".")[:2])


def _public(version: str) -> str:
    """Drop what a build adds: 2.6.0 of 2.6.0+cu124."""
    return version.partition("+")[0]
