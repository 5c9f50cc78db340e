"""The report as one HTML file: no network, no script, readable by screen readers, in the dark and on paper."""

from __future__ import annotations

import math
from typing import Any

from markupsafe import Markup, escape

from seqsweep.results.analysis.confusion import Confusion
from seqsweep.results.analysis.report import DatasetReport, Report
from seqsweep.results.html import curves, difference, effects, glyph, parallel, specimen, toml
from seqsweep.results.html.styled import name, styled
from seqsweep.results.statistics.differences import ALPHA
from seqsweep.results.views import formats

MOST_CLASSES = 15  # of a matrix; of more the pairs most confused are listed
MOST_LISTED = 200  # classes of a data set
MOST_PAIRS = 20
MOST_ROWS = 300  # of a verdict
MOST_RATES = 100  # architectures whose learning rates are drawn
MOST_SETS = 20  # of an architecture, in the table of last errors
_SHADES = 10


def render(report: Report) -> str:
    """Make the page of a sweep."""
    helpers = {
        "formats": formats,
        "glyph": glyph,
        "curves": curves,
        "difference": difference,
        "effects": effects,
        "parallel": parallel,
        "specimen": specimen,
        "shade": shade,
        "toml": lambda spec: escape(toml.dump(spec)),
        "dataset_name": dataset_name,
        "accuracies": _accuracies,
        "alpha": ALPHA,
        "MOST_CLASSES": MOST_CLASSES,
        "MOST_LISTED": MOST_LISTED,
        "MOST_PAIRS": MOST_PAIRS,
        "MOST_ROWS": MOST_ROWS,
        "MOST_SETS": MOST_SETS,
        "MOST_RATES": MOST_RATES,
    }
    return styled("page.html", helpers, report=report, **_title(report))


def dataset_name(text: str, synthetic: bool) -> Markup:
    """Name a data set, never without saying that it is synthetic."""
    return name(formats.dataset(text, synthetic))


def shade(data: Confusion, row: int, column: int) -> str:
    """Class of a cell of the matrix: how large a share of its true class it is, `hit` on the diagonal and `miss` beside it."""
    share = data.shares[row][column]
    level = math.ceil(_SHADES * share.share) if share else 0
    return f"{'hit' if row == column else 'miss'} s{level}" if level else "none"


def _title(report: Report) -> dict[str, Any]:
    sweep = report.verdict.summary
    return {"sweep": sweep, "title": f"{sweep.id}: sweep report"}


def _accuracies(part: DatasetReport) -> Any:
    return glyph.scale(row.test for row in part.verdict.rows[:MOST_ROWS])
