"""What a sweep's tables say, as frozen dataclasses: every view and `--json` show the same numbers from these."""

from results.analysis._calibration import Bin, Calibration
from results.analysis._cautions import Caution
from results.analysis._comparison import ALPHA, Difference
from results.analysis._confusion import Average, Confusion, Example, Pair, confusion
from results.analysis._contrast import CellContrast, Contrast, Paired, contrast
from results.analysis._curves import Band, Curve, Curves, curves
from results.analysis._edges import Edge
from results.analysis._interval import Interval, interval
from results.analysis._proportion import Proportion, proportion
from results.analysis._summary import DatasetSummary, Summary, summary
from results.analysis._verdict import DatasetVerdict, Method, Row, Verdict, verdict

__all__ = [
    "ALPHA",
    "Average",
    "Band",
    "Bin",
    "Calibration",
    "Caution",
    "CellContrast",
    "Confusion",
    "Contrast",
    "Curve",
    "Curves",
    "DatasetSummary",
    "DatasetVerdict",
    "Difference",
    "Edge",
    "Example",
    "Interval",
    "Method",
    "Pair",
    "Paired",
    "Proportion",
    "Row",
    "Summary",
    "Verdict",
    "confusion",
    "contrast",
    "curves",
    "interval",
    "proportion",
    "summary",
    "verdict",
]
