"""How many trials the nodes of a Ray take at a time: a trial never spans nodes, and nodes come and go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cluster.local import Cluster, ClusterError
from sweeps.placement import trials_per_node

if TYPE_CHECKING:
    from sweeps.spec import Resources


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
