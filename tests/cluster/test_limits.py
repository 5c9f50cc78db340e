"""Cores, memory and processes of a machine, and of the control groups that a process is in."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seqsweep.cluster.limits import processes_left, usable_cpus
from seqsweep.cluster.memory import Memory, usable_memory

MEMINFO = {
    "proc/meminfo": "MemTotal:  8000 kB\nMemFree:   10 kB\nMemAvailable:  6000 kB\nHugePages_Total:   0\n"
}
MACHINE = Memory(8000 * 1024, 6000 * 1024)
V2_MOUNT = "31 23 0:28 {root} /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
V1_MOUNT = (
    "32 31 0:29 {root} /sys/fs/cgroup/{name} rw,relatime shared:10 master:1 - cgroup cgroup rw,{name}\n"
)
SLURM = "system.slice/slurmstepd.scope/job_7/step_0/user"


def written(root: Path, files: dict[str, str]) -> Path:
    for name, text in (MEMINFO | files).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def version_2(limit: str, used: int, cache: int = 0, group: str = "", mount: str = "") -> dict[str, str]:
    folder = f"sys/fs/cgroup/{mount}{group}"
    return {
        f"{folder}/memory.max": f"{limit}\n",
        f"{folder}/memory.current": f"{used}\n",
        f"{folder}/memory.stat": f"anon 1\ninactive_file {cache}\n",
    }


def version_1(limit: int, used: int, cache: int = 0, group: str = "", above: str = "") -> dict[str, str]:
    folder = f"sys/fs/cgroup/memory{group}"
    return {
        f"{folder}/memory.limit_in_bytes": f"{limit}\n",
        f"{folder}/memory.usage_in_bytes": f"{used}\n",
        f"{folder}/memory.stat": f"inactive_file 0\ntotal_inactive_file {cache}\n{above}",
    }


def inside(path: str, mountinfo: str) -> dict[str, str]:
    """/proc of a process in the group `path`."""
    lines = f"9:name=systemd:/\n4:memory:{path}\n2:cpu,cpuacct:{path}\n3:pids:{path}\n0::{path}\n"
    return {"proc/self/cgroup": lines, "proc/self/mountinfo": mountinfo}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, MACHINE),
        (version_2("max", 5000), MACHINE),
        (version_2("4096000", 1096000), Memory(4096000, 3000000)),
        (version_2("4096000", 1096000, cache=1000000), Memory(4096000, 4000000)),
        (version_2("4096000", 5000000), Memory(4096000, 0)),
        (version_2("8000000", 0), Memory(8000000, 6000 * 1024)),
        (version_2("nonsense", 0), MACHINE),
        (version_2("4096000", 0, mount="unified"), Memory(4096000, 4096000)),
        (version_1((1 << 63) - 4096, 5000), MACHINE),
        (version_1(4096000, 1096000, cache=96000), Memory(4096000, 3096000)),
    ],
)
def test_the_smaller_of_machine_and_root_group(
    tmp_path: Path, files: dict[str, str], expected: Memory
) -> None:
    assert usable_memory(written(tmp_path, files)) == expected


V2 = V2_MOUNT.format(root="/")
V1 = "".join(V1_MOUNT.format(root="/", name=name) for name in ("memory", "cpu,cpuacct", "pids"))


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        # Slurm: its step has the limit, the task's own group below has no files of memory
        (
            inside(f"/{SLURM}/task_0", V2) | version_2("4096000", 96000, group=f"/{SLURM}"),
            Memory(4096000, 4000000),
        ),
        # the same where /proc/self/mountinfo cannot be read
        (
            {"proc/self/cgroup": f"0::/{SLURM}/task_0\n"} | version_2("4096000", 96000, group=f"/{SLURM}"),
            Memory(4096000, 4000000),
        ),
        # the least counts, of the limit and of what is left, wherever they are
        (
            inside("/a/b", V2)
            | version_2("4096000", 96000, group="/a/b")
            | version_2("5000000", 4500000, group="/a"),
            Memory(4096000, 500000),
        ),
        (
            inside("/a/b", V2) | version_2("max", 1, group="/a/b") | version_2("3000000", 0),
            Memory(3000000, 3000000),
        ),
        # systemd's MemoryHigh: beyond it a process is all but stopped
        (
            inside("/a", V2) | version_2("max", 0, group="/a") | {"sys/fs/cgroup/a/memory.high": "2000000\n"},
            Memory(2000000, 2000000),
        ),
        # a neighbour's limits are its own
        (inside("/a", V2) | version_2("4096000", 0, group="/b"), MACHINE),
        # a container without a namespace of groups: its mount begins at its own group
        (
            inside("/docker/c1/inner", V2_MOUNT.format(root="/docker/c1"))
            | version_2("4096000", 0, group="/inner"),
            Memory(4096000, 4096000),
        ),
        # a namespace that begins below the mount, or that the process was moved out of
        (
            inside("/", V2_MOUNT.format(root="/../..")) | version_2("4096000", 0),
            Memory(4096000, 4096000),
        ),
        (inside("/../other", V2) | version_2("4096000", 0), Memory(4096000, 4096000)),
        # groups that are mounted for looking at, of whomever
        (
            inside(
                "/a",
                V2.replace("/sys/fs/cgroup", "/host/groups").replace(" / /host", " /elsewhere /host"),
            )
            | {"host/groups/memory.max": "1000000\n", "host/groups/memory.current": "0\n"},
            MACHINE,
        ),
        # version 1: a step below the root
        (
            inside("/slurm/job_7", V1) | version_1(4096000, 96000, group="/slurm/job_7"),
            Memory(4096000, 4000000),
        ),
        # version 1: groups above that cannot be seen
        (
            inside("/docker/c1", V1_MOUNT.format(root="/docker/c1", name="memory"))
            | version_1((1 << 63) - 4096, 96000, above="hierarchical_memory_limit 4096000\n"),
            Memory(4096000, 4000000),
        ),
        # hybrid: the controller is in version 1, version 2 has groups without limits
        (
            inside("/slice/unit", V1 + V2.replace("/cgroup ", "/cgroup/unified "))
            | version_1(4096000, 0, group="/slice")
            | {"sys/fs/cgroup/unified/slice/cgroup.procs": ""},
            Memory(4096000, 4096000),
        ),
        # a mount point with a blank
        (
            inside("/a", V2.replace("/sys/fs/cgroup", "/sys/fs/cgroup/my\\040own"))
            | version_2("4096000", 0, mount="my own", group="/a"),
            Memory(4096000, 4096000),
        ),
    ],
)
def test_the_least_of_all_groups_counts(tmp_path: Path, files: dict[str, str], expected: Memory) -> None:
    assert usable_memory(written(tmp_path, files)) == expected


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, 64),
        ({"sys/fs/cgroup/cpu.max": "max 100000\n"}, 64),
        ({"sys/fs/cgroup/cpu.max": "200000 100000\n"}, 2),
        ({"sys/fs/cgroup/cpu.max": "250000 100000\n"}, 2),
        ({"sys/fs/cgroup/cpu.max": "50000 100000\n"}, 1),
        ({"sys/fs/cgroup/cpu.max": "50000 0\n"}, 64),
        ({"sys/fs/cgroup/cpu.max": "\n"}, 64),
        (
            {"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n"},
            64,
        ),
        (
            {
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "300000\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            3,
        ),
        ({"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "300000\n"}, 64),
        (
            inside("/a/b/c", V2)
            | {"sys/fs/cgroup/a/cpu.max": "300000 100000\n", "sys/fs/cgroup/a/b/cpu.max": "500000 100000\n"},
            3,
        ),
        (
            inside("/a/b", V1)
            | {
                "sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us": "500000\n",
                "sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us": "100000\n",
                "sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_period_us": "100000\n",
            },
            5,
        ),
    ],
)
def test_the_least_quota_of_cores_counts(
    tmp_path: Path, files: dict[str, str], expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(64)), raising=False)
    assert usable_cpus(written(tmp_path, files)) == expected


def test_processes_that_may_still_be_started(tmp_path: Path) -> None:
    assert processes_left(written(tmp_path, inside("/a/b", V2))) is None
    for group, most, now in (("a/b", "max", 3), ("a", "100", 60), (".", "30000", 400)):
        folder = f"sys/fs/cgroup/{group}"
        written(tmp_path, {f"{folder}/pids.max": f"{most}\n", f"{folder}/pids.current": f"{now}\n"})
    assert processes_left(tmp_path) == 40


@given(cgroup=st.binary(max_size=80), mountinfo=st.binary(max_size=120), words=st.binary(max_size=30))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_the_system_says_is_survived(
    tmp_path: Path, cgroup: bytes, mountinfo: bytes, words: bytes
) -> None:
    written(tmp_path, {})
    files = {"proc/self/cgroup": b"0::/a\n" + cgroup, "proc/self/mountinfo": mountinfo}
    for name in ("memory.max", "memory.current", "memory.stat", "cpu.max", "pids.max"):
        files[f"sys/fs/cgroup/a/{name}"] = words
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    assert usable_cpus(tmp_path) >= 1
    assert 0 <= usable_memory(tmp_path).total <= MACHINE.total
    assert (processes_left(tmp_path) or 0) >= 0


def test_a_system_without_proc_has_a_total(tmp_path: Path) -> None:
    assert usable_memory(tmp_path).free is None
    assert usable_memory(tmp_path).total >= usable_memory().total > 0


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinity")
def test_affinity_is_respected() -> None:
    allowed = os.sched_getaffinity(0)
    program = "import os; from seqsweep.cluster.limits import usable_cpus; os.sched_setaffinity(0, {%d}); print(usable_cpus())"
    command = [sys.executable, "-c", program % min(allowed)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "1\n"
    assert 1 <= usable_cpus() <= len(allowed)


@pytest.fixture
def own_groups() -> Iterator[dict[str, Path]]:
    """Groups of version 1 below this process's own; the machine may not let us make any."""
    made = {}
    try:
        for name in ("cpu", "memory", "pids"):
            top = Path("/sys/fs/cgroup") / name
            folder = top / f"seqsweep_{os.getpid()}"
            try:
                folder.mkdir()
            except OSError as error:
                pytest.skip(f"no control groups of version 1 can be made here: {error}")
            made[name] = folder
        yield made
    finally:
        for folder in made.values():
            folder.rmdir()


def test_real_groups_below_the_root(own_groups: dict[str, Path]) -> None:
    (own_groups["cpu"] / "cpu.cfs_period_us").write_text("100000")
    (own_groups["cpu"] / "cpu.cfs_quota_us").write_text("100000")
    (own_groups["memory"] / "memory.limit_in_bytes").write_text(str(1 << 30))
    (own_groups["pids"] / "pids.max").write_text("50")
    program = (
        "import os, sys\n"
        "for group in sys.argv[1:]: open(f'{group}/cgroup.procs', 'w').write(str(os.getpid()))\n"
        "from seqsweep.cluster.limits import processes_left, usable_cpus\n"
        "from seqsweep.cluster.memory import usable_memory\n"
        "print(usable_cpus(), usable_memory().total, processes_left() < 50)\n"
    )
    command = [sys.executable, "-c", program, *map(str, own_groups.values())]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", str(1 << 30), "True"]
