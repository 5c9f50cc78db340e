"""The doctor's job on a cluster: asks every node and sends what it found, as records among the printed lines."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from seqsweep.cluster.local import cluster
from seqsweep.cluster.records import send
from seqsweep.sweeps.doctor.node import Clock, Node, Prober, described
from seqsweep.sweeps.doctor.node_checks import judge
from seqsweep.sweeps.doctor.probe import nearest, reason

QUESTIONS, QUESTION_SECONDS = 5, 5.0


def answer(task: Mapping[str, Any]) -> int:
    """Do the task of `seqsweep.sweeps.doctor.job`: send a record for each node with its checks, then one that these are all."""
    with cluster("auto"):
        nodes = ask(task["store"], task["requirements"], task["seconds"])
    for node, checks in zip(nodes, judge(nodes, task["here"]), strict=True):
        send(
            {"node": node.name, "facts": asdict(node), "checks": [asdict(check) for check in checks]},
            sys.stdout,
        )
    send({"nodes": len(nodes)}, sys.stdout)
    return 0


def ask(store: str, requirements: Sequence[str], seconds: float) -> list[Node]:
    """Every alive node, the head first; those that have not answered after so long say so in `fault`."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    nodes = _alive(ray.nodes(), ray.get_runtime_context().get_node_id())
    prober = ray.remote(num_cpus=0, max_restarts=0)(Prober)
    asked: dict[Any, tuple[Node, Any]] = {}
    answered: dict[str, Node] = {}
    if "://" not in store:  # nodes write where the head would, whosever home that is
        with contextlib.suppress(RuntimeError):  # no such home, which the check of the store says
            store = str(Path(store).expanduser().absolute())
    with _token(store) as token:
        for node in nodes:
            where = NodeAffinitySchedulingStrategy(node.id, soft=False)
            actor = prober.options(scheduling_strategy=where).remote()
            question = actor.look.remote(store, requirements, token)
            asked[question] = node, actor
        done, late = ray.wait(list(asked), num_returns=len(asked), timeout=seconds)
        for question in done:
            node, actor = asked[question]
            try:
                machine, found = ray.get(question)
                answered[node.id] = replace(node, probe=machine, ray=found, clock=_clock(actor))
            except Exception as error:  # the node or the worker died; or what it raised
                answered[node.id] = replace(node, fault=_fault(error))
        for question in late:
            node, _ = asked[question]
            answered[node.id] = replace(node, fault=f"no answer within {seconds:.0f} s")
        for _, actor in asked.values():
            ray.kill(actor)
    return [answered[node.id] for node in nodes]


def _alive(rows: Sequence[dict[str, Any]], head: str) -> list[Node]:
    """The head first, then by name; names are made unique by Ray's ids."""
    alive = [row for row in rows if row["Alive"]]
    names = [row.get("NodeName") or row["NodeManagerAddress"] for row in alive]
    counts = Counter(names)
    nodes = [
        described(
            row,
            name=f"{name} ({row['NodeID'][:6]})" if counts[name] > 1 else name,
            head=row["NodeID"] == head,
        )
        for row, name in zip(alive, names, strict=True)
    ]
    return sorted(nodes, key=lambda node: (not node.head, node.name))


@contextlib.contextmanager
def _token(store: str) -> Iterator[str | None]:
    """A file beside or in the store, gone afterwards; None where it cannot be written, or the store is no folder."""
    if "://" in store:
        yield None
        return
    try:
        descriptor, path = tempfile.mkstemp(prefix=".seqsweep-doctor-", dir=nearest(Path(store)))
    except OSError:  # the head's check of the store says why
        yield None
        return
    os.close(descriptor)
    try:
        yield path
    finally:
        with contextlib.suppress(OSError):
            os.unlink(path)


def _clock(actor: Any) -> Clock | None:
    """Compare as NTP does: of several questions, the one that took least tells most."""
    import ray

    best: Clock | None = None
    for _ in range(QUESTIONS):
        before = time.time()
        try:
            there = ray.get(actor.now.remote(), timeout=QUESTION_SECONDS)
        except Exception:  # it has answered what mattered
            break
        after = time.time()
        clock = Clock(there - (before + after) / 2, (after - before) / 2)
        if best is None or clock.uncertainty < best.uncertainty:
            best = clock
    return best


def _fault(error: BaseException) -> str:
    """Why a node did not answer: what the probe raised, or why Ray has lost its worker."""
    cause = getattr(error, "cause", None)
    if found := re.search(r"dead because (.*?)\.(?:\s|$)", str(error)):
        return f"asked in vain: {found[1]}"
    return f"asked in vain: {reason(cause if isinstance(cause, BaseException) else error)}"
