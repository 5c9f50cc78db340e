"""Where a sweep's results come from."""

from dataclasses import dataclass
from typing import Any

from seqsweep.results.store import Sweep


@dataclass(frozen=True)
class Provenance:
    """What `sweep.json` says of it; None, or empty, where it says nothing. `failed`: trials, with what they said."""

    command: str | None
    spec: dict[str, Any]
    created: str
    ended: str | None
    seconds: float | None
    host: str | None
    cores: int | None
    backend: str | None
    git: str | None
    versions: dict[str, str]
    failed: dict[str, str]


def provenance(sweep: Sweep) -> Provenance:
    """Read the provenance of any sweep, finished or not."""
    info = sweep.info
    return Provenance(
        command=info.get("command"),
        spec=info.get("spec") or {},
        created=info["created"],
        ended=info.get("ended"),
        seconds=info.get("seconds"),
        host=info.get("host"),
        cores=info.get("cores"),
        backend=info.get("backend"),
        git=info.get("git"),
        versions=info.get("versions") or {},
        failed=info.get("failed") or {},
    )
