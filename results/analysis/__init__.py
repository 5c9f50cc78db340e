"""What a sweep's tables say, as frozen dataclasses: every view and `--json` show the same numbers from these."""

from results.analysis._calibration import Bin, Calibration
from results.analysis._candidates import Candidate, Candidates, candidates
from results.analysis._caution import Caution
from results.analysis._chosen_model import ChosenModel, ClassFigures, chosen_model
from results.analysis._compare import (
    Compared,
    Comparison,
    DatasetComparison,
    Side,
    SpecDifference,
    compare_architectures,
    compare_sweeps,
)
from results.analysis._comparison import ALPHA, Difference
from results.analysis._confusion import Average, Confusion, Example, Pair, confusion
from results.analysis._contrast import CellContrast, Contrast, Paired, contrast
from results.analysis._curves import Band, Curve, Curves, curves
from results.analysis._data import ClassFacts, DatasetFacts, Specimen, datasets
from results.analysis._data_cautions import Majority, data_cautions
from results.analysis._edges import Edge
from results.analysis._evaluation import Evaluation, Subject, evaluation
from results.analysis._importance import Importance, Parameter, Share, importance
from results.analysis._interval import Interval, interval
from results.analysis._marginals import Level, Rate, RateRange
from results.analysis._prediction import Likely, Prediction, prediction
from results.analysis._proportion import Proportion, proportion
from results.analysis._provenance import Provenance, provenance
from results.analysis._report import DatasetReport, Report, report
from results.analysis._rival import Rival, rival
from results.analysis._rows import Rows, lanes
from results.analysis._summary import DatasetSummary, Summary, summary
from results.analysis._verdict import DatasetVerdict, Method, Row, Verdict, verdict

__all__ = [
    "ALPHA",
    "Average",
    "Band",
    "Bin",
    "Calibration",
    "Candidate",
    "Candidates",
    "Caution",
    "CellContrast",
    "ChosenModel",
    "ClassFacts",
    "ClassFigures",
    "Compared",
    "Comparison",
    "Confusion",
    "Contrast",
    "Curve",
    "Curves",
    "DatasetComparison",
    "DatasetFacts",
    "DatasetReport",
    "DatasetSummary",
    "DatasetVerdict",
    "Difference",
    "Edge",
    "Evaluation",
    "Example",
    "Importance",
    "Interval",
    "Level",
    "Likely",
    "Majority",
    "Method",
    "Pair",
    "Paired",
    "Parameter",
    "Prediction",
    "Proportion",
    "Provenance",
    "Rate",
    "RateRange",
    "Report",
    "Rival",
    "Row",
    "Rows",
    "Share",
    "Side",
    "SpecDifference",
    "Specimen",
    "Subject",
    "Summary",
    "Verdict",
    "candidates",
    "chosen_model",
    "compare_architectures",
    "compare_sweeps",
    "confusion",
    "contrast",
    "curves",
    "data_cautions",
    "datasets",
    "evaluation",
    "importance",
    "interval",
    "lanes",
    "prediction",
    "proportion",
    "provenance",
    "report",
    "rival",
    "summary",
    "verdict",
]
