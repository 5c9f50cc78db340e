"""Cluster files, rendered from `templates/` with what the user wants and the versions that are installed here."""

import getpass
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING, Any

from seqsweep.cluster.instances import choose, known_gpu_type
from seqsweep.cluster.local import ClusterError
from seqsweep.cluster.pins import Pins

if TYPE_CHECKING:
    from jinja2 import Environment


@dataclass(frozen=True)
class Wanted:
    """What the user said of the cluster; None (or nothing) where he did not. Counts are per node, but for `nodes`."""

    name: str | None = None
    nodes: int | None = None
    gpus: int | None = None
    gpu_type: str | None = None
    cpus: int | None = None
    region: str | None = None
    zone: str | None = None
    project: str | None = None
    hosts: tuple[str, ...] | None = None
    user: str | None = None
    image: str | None = None
    partition: str | None = None
    time: str | None = None


@dataclass(frozen=True)
class Kind:
    """A kind of cluster: its template, which options it takes, and which it cannot do without."""

    file: str
    takes: frozenset[str]
    needs: frozenset[str] = frozenset()


_SIZE = frozenset({"name", "nodes", "gpus", "gpu_type", "cpus"})
KINDS: Mapping[str, Kind] = {
    "ray-aws": Kind("ray-aws.yaml.j2", _SIZE | {"region", "zone", "image"}),
    "ray-gcp": Kind(
        "ray-gcp.yaml.j2", _SIZE | {"region", "zone", "project", "image"}, needs=frozenset({"project"})
    ),
    "ray-onprem": Kind(
        "ray-onprem.yaml.j2", frozenset({"name", "hosts", "user"}), needs=frozenset({"hosts"})
    ),
    "kuberay": Kind("kuberay.yaml.j2", _SIZE | {"image"}),
    "slurm": Kind("slurm.sh.j2", _SIZE | {"partition", "time"}),
}

# What a value may look like. All end up in files that shells, YAML and clouds read, so nothing clever is let through.
_LABEL = "[a-z]([-a-z0-9]{0,38}[a-z0-9])?"
_PATTERNS = {
    "name": (_LABEL, "1 to 40 lower-case letters, digits and hyphens, from a letter to a letter or digit"),
    "gpu_type": ("[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?", "letters, digits, '-', '_' and '.'"),
    "region": ("[a-z][-a-z]*[0-9]+", "such as us-west-2 (AWS) or us-central1 (Google)"),
    "zone": ("[a-z][-a-z]*[0-9]+-?[a-z]", "such as us-west-2a (AWS) or us-central1-a (Google)"),
    "project": (
        "[a-z][-a-z0-9]{4,28}[a-z0-9]",
        "a project's id: 6 to 30 lower-case letters, digits and hyphens",
    ),
    "hosts": (
        "[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?|[0-9a-fA-F:]*:[0-9a-fA-F:]+",
        "a host's name or address",
    ),
    "user": ("[a-z_][-a-z0-9_.]{0,31}", "a user's name on the machines"),
    "image": (
        "[a-z0-9]([A-Za-z0-9._/:-]*[A-Za-z0-9_])?(@sha256:[0-9a-f]{64})?",
        "a container image such as registry.example.org/group/image:tag",
    ),
    "partition": (
        "[A-Za-z0-9_][-A-Za-z0-9_.]*(,[A-Za-z0-9_][-A-Za-z0-9_.]*)*",
        "a partition's name, or several with commas",
    ),
    "time": (
        r"[0-9]{1,6}(:[0-5]?[0-9]){0,2}|[0-9]{1,4}-[0-9]{1,2}(:[0-5]?[0-9]){0,2}",
        "minutes, [HOURS:]MINUTES:SECONDS or DAYS-HOURS[:MINUTES[:SECONDS]]",
    ),
}
_LEAST = {"nodes": 1, "gpus": 0, "cpus": 1}
_HEAD_CPUS = 4


def render(kind: str, wanted: Wanted) -> str:
    """The text of a cluster file.

    Raises:
        ClusterError: an unknown kind, an option that the kind has no use for or that it lacks, a malformed value,
            or a machine that the cloud has not.
    """
    if kind not in KINDS:
        near = get_close_matches(kind, KINDS, n=1)
        guess = f"; did you mean {near[0]}?" if near else ""
        raise ClusterError(f"KIND is {kind!r}, but must be one of {', '.join(KINDS)}{guess}")
    _check(kind, wanted)
    pins = Pins()
    values = _complete(kind, wanted, pins)
    return _environment().get_template(KINDS[kind].file).render(values)


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("seqsweep.cluster"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # YAML and bash, no HTML; `quoted` is YAML's own quoting
        comment_start_string="{##",  # `{#` is bash
        comment_end_string="##}",
    )
    environment.filters["quoted"] = json.dumps  # a JSON string is a YAML string
    return environment


