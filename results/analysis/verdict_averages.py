"""Macro F1 and balanced accuracy in the rows of a verdict: a file is read for each, so only where somebody looks."""

from dataclasses import replace

from seqsweep.results.analysis.class_averages import class_averages
from seqsweep.results.analysis.reading import Reading
from seqsweep.results.analysis.verdict import DatasetVerdict, Verdict


def with_averages(
    reading: Reading, data: Verdict, first: int | None = None, *, only_uneven: bool = False
) -> Verdict:
    """Put `by_class` into the first rows of each data set (None: into all), and into that of the cheapest tied.

    `only_uneven`: where classes are alike in size nothing is read. Raises `StoreError` where counts are damaged or out of reach.
    """

    blocks = [each for each in data.datasets if each.uneven or not only_uneven]
    wanted = [
        row.trial
        for each in blocks
        for row in each.rows
        if first is None or row.rank <= first or row.cheapest
    ]
    found = class_averages(reading, filter(None, map(reading.trial, wanted)))

    def block(each: DatasetVerdict) -> DatasetVerdict:
        rows = (replace(row, by_class=found[row.trial]) if row.trial in found else row for row in each.rows)
        return replace(each, rows=tuple(rows))

    return replace(data, datasets=tuple(map(block, data.datasets)))
