"""Cores and processes that this process may use: the machine's, or fewer where a control group grants fewer."""

from __future__ import annotations

import math
import os
from pathlib import Path

from seqsweep.cluster.cgroups import Group, groups

ROOT = Path("/")


def usable_cpus(root: Path = ROOT) -> int:
    """Cores that this process may use: its affinity, and the least quota rounded down, at least 1.

    `root`: where /proc and /sys lie, here and below.
    """
    try:
        count = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS
        count = os.cpu_count() or 1
    quotas = [quota for group in groups("cpu", root) if (quota := _cores(group)) is not None]
    return max(1, math.floor(min([count, *quotas])))


def processes_left(root: Path = ROOT) -> int | None:
    """Processes and threads that this one's groups may still start, None where they set no limit."""
    left = [
        max(0, limit - (group.number("pids.current") or 0))
        for group in groups("pids", root)
        if (limit := group.number("pids.max")) is not None
    ]
    return min(left, default=None)


def _cores(group: Group) -> float | None:
    if group.version == 2:
        words = group.words("cpu.max")
        quota, period = words if len(words) == 2 else ("", "")
    else:
        quota, period = (
            next(iter(group.words(name)), "") for name in ("cpu.cfs_quota_us", "cpu.cfs_period_us")
        )
    if not (quota.isdecimal() and period.isdecimal() and int(period)):
        return None
    return int(quota) / int(period)
