"""The doctor's findings in a terminal: a row a check, and below those that are not well what mends them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import rich.text
from rich.console import Console

from seqsweep.results.views import layout
from seqsweep.results.views.terminal import Text, lines
from seqsweep.sweeps.doctor.checks import Check, Diagnosis

if TYPE_CHECKING:
    from seqsweep.sweeps.doctor.job import ClusterDiagnosis

STYLES = {"ok": "green", "warning": "yellow", "failed": "bold red"}
MEASURED = re.compile(r"(?<![\d.])(?:\d+\.\d(?= (?:of|GiB|s)\b)|\d+(?= m?s\b))")
"""What differs from one moment to the next: nodes that differ in nothing else are told in one row."""
NAMED = 3  # nodes of a row


@dataclass(frozen=True)
class Row:
    """A check that came out alike on `nodes`; where they measured different amounts, `check` has the range."""

    check: Check
    nodes: tuple[str, ...]


def render(data: Diagnosis, console: Console) -> None:
    """Print every check, then how many are not well."""
    grid = layout.table([("status", "<"), ("check", "<"), ("finding", "wrap")])
    for check in data.checks:
        grid.add_row(*_begun(check), _finding(check))
    console.print(grid, highlight=False)
    _total(data.checks, console)


def render_cluster(data: ClusterDiagnosis, console: Console) -> None:
    """Show a diagnosis of many nodes: those that are alike in a row, with their names unless they are all."""
    count = len(data.nodes)
    layout.facts(console, data.address, f"{count} node{'s' if count > 1 else ''}", f"store {data.store}")
    grid = layout.table([("status", "<"), ("check", "<"), ("nodes", "<"), ("finding", "wrap")])
    rows = grouped(data)
    for row in rows:
        grid.add_row(*_begun(row.check), lines(*map(Text, _names(row, count))), _finding(row.check))
    console.print(grid, highlight=False)
    _total([row.check for row in rows], console)


def table(data: ClusterDiagnosis) -> dict[str, Any]:
    """Give a diagnosis for programs: plain values."""
    return {
        "status": data.status,
        "address": data.address,
        "store": data.store,
        "checks": [{**vars(row.check), "nodes": row.nodes} for row in grouped(data)],
        "nodes": [
            {"name": node.name, "checks": [vars(check) for check in node.checks], "facts": node.facts}
            for node in data.nodes
        ],
    }


def grouped(data: ClusterDiagnosis) -> list[Row]:
    """Checks of all nodes, alike ones together; in the order of the checks, and the most frequent outcome first."""
    alike: dict[tuple[str, ...], list[tuple[str, Check]]] = {}
    order: dict[str, int] = {}
    for node in data.nodes:
        for check in node.checks:
            order.setdefault(check.name, len(order))
            key = (check.name, check.status, MEASURED.sub("", check.finding), check.remedy or "")
            alike.setdefault(key, []).append((node.name, check))
    rows = [
        Row(
            Check(
                members[0][1].name,
                members[0][1].status,
                _ranged([check.finding for _, check in members]),
                members[0][1].remedy,
            ),
            tuple(name for name, _ in members),
        )
        for members in alike.values()
    ]
    return sorted(rows, key=lambda row: (order[row.check.name], -len(row.nodes)))


def _ranged(findings: Sequence[str]) -> str:
    """Findings that differ in amounts alone, as one: `1.0-2.5 GiB free`."""
    amounts = zip(*(MEASURED.findall(finding) for finding in findings), strict=True)
    spans = []
    for each in amounts:
        least, most = min(each, key=float), max(each, key=float)
        spans.append(least if least == most else f"{least}-{most}")
    left = iter(spans)
    return MEASURED.sub(lambda _: next(left), findings[0])


def _names(row: Row, count: int) -> list[str]:
    """Name nodes; of many that are well say their number."""
    nodes = row.nodes
    if len(nodes) == count:
        return [f"all {count}" if count > 1 else nodes[0]]
    if row.check.status == "ok" and len(nodes) > NAMED:
        return [f"{len(nodes)} of {count}"]
    shown = nodes if len(nodes) <= NAMED + 1 else nodes[:NAMED]
    more = [f"and {len(nodes) - len(shown)} more"] if len(shown) < len(nodes) else []
    return [*shown, *more]


def _begun(check: Check) -> tuple[Text, Text]:
    return Text(check.status, style=STYLES[check.status]), Text(check.name)


def _total(checks: Sequence[Check], console: Console) -> None:
    counts = {status: sum(check.status == status for check in checks) for status in ("failed", "warning")}
    parts = [
        (f"{count} {status}{'s' if status == 'warning' and count > 1 else ''}", STYLES[status])
        for status, count in counts.items()
        if count
    ]
    layout.facts(console, *(parts or [("all is well", STYLES["ok"])]))


def _finding(check: Check) -> rich.text.Text:
    if check.remedy is None:
        return Text(check.finding)
    return lines(Text(check.finding), Text.assemble(("remedy: ", "bold"), check.remedy))
