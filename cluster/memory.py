"""Memory that this process may use: the machine's, or less where a control group grants less."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from seqsweep.cluster.cgroups import Group, groups


@dataclass(frozen=True)
class Memory:
    """Bytes; `free` counts what the system would give up at once (caches), and is None where it does not tell."""

    total: int
    free: int | None


def usable_memory(root: Path = Path("/")) -> Memory:
    """The machine's memory, or the least that a group of this process is granted. `root`: where /proc and /sys lie."""
    total, free = _machine(root)
    machine = total
    for group in groups("memory", root):
        limit, used = _memory(group)
        if limit is None or limit >= machine:
            continue
        total = min(total, limit)
        left = max(0, limit - used)
        free = left if free is None else min(left, free)
    return Memory(total, free)


def _machine(root: Path) -> tuple[int, int | None]:
    try:
        lines = (root / "proc/meminfo").read_text().splitlines()
    except OSError:  # macOS
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), None
    kibibytes = {name: int(rest.split()[0]) for name, _, rest in (line.partition(":") for line in lines)}
    return 1024 * kibibytes["MemTotal"], 1024 * kibibytes["MemAvailable"]


def _memory(group: Group) -> tuple[int | None, int]:
    """(limit, used) bytes; the limit is None where there is none."""
    if group.version == 2:
        # above `high` the kernel takes memory back, and all but stops who asks for more
        limits = [group.number("memory.max"), group.number("memory.high")]
        used, cache = group.number("memory.current"), group.statistic("memory.stat", "inactive_file")
    else:
        # the statistics tell the least of the groups above too, where a container does not see those
        limits = [
            group.number("memory.limit_in_bytes"),
            group.statistic("memory.stat", "hierarchical_memory_limit"),
        ]
        used = group.number("memory.usage_in_bytes")
        cache = group.statistic("memory.stat", "total_inactive_file")
    return min((limit for limit in limits if limit is not None), default=None), max(
        0, (used or 0) - (cache or 0)
    )
