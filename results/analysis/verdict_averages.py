"""Macro F1 and balanced accuracy in the rows of a verdict: a file is read for each, so only where somebody looks."""

from dataclasses import replace

from seqsweep.results.analysis.class_averages import class_averages
from seqsweep.results.analysis.reading import Reading
from seqsweep.results.analysis.verdict import DatasetVerdict, Verdict
from seqsweep.results.analysis.verdict_row import Row


def with_averages(
    reading: Reading, data: Verdict, first: int | None = None, *, only_uneven: bool = False
) -> Verdict:
    """Put `by_class` into the first rows of each data set (None: into all), and into that of the cheapest tied.

    `only_uneven`: where classes are alike in size nothing is read. Raises `StoreError` where counts are damaged or out of reach.
    """

    def filled(row: Row) -> Row:
        trial = reading.trial(row.trial) if first is None or row.rank <= first or row.cheapest else None
        return row if trial is None else replace(row, by_class=class_averages(reading, trial))

    def block(each: DatasetVerdict) -> DatasetVerdict:
        return each if only_uneven and not each.uneven else replace(each, rows=tuple(map(filled, each.rows)))

    return replace(data, datasets=tuple(map(block, data.datasets)))
