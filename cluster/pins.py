"""The versions that are installed here, as a cluster's nodes should have them."""

import sys
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import requires, version

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

PACKAGE = "seqsweep"


@dataclass(frozen=True)
class Pins:
    """Versions without what is local to this machine (torch's `+cpu`); `python` is MAJOR.MINOR."""

    python: str = f"{sys.version_info.major}.{sys.version_info.minor}"

    @cached_property
    def seqsweep(self) -> str:
        """The version of this package."""
        return _public(PACKAGE)

    @cached_property
    def ray(self) -> str:
        """The version of Ray."""
        return _public("ray")

    @cached_property
    def requirements(self) -> list[str]:
        """What seqsweep and its extra `cluster` need, `NAME[EXTRAS]==VERSION`, by name; not seqsweep itself."""
        extras: dict[str, set[str]] = {}
        for line in requires(PACKAGE) or []:
            needed = Requirement(line)
            if needed.marker is None or needed.marker.evaluate({"extra": "cluster"}):
                extras.setdefault(canonicalize_name(needed.name), set()).update(needed.extras)
        return [
            f"{name}[{','.join(sorted(wanted))}]=={_public(name)}" if wanted else f"{name}=={_public(name)}"
            for name, wanted in sorted(extras.items())
        ]


def _public(name: str) -> str:
    return Version(version(name)).public
