"""The report as one HTML file: no network, no script, readable by screen readers, in the dark and on paper."""

from __future__ import annotations

import base64
import hashlib
import math
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from seqsweep.results.analysis.confusion import Confusion
from seqsweep.results.analysis.report import DatasetReport, Report
from seqsweep.results.html import curves, difference, effects, glyph, parallel, specimen, toml
from seqsweep.results.shown import shown, shown_lines
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
    """The page. Whatever comes from data is escaped, and what nobody sees in it shown; nothing in it is fetched or run, and
    its own policy says so.
    """
    environment = Environment(
        loader=PackageLoader("seqsweep.results.html"),
        autoescape=True,
        finalize=_seen,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {
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
    environment.filters["name"] = name
    loader = environment.loader
    assert loader is not None
    style = loader.get_source(environment, "style.css")[0]
    page = environment.get_template("page.html").render(
        report=report, style=Markup(style), policy=_policy(style), **_title(report)
    )
    return shown_lines(page)  # the last gate: whatever went past the others


def name(text: str) -> Markup:
    """A name that others gave: isolated, lest its script turns what stands beside it, and it wraps where it is long."""
    return Markup("<bdi>{}</bdi>").format(shown(text))


def dataset_name(text: str, synthetic: bool) -> Markup:
    """Name a data set, never without saying that it is synthetic."""
    return name(formats.dataset(text, synthetic))


def _seen(value: Any) -> Any:
    """Whatever a template puts on the page; markup is ours."""
    return shown(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def shade(data: Confusion, row: int, column: int) -> str:
    """Class of a cell of the matrix: how large a share of its true class it is, `hit` on the diagonal and `miss` beside it."""
    share = data.shares[row][column]
    level = math.ceil(_SHADES * share.share) if share else 0
    return f"{'hit' if row == column else 'miss'} s{level}" if level else "none"


def _policy(style: str) -> str:
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )


def _title(report: Report) -> dict[str, Any]:
    sweep = report.verdict.summary
    return {"sweep": sweep, "title": f"{sweep.id}: sweep report"}


def _accuracies(part: DatasetReport) -> Any:
    return glyph.scale(row.test for row in part.verdict.rows[:MOST_ROWS])
