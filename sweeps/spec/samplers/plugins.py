"""Samplers of other packages: an entry point `seqsweep.samplers` names a `Sampler`, or an instance of one."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import entry_points

from seqsweep.seqmodels.data.notes import say
from seqsweep.sweeps.spec.samplers.base import Sampler

GROUP = "seqsweep.samplers"


def plugged(known: Iterable[str]) -> dict[str, Sampler]:
    """Load what is installed. One that cannot be loaded, or has a name that is `known`, is left out and that is said."""
    taken = set(known)
    found: dict[str, Sampler] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda each: each.name):
        whose = f"the sampler `{point.name}` of {point.dist.name if point.dist else 'a package'}"
        try:
            loaded = point.load()
            sampler = loaded() if isinstance(loaded, type) else loaded
        except Exception as error:  # somebody else's code: the other samplers must go on
            say([f"{whose} is left out, as it cannot be loaded: {type(error).__name__}: {error}"])
            continue
        if not isinstance(sampler, Sampler):
            say([f"{whose} is left out: {point.value} is no Sampler"])
        elif sampler.name in taken | found.keys():
            say([f"{whose} is left out: there is one called `{sampler.name}` already"])
        else:
            found[sampler.name] = sampler
    return found