def option(field: str) -> str:
    """`gpu_type` -> `--gpu-type`."""
    return "--" + field.replace("_", "-")


def _check(kind: str, wanted: Wanted) -> None:
    said = {each.name: value for each in fields(wanted) if (value := getattr(wanted, each.name)) is not None}
    for field in said:
        if field not in KINDS[kind].takes:
            takes = ", ".join(option(each.name) for each in fields(wanted) if each.name in KINDS[kind].takes)
            raise ClusterError(f"{option(field)} has no meaning for {kind}, which takes {takes}")
    for field in sorted(KINDS[kind].needs - said.keys()):
        raise ClusterError(f"{kind} needs {option(field)}: {_PATTERNS[field][1]}")
    for field, value in said.items():
        if field in _LEAST and value < _LEAST[field]:
            raise ClusterError(f"{option(field)} is {value}, but must be at least {_LEAST[field]}")
        for each in (value if isinstance(value, tuple) else (value,)) if field in _PATTERNS else ():
            if not re.fullmatch(_PATTERNS[field][0], each):
                raise ClusterError(f"{option(field)} is {each!r}, but must be {_PATTERNS[field][1]}")
    if wanted.hosts is not None and len(set(wanted.hosts)) < len(wanted.hosts):
        raise ClusterError("--hosts names a machine twice; Ray's launcher takes each once, the head first")
    if wanted.gpu_type is not None and wanted.gpus == 0:
        raise ClusterError(f"--gpu-type is {wanted.gpu_type}, but --gpus is 0")


def _complete(kind: str, wanted: Wanted, pins: Pins) -> dict[str, Any]:
    """Everything that the template names."""
    gpus = wanted.gpus if wanted.gpus is not None else int(wanted.gpu_type is not None)
    values: dict[str, Any] = {
        **{each.name: getattr(wanted, each.name) for each in fields(wanted)},
        "name": wanted.name or "seqsweep",
        "nodes": wanted.nodes or 2,
        "gpus": gpus,
        "cpus": wanted.cpus or 8,
        "user": wanted.user or _login(),
        "time": wanted.time or "24:00:00",
        "version": pins,
        "requirements": pins.requirements,
        "install": "pip install --no-cache-dir " + " ".join(f"'{each}'" for each in pins.requirements),
        "own_image": wanted.image is not None,
        "image": wanted.image or _ray_image(pins, gpus),
    }
    if kind in ("ray-aws", "ray-gcp"):
        if gpus and wanted.gpu_type is None:
            raise ClusterError(f"--gpus is {gpus}: {kind} needs --gpu-type too")
        if wanted.gpu_type is not None:
            values["gpu_type"] = known_gpu_type(kind, wanted.gpu_type)
        least = wanted.cpus or (1 if gpus else 8)
        values["node"] = choose(kind, gpus=gpus, gpu_type=values["gpu_type"], cpus=least)
        values["head"] = choose(kind, gpus=0, gpu_type=None, cpus=_HEAD_CPUS)
        values["region"], values["zone"] = _place(kind, wanted)
    return values


def _place(kind: str, wanted: Wanted) -> tuple[str, str | None]:
    """(region, zone); AWS can do without a zone."""
    region = wanted.region
    if wanted.zone is not None:
        of_zone = wanted.zone[:-1].rstrip("-")
        if region not in (None, of_zone):
            raise ClusterError(f"--zone is {wanted.zone}, which is not in --region {region}")
        return of_zone, wanted.zone
    if kind == "ray-aws":
        return region or "us-west-2", None
    return (region, f"{region}-b") if region else ("us-central1", "us-central1-a")


def _ray_image(pins: Pins, gpus: int) -> str:
    """Ray's own image of this Ray and this Python."""
    return f"rayproject/ray:{pins.ray}-py{pins.python.replace('.', '')}-{'gpu' if gpus else 'cpu'}"


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container without a name for its user
        return "ubuntu"
