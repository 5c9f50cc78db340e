"""Cells of one confusion matrix minus another: who is better there, by how much, and whether that is more than chance."""

from __future__ import annotations

import math

from seqsweep.results.analysis.confusion_contrast import CellContrast, Contrast

SHADES = 10
_LEAST = 0.1  # largest difference of a matrix that is given the strongest shade: less may not look like much


def grid(data: Contrast) -> list[tuple[str, list[CellContrast | None]]]:
    """A row for each true class, a cell for each predicted one; None where no answer differs."""
    cells = {(cell.true, cell.predicted): cell for cell in data.cells}
    classes = data.first.classes
    return [(true, [cells.get((true, predicted)) for predicted in classes]) for true in classes]


def shade(data: Contrast, cell: CellContrast | None) -> str:
    """Class of a cell: `hit` where the first is better, `miss` where the second is, `sure` where that is significant."""
    size = abs(_mean(cell))
    if cell is None or not size:
        return "none"
    largest = max(_LEAST, *(abs(_mean(each)) for each in data.cells))
    side = "hit" if cell.better else "miss"
    return f"{side} s{math.ceil(SHADES * size / largest)}{' sure' if cell.significant else ''}"


def _mean(cell: CellContrast | None) -> float:
    return (cell.share.difference.mean or 0.0) if cell else 0.0
