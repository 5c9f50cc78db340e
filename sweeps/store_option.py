"""Says how a command finds a store."""

from __future__ import annotations

import shlex
from pathlib import Path

DEFAULT_STORE = "store"


def store_option(store: str | Path) -> str:
    """Give what a command needs besides a sweep's id to find `store`."""
    return "" if str(store) == DEFAULT_STORE else f" --store {shlex.quote(str(store))}"
