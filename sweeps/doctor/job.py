"""`seqsweep doctor --address`: sends the doctor to a cluster as a short job, and sorts what it answers."""

from __future__ import annotations

import contextlib
import platform
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Any

from seqsweep.cluster.local import ClusterError
from seqsweep.cluster.records import received
from seqsweep.extras import install
from seqsweep.sweeps.doctor.checks import Check, Status, worst
from seqsweep.sweeps.doctor.probe import MAIN_PACKAGES
from seqsweep.sweeps.shipping import run_task

if TYPE_CHECKING:
    from seqsweep.cluster.jobs import Job, Jobs

NODE_SECONDS = 60.0  # a cold node imports torch from a slow disk
JOB_SECONDS = 120.0  # for the rest: shipping, the driver's start
TAIL = 5  # lines of the log that explain a failure


@dataclass(frozen=True)
class NodeDiagnosis:
    """What was found of a node. `facts`: all that was looked at, as plain values."""

    name: str
    checks: tuple[Check, ...]
    facts: Mapping[str, Any]


@dataclass(frozen=True)
class ClusterDiagnosis:
    """What was found of every node, the head first."""

    address: str
    store: str
    nodes: tuple[NodeDiagnosis, ...]

    @property
    def status(self) -> Status:
        """The worst check's."""
        return worst([check for node in self.nodes for check in node.checks])


def examine_cluster(jobs: Jobs, store: str, node_seconds: float = NODE_SECONDS) -> ClusterDiagnosis:
    """Look at every node, which takes some 15 seconds; nothing is left there.

    Args:
        jobs: of the cluster.
        store: as `submission.check_store` lets it pass.
        node_seconds: how long a node may take to answer.

    Raises:
        ClusterError: the cluster does not answer, or refuses.
    """
    name = f"seqsweep-doctor-{secrets.token_hex(3)}"
    task = {
        "verb": "doctor",
        "store": store,
        "seconds": node_seconds,
        "requirements": _requirements(),
        "here": _here(),
    }
    try:
        run_task(jobs, task, name=name)
        job = jobs.wait(name, JOB_SECONDS + node_seconds)
        nodes = _sorted(job, jobs.lines(name))
    finally:  # also for Ctrl-C
        with contextlib.suppress(ClusterError):
            jobs.forget(name)
    return ClusterDiagnosis(jobs.address, store, nodes)


def _sorted(job: Job, lines: Iterable[str]) -> tuple[NodeDiagnosis, ...]:
    """The answers; where they are not complete, what is known of the reason, as a failed check of the head."""
    nodes: list[NodeDiagnosis] = []
    said: list[str] = []
    for line in received(lines):
        if isinstance(line, str):
            said.append(line)
        elif "node" in line:
            checks = tuple(Check(**each) for each in line["checks"])
            nodes.append(NodeDiagnosis(line["node"], checks, line["facts"]))
        elif line.get("nodes") == len(nodes):
            return tuple(nodes)
    tail = "; ".join(text.strip() for text in said[-TAIL:] if text.strip())
    if not job.over:
        finding = f"the doctor's job is still {job.status}; {job.message}"
        remedy = "see `ray status` on the head: its agent must run, and start workers"
    else:
        finding = f"the doctor's job ended as {job.status}: {tail or job.message}"
        remedy = f"mend the head's packages ({install('cluster')}), and see the job's log there"
    return (NodeDiagnosis("the head", (Check("job", "failed", finding, remedy),), {}),)


def _requirements() -> list[str]:
    try:
        return metadata.requires("seqsweep") or []
    except metadata.PackageNotFoundError:
        return []


def _here() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in ("seqsweep", *MAIN_PACKAGES):
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found
