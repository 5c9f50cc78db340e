"""All finished trials' `lanes` in one file, so that who reads 10,000 of them opens one file and not 10,000.

It is a copy: ``lanes/<trial>.parquet`` stays what marks a trial as finished and what outsiders read. The copy says of each
part that it holds how large the part was and when it was changed, by the listing made before it was read. A reader lists the
parts too: those that are as the copy says are taken from it, others (new, written again, not gathered) from their own files.
So the copy may be old, absent, damaged or deleted at any time.
"""

import json
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pyarrow as pa

from results import parquet
from results.errors import StoreError
from results.files import Folder
from results.schema import SCHEMAS

LEAST = 100
"""Trials from which on a copy is worth while."""
PLACE = "gathered"
NAME = "lanes"
_FILE = f"{NAME}.parquet"
_PARTS = "seqsweep.parts"
_UNSETTLED = (
    2 * 10**9
)  # ns: the coarsest clock of file systems; a part this new may be replaced and look unchanged
_TOGETHER = 1000  # parts in a row group


class _Part(NamedTuple):
    """What the copy says of a part: its file's size and time of change (ns), and its rows, which lie in the order of ids."""

    size: int
    changed: int
    rows: int


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
    parts: dict[str, _Part] = {}
    schema = SCHEMAS[NAME]

    def groups() -> Iterator[pa.Table]:
        for begin in range(0, len(trials), _TOGETHER):
            some = trials[begin : begin + _TOGETHER]
            tables = folder.map(
                lambda trial: parquet.read(folder, f"{trial}.parquet", schema, schema.names), some
            )
            parts.update(
                {trial: _Part(*stamps[trial], len(table)) for trial, table in zip(some, tables, strict=True)}
            )
            yield pa.concat_tables(tables).unify_dictionaries()

    content = parquet.encoded(schema, groups(), lambda: {_PARTS: json.dumps(parts, separators=(",", ":"))})
    (sweep / PLACE).write(_FILE, content)


def read(sweep: Folder, trials: Sequence[str], columns: Sequence[str]) -> list[pa.Table] | None:
    """`columns` of the `lanes` of `trials` (sorted) piece by piece, as far as possible from the copy; None without one.

    Raises `StoreError` as `results.parquet.read` does, but not for the copy.
    """
    folder = sweep / NAME
    schema = SCHEMAS[NAME]
    stamps = _stamps(folder)  # before the copy is read, which may then only be newer
    try:
        copy, metadata = parquet.read_with_metadata(sweep / PLACE, _FILE, schema, columns)
    except StoreError:
        return None
    parts = {trial: _Part(*part) for trial, part in json.loads(metadata.get(_PARTS.encode(), b"{}")).items()}
    begins, begin = {}, 0
    for trial, part in parts.items():
        begins[trial], begin = begin, begin + part.rows
    held = {trial for trial in trials if trial in parts and parts[trial][:2] == stamps.get(trial)}
    own = [trial for trial in trials if trial not in held]
    others = dict(
        zip(
            own,
            folder.map(lambda trial: parquet.read(folder, f"{trial}.parquet", schema, columns), own),
            strict=True,
        )
    )
    pieces: list[pa.Table] = []
    run = [0, 0]  # rows of the copy that follow one another
    for trial in trials:
        if trial in held and begins[trial] == run[1]:
            run[1] += parts[trial].rows
            continue
        pieces += [copy.slice(run[0], run[1] - run[0])] if run[0] < run[1] else []
        if trial in held:
            run = [begins[trial], begins[trial] + parts[trial].rows]
        else:
            pieces.append(others[trial])
            run = [run[1], run[1]]
    return pieces + ([copy.slice(run[0], run[1] - run[0])] if run[0] < run[1] else [])


def _stamps(folder: Folder) -> dict[str, tuple[int, int]]:
    """Size and time of change (ns) of each trial's part."""
    return {
        name.removesuffix(".parquet"): stamp
        for name, stamp in folder.stamps().items()
        if name.endswith(".parquet")
    }
