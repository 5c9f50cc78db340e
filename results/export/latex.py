"""A table in LaTeX, with the rules of booktabs: the verdict as a `tabular`, longer ones as a `longtable` over pages."""

import re
from collections.abc import Iterable

from seqsweep.results.export.tables import Table
from seqsweep.results.shown import shown

_SPECIAL = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": "$<$",
    ">": "$>$",
    "|": "$|$",
    "±": r"$\pm$",
    "–": r"\textendash{}",
    **{char: f"\\{char}" for char in "{}&%$#_"},
}
_LIGATURES = re.compile(r"([-`'!?])(?=[-`'])")


def escape(text: str) -> str:
    """`text` as LaTeX sets it, for any engine that reads UTF-8; a line break is a space, what nobody sees is shown."""
    escaped = "".join(_SPECIAL.get(char, char) for char in shown(text.replace("\n", " ")))
    return _LIGATURES.sub(r"\1{}", escaped)


def encode(table: Table) -> bytes:
    """The whole environment; the comment above it names the packages."""
    environment = "tabular" if table.name == "verdict" else "longtable"
    columns = "".join("r" if numeric else "l" for numeric in table.numeric)
    head = [r"\toprule", _row(table.headings), r"\midrule"]
    if environment == "longtable":
        head.append(r"\endhead")
    packages = ["booktabs", *(["longtable"] if environment == "longtable" else [])]
    lines = [
        "% " + " ".join(rf"\usepackage{{{package}}}" for package in packages),
        rf"\begin{{{environment}}}{{{columns}}}",
        *head,
        *map(_row, table.cells),
        r"\bottomrule",
        rf"\end{{{environment}}}",
    ]
    return ("\n".join(lines) + "\n").encode()


def _row(cells: Iterable[str]) -> str:
    text = " & ".join(map(escape, cells))
    # after a line's end LaTeX takes a bracket or a star for an option of it
    return ("{}" if text.startswith(("[", "*")) else "") + text + r" \\"
