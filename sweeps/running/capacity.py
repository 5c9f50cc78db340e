"""How many trials the nodes of a Ray take at a time: a trial never spans nodes, and nodes come and go."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from seqsweep.cluster.local import Cluster, ClusterError, describe
from seqsweep.sweeps.resources import trials_per_node

if TYPE_CHECKING:
    from seqsweep.sweeps.spec.model import Resources


NODE_SECONDS = 600.0  # a cloud takes minutes to start a machine


def slots(resources: Resources, place: Cluster) -> int:
    """Trials at a time; 0 where a trial fits no node."""
    fit = sum(trials_per_node(resources, machine.cpus, machine.gpus) for machine in place.machines)
    return min(fit, resources.max_concurrent) if resources.max_concurrent else fit


def check_fits(resources: Resources, place: Cluster) -> None:
    """Raise ClusterError where a trial fits no node: Ray would wait for ever."""
    if slots(resources, place):
        return
    for name, asked, unit in (
        ("cpus_per_trial", resources.cpus_per_trial, "CPUs"),
        ("gpus_per_trial", resources.gpus_per_trial, "GPUs"),
    ):
        most = max((getattr(machine, unit.lower()) for machine in place.machines), default=0)
        if asked > most:
            raise ClusterError(
                f"`resources.{name}` is {asked:g}, but must be at most {most}: "
                f"no node of the {place.nodes} in this Ray has more {unit}"
            )
    raise ClusterError(
        f"`resources` asks for {resources.cpus_per_trial} CPUs and {resources.gpus_per_trial:g} GPUs a trial, but none of "
        f"the {place.nodes} nodes in this Ray has both"
    )


def fitting(resources: Resources, place: Cluster, wait: Callable[[str], None]) -> Cluster:
    """The cluster, once a trial fits one of its nodes.

    Of a cluster that is joined while it has its head alone, the others may be starting, or may have to be asked for (an
    autoscaler that begins with none): then this waits ten minutes for them.

    Args:
        resources: a trial's share.
        place: the cluster as it is.
        wait: called again and again with what is waited for; should take a moment, and may raise.

    Raises:
        ClusterError: no node is large enough.
    """
    if place.address is None or place.nodes > 1 or slots(resources, place):
        check_fits(resources, place)
        return place
    from ray.autoscaler.sdk import request_resources

    share = {"CPU": resources.cpus_per_trial} | (
        {"GPU": resources.gpus_per_trial} if resources.gpus_per_trial else {}
    )
    request_resources(bundles=[share])
    try:
        deadline = time.monotonic() + NODE_SECONDS
        while not slots(resources, place) and time.monotonic() < deadline:
            gpus = f" and {resources.gpus_per_trial:g} GPUs" if resources.gpus_per_trial else ""
            wait(f"waiting for a node with {resources.cpus_per_trial} CPUs{gpus}")
            place = describe(place.address)
    finally:
        request_resources(bundles=[])
    check_fits(resources, place)
    return place
