"""Which machine type of a cloud has the GPUs and CPUs that a node shall have."""

import tomllib
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Any

from seqsweep.cluster.local import ClusterError


@dataclass(frozen=True)
class Instance:
    """One node's machine type, and how many GPUs and CPUs (hardware threads) it has."""

    type: str
    gpus: int
    cpus: int


def gpu_types(cloud: str) -> list[str]:
    """The GPU types that `cloud` (a template's name) offers."""
    return list(_table()[cloud]["gpus"])


def choose(cloud: str, *, gpus: int, gpu_type: str | None, cpus: int) -> Instance:
    """The first machine type in the table with exactly `gpus` GPUs of `gpu_type` and at least `cpus` CPUs.

    Raises ClusterError where no machine type has them; it names what there is.
    """
    if gpus == 0:
        rows = _rows(_table()[cloud]["cpus"])
        what, having = "CPUs", rows
    else:
        assert gpu_type is not None
        rows = _rows(_table()[cloud]["gpus"][known_gpu_type(cloud, gpu_type)])
        what, having = f"{gpu_type} GPUs", [row for row in rows if row.gpus == gpus]
        if not having:
            counts = _listed(sorted({row.gpus for row in rows}))
            raise ClusterError(
                f"--gpus is {gpus}, but {cloud} has no machine type with that many {gpu_type}; there are {counts} a node"
            )
    for row in having:
        if row.cpus >= cpus:
            return row
    most = max(row.cpus for row in having)
    with_gpus = f" with {gpus} {what}" if gpus else ""
    raise ClusterError(
        f"--cpus is {cpus}, but the largest machine type of {cloud}{with_gpus} has {most} CPUs"
    )


def known_gpu_type(cloud: str, gpu_type: str) -> str:
    """`gpu_type` as the table spells it. Raises ClusterError, naming near matches, where the table has none."""
    known = gpu_types(cloud)
    by_lower = {name.lower(): name for name in known}
    if gpu_type.lower() in by_lower:
        return by_lower[gpu_type.lower()]
    # a part of a name (`A100`) means all that begin so
    near = [name for name in known if name.lower().startswith(gpu_type.lower())]
    near = near or [by_lower[each] for each in get_close_matches(gpu_type.lower(), by_lower)]
    guess = f"did you mean {' or '.join(near)}? " if near else ""
    raise ClusterError(f"--gpu-type is {gpu_type!r}, which {cloud} has not; {guess}known: {', '.join(known)}")


def _rows(rows: list[Any]) -> list[Instance]:
    return [Instance(*row) for row in rows]


def _listed(counts: list[int]) -> str:
    return " or ".join(map(str, counts))


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(
        (files("seqsweep.cluster") / "templates" / "instances.toml").read_text(encoding="utf-8")
    )
