"""What a sweep's tables say, as frozen dataclasses: every view and `--json` show the same numbers from these."""

from results.analysis._calibration import Bin, Calibration
from results.analysis._confusion import Average, Confusion, Example, Pair, confusion
from results.analysis._curves import Curve, Curves, curves
from results.analysis._difference import CellDifference, Difference, Paired, difference
from results.analysis._interval import Interval, interval
from results.analysis._proportion import Proportion, proportion
from results.analysis._summary import DatasetSummary, Summary, summary
from results.analysis._verdict import DatasetVerdict, Row, Verdict, verdict

__all__ = [
    "Average",
    "Bin",
    "Calibration",
    "CellDifference",
    "Confusion",
    "Curve",
    "Curves",
    "DatasetSummary",
    "DatasetVerdict",
    "Difference",
    "Example",
    "Interval",
    "Pair",
    "Paired",
    "Proportion",
    "Row",
    "Summary",
    "Verdict",
    "confusion",
    "curves",
    "difference",
    "interval",
    "proportion",
    "summary",
    "verdict",
]
