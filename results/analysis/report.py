"""Everything that the HTML report shows, in one place."""

from dataclasses import dataclass

from seqsweep.results.analysis.candidates import Candidates, candidates
from seqsweep.results.analysis.confusion import Confusion, confusion
from seqsweep.results.analysis.confusion_contrast import Contrast, contrast
from seqsweep.results.analysis.curves import Curves, curves
from seqsweep.results.analysis.dataset_facts import DatasetFacts, datasets
from seqsweep.results.analysis.importance import Importance, importance
from seqsweep.results.analysis.provenance import Provenance, provenance
from seqsweep.results.analysis.reading import Reading
from seqsweep.results.analysis.rival import Rival, rival
from seqsweep.results.analysis.verdict import DatasetVerdict, Verdict, verdict
from seqsweep.results.analysis.verdict_averages import with_averages
from seqsweep.results.errors import MissingExtra, NotFound
from seqsweep.results.store import Sweep

MOST_AVERAGES = 100
"""Architectures of a data set whose macro F1 and balanced accuracy are read, the best ones: each is a file."""
MOST_CURVES = 24
"""Architectures of a data set whose curves are drawn, the best ones: more make a file that no browser likes."""


@dataclass(frozen=True)
class DatasetReport:
    """One data set's part. `curves` of the best architectures, in the verdict's order; `facts` None: not recorded.

    `contrast`: the best minus its `rival`; None where there is none, or as `incomparable` says.
    `importance` None: not measured, as `unimportant` says.
    """

    verdict: DatasetVerdict
    confusion: Confusion | None
    rival: Rival | None
    contrast: Contrast | None
    incomparable: str
    curves: tuple[Curves, ...]
    candidates: Candidates
    importance: Importance | None
    unimportant: str
    facts: DatasetFacts | None


@dataclass(frozen=True)
class Report:
    """A sweep's report. `unfinished`: data sets without any result yet."""

    verdict: Verdict
    datasets: tuple[DatasetReport, ...]
    unfinished: tuple[DatasetFacts, ...]
    provenance: Provenance


def report(source: Sweep | Reading) -> Report:
    """Read all that a report of the sweep shows; it need not be finished. Raises `StoreError` that names a damaged file."""
    reading = Reading.of(source)
    sweep = reading.sweep
    data = with_averages(reading, verdict(reading), MOST_AVERAGES, only_uneven=True)
    facts = {each.name: each for each in datasets(sweep)}
    tried = {each.dataset: each for each in candidates(reading)}
    parts = []
    for block in data.datasets:
        name = block.dataset.name
        other = rival(block)
        differs, incomparable = _contrast(reading, block, other)
        matters, unimportant = _importance(reading, name)
        parts.append(
            DatasetReport(
                verdict=block,
                confusion=confusion(reading, name, block.best) if block.best else None,
                rival=other,
                contrast=differs,
                incomparable=incomparable,
                curves=tuple(curves(reading, name, row.trial) for row in block.rows[:MOST_CURVES]),
                candidates=tried[name],
                importance=matters,
                unimportant=unimportant,
                facts=facts.pop(name, None),
            )
        )
    return Report(data, tuple(parts), tuple(facts.values()), provenance(sweep))


def _contrast(reading: Reading, block: DatasetVerdict, other: Rival | None) -> tuple[Contrast | None, str]:
    """Tell how the best and its rival differ, or why that is not told."""
    if other is None:
        return None, ""
    try:
        return contrast(reading, block.dataset.name, block.best, other.trial), ""
    except NotFound as error:
        return None, str(error)


def _importance(reading: Reading, dataset: str) -> tuple[Importance | None, str]:
    """Tell what matters on a data set, or why that is not told."""
    try:
        return importance(reading, dataset), ""
    except MissingExtra as error:
        return None, str(error)
    except NotFound:
        return None, "Every parameter has one value: there is nothing to compare."
