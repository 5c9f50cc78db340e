"""All finished trials' `lanes` in one file, so that who reads 10,000 of them opens one file and not 10,000.

It is a copy: ``lanes/<trial>.parquet`` stays what marks a trial as finished and what outsiders read. The copy says of each
part that it holds how large the part was and when it was changed, by the listing made before it was read. A reader lists the
parts too: those that are as the copy says are taken from it, others (new, written again, not gathered) from their own files.
So the copy may be old, absent, damaged or deleted at any time.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import groupby
from typing import NamedTuple

import pyarrow as pa

from seqsweep.results import parquet
from seqsweep.results.errors import StoreError
from seqsweep.results.files import Folder
from seqsweep.results.schema import SCHEMAS

LEAST = 100
"""Trials from which on a copy is worth while."""
PLACE = "gathered"
NAME = "lanes"
_FILE = f"{NAME}.parquet"
_PARTS = b"seqsweep.parts"
_UNSETTLED = (
    2 * 10**9
)  # ns: the coarsest clock of file systems; a part this new may be replaced and look unchanged
_TOGETHER = 1000  # parts in a row group, which holds whole trials


def write(sweep: Folder) -> None:
    """Gather the finished trials of the sweep in this folder, where they are many.

    Left out are those that were written as late as the newest one, or nearly: each later change of the others gets a later
    time than they have, by the clock of whoever keeps the files.

    Raises `StoreError` when a part is damaged, or the copy cannot be written.
    """
    folder = sweep / NAME
    stamps = _stamps(folder)
    newest = max((changed for _, changed in stamps.values()), default=0)
    trials = [trial for trial, (_, changed) in sorted(stamps.items()) if changed < newest - _UNSETTLED]
    if len(trials) < LEAST:
        return
    parts: dict[str, tuple[int, int, int]] = {}
    schema = SCHEMAS[NAME]

    def groups() -> Iterator[pa.Table]:
        for begin in range(0, len(trials), _TOGETHER):
            some = trials[begin : begin + _TOGETHER]
            tables = folder.map(
                lambda trial: parquet.read(folder, f"{trial}.parquet", schema, schema.names), some
            )
            parts.update(
                {trial: (*stamps[trial], len(table)) for trial, table in zip(some, tables, strict=True)}
            )
            yield pa.concat_tables(tables).unify_dictionaries()

    content = parquet.encoded(
        schema, groups(), lambda: {_PARTS.decode(): json.dumps(parts, separators=(",", ":"))}
    )
    (sweep / PLACE).write(_FILE, content)


def read(sweep: Folder, trials: Sequence[str], columns: Sequence[str]) -> Iterator[pa.Table]:
    """`columns` of the `lanes` of `trials` (sorted), some whole trials at a time, as far as possible from the copy.

    Raises `StoreError` as `seqsweep.results.parquet.read` does; a copy that is absent, damaged or newer is done without.
    """
    folder = sweep / NAME
    schema = SCHEMAS[NAME]
    stamps = _stamps(folder)  # before the copy is read, which may then only be newer
    with ExitStack() as stack:
        try:
            copy = stack.enter_context(parquet.opened(sweep / PLACE, _FILE, columns))
            parts = _parts(copy.metadata.metadata or {})
        except StoreError:
            parts = {}
        held = {trial: part for trial, part in parts.items() if part.stamp == stamps.get(trial)}
        group = -1
        rows: pa.Table = None
        for number, some in groupby(trials, lambda trial: held[trial].group if trial in held else None):
            if number is None:
                names = [f"{trial}.parquet" for trial in some]
                yield from parquet.read_many(folder, names, schema, columns)
                continue
            if number != group:
                group, rows = (
                    number,
                    parquet.cast(copy.read_row_group(number, list(columns)), schema, columns),
                )
            mine = [held[trial] for trial in some]
            if mine[-1].end - mine[0].begin == sum(part.end - part.begin for part in mine):
                yield rows.slice(mine[0].begin, mine[-1].end - mine[0].begin)
            else:  # some between them are not wanted
                yield pa.concat_tables([rows.slice(part.begin, part.end - part.begin) for part in mine])


class _Part(NamedTuple):
    """A trial in the copy: its file's size and time of change (ns) when it was taken, and its rows of a row group."""

    stamp: tuple[int, int]
    group: int
    begin: int
    end: int


def _parts(metadata: Mapping[bytes, bytes]) -> dict[str, _Part]:
    """Rows follow one another in the order of the parts, `_TOGETHER` parts in each row group."""
    found, begin = {}, 0
    for place, (trial, (size, changed, rows)) in enumerate(json.loads(metadata.get(_PARTS, b"{}")).items()):
        begin = 0 if place % _TOGETHER == 0 else begin
        found[trial] = _Part((size, changed), place // _TOGETHER, begin, begin + rows)
        begin += rows
    return found


def _stamps(folder: Folder) -> dict[str, tuple[int, int]]:
    """Size and time of change (ns) of each trial's part."""
    return {
        name.removesuffix(".parquet"): stamp
        for name, stamp in folder.stamps().items()
        if name.endswith(".parquet")
    }
