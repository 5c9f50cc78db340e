"""Memory of a machine and of a container on it."""

from pathlib import Path

import pytest

from cluster.memory import Memory, usable_memory

MEMINFO = {
    "proc/meminfo": "MemTotal:  8000 kB\nMemFree:   10 kB\nMemAvailable:  6000 kB\nHugePages_Total:   0\n"
}
MACHINE = Memory(8000 * 1024, 6000 * 1024)


def version_2(limit: str, used: int, cache: int = 0) -> dict[str, str]:
    folder = "sys/fs/cgroup"
    return {
        f"{folder}/memory.max": f"{limit}\n",
        f"{folder}/memory.current": f"{used}\n",
        f"{folder}/memory.stat": f"anon 1\ninactive_file {cache}\n",
    }


def version_1(limit: int, used: int, cache: int = 0) -> dict[str, str]:
    folder = "sys/fs/cgroup/memory"
    return {
        f"{folder}/memory.limit_in_bytes": f"{limit}\n",
        f"{folder}/memory.usage_in_bytes": f"{used}\n",
        f"{folder}/memory.stat": f"inactive_file 0\ntotal_inactive_file {cache}\n",
    }


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, MACHINE),
        (version_2("max", 5000), MACHINE),
        (version_2("4096000", 1096000), Memory(4096000, 3000000)),
        (version_2("4096000", 1096000, cache=1000000), Memory(4096000, 4000000)),
        (version_2("4096000", 5000000), Memory(4096000, 0)),
        (version_2("8000000", 0), Memory(8000000, 6000 * 1024)),
        (version_1((1 << 63) - 4096, 5000), MACHINE),
        (version_1(4096000, 1096000, cache=96000), Memory(4096000, 3096000)),
    ],
)
def test_the_smaller_of_machine_and_container(
    tmp_path: Path, files: dict[str, str], expected: Memory
) -> None:
    for name, text in (MEMINFO | files).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert usable_memory(tmp_path) == expected


def test_a_system_without_proc_has_a_total(tmp_path: Path) -> None:
    there = usable_memory()
    assert usable_memory(tmp_path).free is None
    assert usable_memory(tmp_path).total >= there.total > 0
