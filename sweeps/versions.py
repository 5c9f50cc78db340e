"""Tells which versions compute here: of Python, of the packages that numbers may depend on, of our own source."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = ("seqsweep", "torch", "ray", "numpy", "pyarrow")


def installed_versions() -> dict[str, str]:
    """Look up the versions of Python and of packages that numbers may depend on."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # run from a source tree that is not installed
            found[package] = "unknown"
    return found


def revision() -> str | None:
    """Git revision of seqsweep's own source tree, `-dirty` where it was edited; None where there is none."""
    source = Path(__file__).resolve().parent.parent
    if not (source / ".git").exists():
        return None
    command = ["git", "-C", str(source), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return result.stdout.strip()
