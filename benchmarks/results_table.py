"""Sections of RESULTS.md, one for each benchmark: what was measured, with which command, on which machine, when."""

from __future__ import annotations

import os
import platform
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from seqsweep.cluster.limits import usable_cpus
from seqsweep.seqmodels.backends.cpu.library import available, instruction_sets
from seqsweep.sweeps.versions import installed_versions

RESULTS = Path(__file__).with_name("RESULTS.md")
PREFACE = """# Benchmark results

Written by the benchmarks in this folder when they are run with `--write`; each replaces its own section."""
STARTED, LOAD = datetime.now(UTC), os.getloadavg()  # imported when a benchmark starts, before it makes load


def own_command() -> str:
    """The running benchmark's command line, as it is typed in the root of the source tree."""
    return shlex.join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]])


def machine() -> str:
    """The machine, the versions and the moment, in one line of Markdown."""
    system = platform.uname()
    packages = installed_versions()
    return "; ".join(
        (
            f"{_cpu_model()}, {usable_cpus()} cores",
            f"kernels {instruction_sets()[-1] if available() else 'not built'}",
            f"{system.system} {system.release}",
            *(f"{name} {packages[name]}" for name in ("python", "torch", "ray")),
            f"revision {REVISION}",
            f"{STARTED:%Y-%m-%d %H:%M} UTC",
            f"load average at start {LOAD[0]:.2f}",
        )
    )


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table, its columns aligned: the first to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]

    def line(cells: Sequence[str]) -> str:
        padded = [cells[0].ljust(widths[0])]
        padded += [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True)]
        return f"| {' | '.join(padded)} |"

    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return [line(header), line(rule), *map(line, rows)]


def write_section(title: str, command: str, lines: list[str]) -> None:
    """Put the section `title` into RESULTS.md: in the place of an earlier one, or at the end.

    Args:
        title: heading, one line.
        command: what was run.
        lines: Markdown, without headings of the first or second level.
    """
    text = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else PREFACE
    preface, *sections = re.split(r"^## ", text, flags=re.MULTILINE)
    body = "\n".join([title, "", "```sh", command, "```", "", machine(), "", *lines])
    titles = [section.partition("\n")[0] for section in sections]
    if title in titles:
        sections[titles.index(title)] = body
    else:
        sections.append(body)
    new = RESULTS.with_suffix(".new")
    new.write_text("\n\n## ".join(part.strip() for part in (preface, *sections)) + "\n", encoding="utf-8")
    new.replace(RESULTS)


def _cpu_model() -> str:
    try:
        match = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:  # not Linux
        match = None
    return match[1] if match else platform.processor() or platform.machine()


def _revision() -> str:
    """Of the source tree, `-dirty` where more than the results differ from it."""
    git = ["git", "-C", str(RESULTS.parent.parent)]
    head = subprocess.run([*git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True)
    if head.returncode:
        return "unknown"
    changed = subprocess.run(
        [*git, "diff", "--quiet", "HEAD", "--", ".", f":!{RESULTS.parent.name}/{RESULTS.name}"]
    )
    return head.stdout.strip() + ("-dirty" if changed.returncode else "")


REVISION = _revision()  # at the start, too: the tree may be edited while a benchmark runs
