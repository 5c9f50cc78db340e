"""What a lock's file says of who took it: a lock of another machine may not be seen here, so that it proves nothing."""

import json
import os
import socket
from contextlib import suppress
from pathlib import Path


def machine() -> dict[str, str]:
    """Read what tells this machine from others (`host`, `machine`), and this start of it (`boot`); "" where it is not known."""
    told = {"host": socket.gethostname(), "boot": "", "machine": ""}
    for name, path in (("boot", "/proc/sys/kernel/random/boot_id"), ("machine", "/etc/machine-id")):
        with suppress(OSError):
            told[name] = Path(path).read_text().strip()
    return told


def description() -> bytes:
    """Describe this process, for the file of a lock that it takes."""
    return json.dumps({"pid": os.getpid(), **machine()}).encode()


def was_here(described: bytes) -> bool:
    """Tell whether the owner was a process of this machine: then a lock that can be taken proves that it is dead."""
    try:
        told = json.loads(described)
    except ValueError:
        return False
    here = machine()
    if not isinstance(told, dict):
        return False
    if here["boot"] and told.get("boot") == here["boot"]:
        return True  # containers of one machine share its start
    return all(told.get(name) == here[name] for name in ("host", "machine"))
