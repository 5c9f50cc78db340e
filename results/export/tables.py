"""What is exported: a table of the store as it is, or the verdict."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from seqsweep.results.analysis.reading import Reading
from seqsweep.results.analysis.verdict import DatasetVerdict
from seqsweep.results.analysis.verdict import verdict as verdict_of
from seqsweep.results.analysis.verdict_averages import with_averages
from seqsweep.results.analysis.verdict_row import Row
from seqsweep.results.architecture import ARCHITECTURE
from seqsweep.results.columns import plain
from seqsweep.results.errors import Invalid, NotFound
from seqsweep.results.schema import HYPERPARAMETERS, SCHEMAS
from seqsweep.results.statistics.interval import Interval
from seqsweep.results.store import Sweep
from seqsweep.results.views import formats

TABLES = ("verdict", *SCHEMAS)
_COUNTS = ("candidates", "seeds", "lanes", "diverged", "diverged_seeds")


@dataclass(frozen=True)
class Table:
    """`data`: every figure as it is, for CSV and Parquet. `headings`, `cells`: as they are read, for LaTeX and Markdown.

    `numeric`: which of the columns of `cells` hold figures.
    """

    name: str
    data: pa.Table
    headings: tuple[str, ...]
    cells: tuple[tuple[str, ...], ...]
    numeric: tuple[bool, ...]


def read_table(sweep: Sweep, name: str, dataset: str | None = None) -> Table:
    """The verdict, or a table of the store with names as text; of one data set or all.

    Raises `StoreError` for an unknown table or data set, a damaged file, or a sweep without a finished trial.
    """
    if name not in TABLES:
        raise Invalid(f"there is no table `{name}`; the tables are {', '.join(TABLES)}")
    reading = Reading(sweep)
    verdict = verdict_of(reading, dataset)
    if not verdict.datasets:
        raise NotFound(f"sweep {sweep.id} has no finished trial yet")
    if name == "verdict":
        return _verdict(with_averages(reading, verdict).datasets)
    data = plain(sweep.read(name))
    if dataset is not None:
        data = data.filter(pc.field("dataset") == verdict.datasets[0].dataset.name)
    columns = [column.to_pylist() for column in data.columns]
    return Table(
        name=name,
        data=data,
        headings=tuple(data.column_names),
        cells=tuple(tuple(map(_text, row)) for row in zip(*columns, strict=True)),
        numeric=tuple(pa.types.is_integer(each) or pa.types.is_floating(each) for each in data.schema.types),
    )


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return " ".join(map(_text, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _verdict(blocks: tuple[DatasetVerdict, ...]) -> Table:
    rows = [(block, row) for block in blocks for row in block.rows]
    searched = [name for name in HYPERPARAMETERS if any(name in row.chosen for _, row in rows)]
    records = [_record(block, row, searched) for block, row in rows]
    uneven = any(block.uneven for block in blocks)
    headings = (
        "data set",
        "rank",
        "architecture",
        "train %",
        "validation %",
        "test %",
        *(("macro F1 %", "balanced %") if uneven else ()),
        "parameters",
        "seconds",
    )
    return Table(
        name="verdict",
        data=pa.Table.from_pylist(records),
        headings=headings,
        cells=tuple(cells for block in blocks for cells in _block_cells(block, averages=uneven)),
        numeric=tuple(place > 2 for place in range(len(headings))),
    )


def _record(block: DatasetVerdict, row: Row, searched: list[str]) -> dict[str, Any]:
    figures = {
        f"{part}_{what}": getattr(getattr(row, part), what)
        for part in ("train", "validation", "test")
        for what in ("mean", "half_width", "n")
    }
    for part in ("validation", "test"):
        for name in ("macro_f1", "balanced_accuracy"):
            own = getattr(getattr(row.by_class, part), name) if row.by_class else Interval(None, None, 0)
            figures |= {f"{part}_{name}_{what}": getattr(own, what) for what in ("mean", "half_width", "n")}
    return {
        "dataset": block.dataset.name,
        "synthetic": block.dataset.synthetic,
        **{
            name: getattr(row, name)
            for name in ("rank", "rank_low", "rank_high", "tied", "cheapest", "label")
        },
        "trial": row.trial,
        **{name: getattr(row, name) for name in ARCHITECTURE},
        "parameters": row.parameters,
        "seconds": row.seconds,
        **figures,
        "majority": block.majority.label if block.majority else None,
        "majority_share": block.majority.share if block.majority else None,
        "candidate": row.candidate,
        **{name: row.chosen.get(name) for name in searched},
        **{name: getattr(row, name) for name in (*_COUNTS, "refit", "unstable")},
    }


def _block_cells(block: DatasetVerdict, *, averages: bool) -> Iterator[tuple[str, ...]]:
    """The rows of one data set, and what always answering its largest class would give."""
    for row in block.rows:
        yield tuple(_cells(block, row, averages=averages))
    if block.majority is not None:
        name = formats.dataset(block.dataset.name, block.dataset.synthetic)
        always, share = f"always {block.majority.label}", formats.percent(block.majority.share)
        yield (name, "–", always, "–", "–", share, *(("–", "–") if averages else ()), "0", "–")


def _cells(block: DatasetVerdict, row: Row, *, averages: bool) -> Iterator[str]:
    yield formats.dataset(block.dataset.name, block.dataset.synthetic)
    yield str(row.rank_low) if row.rank_low == row.rank_high else f"{row.rank_low}-{row.rank_high}"
    yield row.label
    for figure in (row.train, row.validation, row.test):
        yield _interval(figure)
    if averages and row.by_class is not None:
        yield _interval(row.by_class.test.macro_f1)
        yield _interval(row.by_class.test.balanced_accuracy)
    elif averages:
        yield from ("–", "–")
    yield str(row.parameters)
    yield f"{row.seconds:.1f}"


def _interval(figure: Interval) -> str:
    return formats.interval(figure)
