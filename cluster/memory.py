"""Memory that this process may use: the machine's, or less in a container."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Memory:
    """Bytes; `free` counts what the system would give up at once (caches), and is None where it does not tell."""

    total: int
    free: int | None


def usable_memory(root: Path = Path("/")) -> Memory:
    """The machine's memory, bounded by the container's (cgroup v2 or v1). `root`: where /proc and /sys lie."""
    total, free = _machine(root)
    limit, used = _container(root / "sys/fs/cgroup")
    if limit is None or limit >= total:  # v1 says "no limit" as a very large number
        return Memory(total, free)
    left = max(0, limit - used)
    return Memory(limit, left if free is None else min(left, free))


def _machine(root: Path) -> tuple[int, int | None]:
    try:
        lines = (root / "proc/meminfo").read_text().splitlines()
    except OSError:  # macOS
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), None
    kibibytes = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
    return 1024 * kibibytes["MemTotal"], 1024 * kibibytes["MemAvailable"]


def _container(root: Path) -> tuple[int | None, int]:
    """(limit, used) bytes; the limit is None where there is none."""
    for limit, used, cache, folder in (
        ("memory.max", "memory.current", "inactive_file", root),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file", root / "memory"),
    ):
        try:
            granted, taken = (folder / limit).read_text().strip(), int((folder / used).read_text())
            lines = (folder / "memory.stat").read_text().splitlines()
        except OSError:
            continue
        if granted == "max":
            return None, 0
        statistics = dict(line.split() for line in lines)
        return int(granted), taken - int(statistics.get(cache, 0))
    return None, 0
