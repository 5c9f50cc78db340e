"""Which systems seqsweep runs on."""

import sys
from importlib.util import find_spec


def complaint() -> str | None:
    """Say in a sentence why nothing can be done on this system; None where it can."""
    if sys.platform in ("linux", "darwin") and find_spec("fcntl") is not None:
        return None
    name = {"win32": "Windows", "cygwin": "Cygwin"}.get(sys.platform, sys.platform)
    return f"seqsweep runs on Linux and macOS, not on {name}: there, use a Linux in WSL 2, a virtual machine or a container"
