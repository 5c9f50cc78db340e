"""What a sweep's tables say, as frozen dataclasses: every view and `--json` show the same numbers from these."""

from seqsweep.results.analysis._calibration import Bin, Calibration
from seqsweep.results.analysis._candidates import Candidate, Candidates, candidates
from seqsweep.results.analysis._caution import Caution
from seqsweep.results.analysis._chosen_model import ChosenModel, ClassFigures, chosen_model
from seqsweep.results.analysis._compare import (
    Compared,
    Comparison,
    DatasetComparison,
    Side,
    SpecDifference,
    compare_architectures,
    compare_sweeps,
)
from seqsweep.results.analysis._comparison import ALPHA, Difference
from seqsweep.results.analysis._confusion import Average, Confusion, Example, Pair, confusion
from seqsweep.results.analysis._contrast import CellContrast, Contrast, Paired, contrast
from seqsweep.results.analysis._curves import Band, Curve, Curves, curves
from seqsweep.results.analysis._data import ClassFacts, DatasetFacts, Specimen, datasets
from seqsweep.results.analysis._data_cautions import Majority, data_cautions
from seqsweep.results.analysis._edges import Edge
from seqsweep.results.analysis._evaluation import Evaluation, Subject, evaluation
from seqsweep.results.analysis._importance import Importance, Parameter, Share, importance
from seqsweep.results.analysis._interval import Interval, interval
from seqsweep.results.analysis._marginals import Level, Rate, RateRange
from seqsweep.results.analysis._prediction import Likely, Prediction, prediction
from seqsweep.results.analysis._proportion import Proportion, proportion
from seqsweep.results.analysis._provenance import Provenance, provenance
from seqsweep.results.analysis._report import DatasetReport, Report, report
from seqsweep.results.analysis._rival import Rival, rival
from seqsweep.results.analysis._rows import Rows, lanes
from seqsweep.results.analysis._summary import DatasetSummary, Summary, summary
from seqsweep.results.analysis._verdict import DatasetVerdict, Method, Row, Verdict, verdict

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
