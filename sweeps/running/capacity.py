"""How many trials the nodes of a Ray take at a time: a trial never spans nodes, and nodes come and go."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from seqsweep.cluster.local import Cluster, describe
from seqsweep.sweeps.resources import Place
from seqsweep.sweeps.resources import check_fits as check_place
from seqsweep.sweeps.resources import slots as at_a_time

if TYPE_CHECKING:
    from seqsweep.sweeps.spec.model import Resources


NODE_SECONDS = 600.0  # a cloud takes minutes to start a machine


def slots(resources: Resources, place: Cluster) -> int:
    """Trials at a time; 0 where a trial fits no node."""
    return at_a_time(resources, place.machines)


def check_fits(resources: Resources, place: Cluster) -> None:
    """Raise ClusterError where a trial fits no node of a Ray."""
    check_place(resources, Place(place.machines, f"no node of the {place.nodes} in this Ray has"))


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
