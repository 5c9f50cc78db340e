"""What a sweep's tables say, as frozen dataclasses: every view and `--json` show the same numbers from these."""

from results.analysis._cautions import Caution
from results.analysis._comparison import Difference
from results.analysis._confusion import Confusion, Pair, confusion
from results.analysis._curves import Curve, Curves, curves
from results.analysis._edges import Edge
from results.analysis._interval import Interval, interval
from results.analysis._summary import DatasetSummary, Summary, summary
from results.analysis._verdict import DatasetVerdict, Method, Row, Verdict, verdict

__all__ = [
    "Caution",
    "Confusion",
    "Curve",
    "Curves",
    "DatasetSummary",
    "DatasetVerdict",
    "Difference",
    "Edge",
    "Interval",
    "Method",
    "Pair",
    "Row",
    "Summary",
    "Verdict",
    "confusion",
    "curves",
    "interval",
    "summary",
    "verdict",
]
