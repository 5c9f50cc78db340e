"""A table in Markdown, as GitHub and most others read it."""

import re
from collections.abc import Iterable

from seqsweep.results.export.tables import Table
from seqsweep.results.shown import shown

_SPECIAL = re.compile(r"[\\`*_{}\[\]<>|~&!#$:@]")


def escape(text: str) -> str:
    """`text` so that it is shown as it is, and what nobody sees is shown too; a line break is `<br>`."""
    lines = re.split(r"\r\n|\r|\n", text)
    return "<br>".join(_spaces(_SPECIAL.sub(r"\\\g<0>", shown(line))) for line in lines)


def _spaces(text: str) -> str:
    """Spaces at the ends, which would be stripped, as entities."""
    inner = text.strip()
    if not inner:
        return "&#32;" * len(text)
    before = len(text) - len(text.lstrip())
    return "&#32;" * before + inner + "&#32;" * (len(text) - before - len(inner))


def encode(table: Table) -> bytes:
    """Heading, rule and rows."""
    rule = ("---:" if numeric else "---" for numeric in table.numeric)
    lines = [_row(map(escape, table.headings)), _row(rule), *(_row(map(escape, row)) for row in table.cells)]
    return ("\n".join(lines) + "\n").encode()


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
