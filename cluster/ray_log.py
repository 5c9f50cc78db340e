"""The line of Ray's many log files that most likely says why something does not start."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

FILES = (
    "raylet.err",
    "worker-*.err",
    "gcs_server.err",
    "runtime_env_agent.*",
    "dashboard_agent.*",
    "raylet.out",
)
"""The most telling first; those that are missing say nothing."""
AMISS = re.compile(
    r"no such file|not found|no space|denied|read-only|temporarily unavailable|too many|cannot|can't|unable|fail|refused"
    r"|unreachable|timed out|killed|terminated|abort|error|exceed|out of memory|bad_alloc",
    re.IGNORECASE,
)
HARMLESS = re.compile(
    r"token authentication|WARNING|DeprecationWarning|no error|metrics|open telemetry", re.IGNORECASE
)
STAMP = re.compile(r"^\[?\d{4}-\d\d-\d\d[ T][\d:,.]+\s*")
SEVERITY = re.compile(r"^(?P<letter>[A-Z])\s+\d+\s+\d+\]?\s*(?:\(\w+\)\s*)?(?:\S+:\d+:\s*)?")
ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
TAIL = 100_000  # bytes of a file
LONGEST = 300  # characters of a line


def cause(session: str | Path) -> str | None:
    """The last telling line below `session` (a session's folder, or one that holds sessions); None where there is none."""
    folder = Path(session)
    found = sorted({*folder.glob("logs"), *folder.glob("session_2*/logs")})
    if not found:
        return None
    for pattern in FILES:
        for path in sorted(found[-1].glob(pattern), key=_changed, reverse=True):
            if line := _telling(_last_lines(path), severe=path.suffix == ".out"):
                return line
    return None


def says(session: str | Path | None) -> str:
    """Say the log's most telling line as the end of a sentence; "" where the log tells nothing."""
    line = cause(session) if session is not None else None
    return f"; Ray's log says: {line}" if line else ""


def _telling(lines: Iterable[str], *, severe: bool) -> str | None:
    """`severe`: of a file that tells how grave each line is, only the grave ones."""
    last = None
    for line in lines:
        text = STAMP.sub("", ESCAPES.sub("", line)).strip()
        severity = SEVERITY.match(text)
        if severity is not None:
            text = text[severity.end() :]
        grave = severity is not None and severity["letter"] in "EFC"
        if (grave or not severe) and AMISS.search(text) and not HARMLESS.search(text):
            last = text
    return last[:LONGEST] if last else None


def _last_lines(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - TAIL))
            return file.read().decode(errors="replace").splitlines()
    except OSError:
        return []


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
