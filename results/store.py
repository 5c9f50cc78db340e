"""A store of sweeps: one folder per sweep, JSON about it and Parquet parts, every file whole or absent.

    <store>/<sweep>/sweep.json
    <store>/<sweep>/examples.parquet
    <store>/<sweep>/{lanes,epochs,confusions,predictions}/<trial>.parquet
    <store>/<sweep>/models/<trial>-c<candidate>-s<seed>.safetensors
    <store>/<sweep>/gathered/lanes.parquet

``lanes/<trial>.parquet`` is written last: where it is, the trial is finished and its other files are there. Every file
carries a checksum (`seqsweep.results.seal`), so a damaged one is named and never read as other numbers.
"""

import json
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pyarrow as pa
from pyarrow import fs

from seqsweep.results import gathered, info, parquet
from seqsweep.results.errors import Ambiguous, Damaged, Invalid, Missing, Newer, NotFound, Refused, StoreError
from seqsweep.results.files import Folder, Staged
from seqsweep.results.holder import abandoned
from seqsweep.results.retry import LOOKING, PATIENCE
from seqsweep.results.schema import EXAMPLES, SCHEMA_VERSION, SCHEMAS, named_schema
from seqsweep.results.seal import BLANK, FIELD, seal

if TYPE_CHECKING:
    from pyarrow.compute import Expression

INFO = "sweep.json"
EXAMPLES_FILE = "examples.parquet"
FEW = 8  # trials, that are looked for one by one
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_MODEL = re.compile(r"c\d+-s-?\d+")
_DIGITS = re.compile(r"[0-9a-f]{6}")  # that an id ends in, after the sweep's name
_log = logging.getLogger(__name__)
T = TypeVar("T")


class Store:
    """Sweeps in a folder or in an object store (``s3://BUCKET/FOLDER``, ``gs://BUCKET/FOLDER``).

    Args:
        root: may not exist yet: the first `create` makes it. Give URIs as text: a `Path` would fold their slashes.
        patience: seconds that the sweeps wait while the store cannot be reached, or its disk is full. Looking for them
            never takes longer than `LOOKING`: somebody waits for it, or the address is wrong.
    """

    def __init__(self, root: str | Path, patience: float = PATIENCE) -> None:
        self.folder = Folder.at(root, min(patience, LOOKING))
        self._patience = patience

    def create(self, sweep_id: str, fields: Mapping[str, Any], examples: pa.Table | None = None) -> "Sweep":
        """Start a sweep: its folder, `examples` (of `seqsweep.results.schema.table`) if there are any, then `sweep.json`.

        `created` is now (UTC) unless `fields` have it.

        Raises `StoreError` when the id is no plain name, or is taken, or the folder cannot be written.
        """
        check_id(sweep_id, "sweep id")
        folder = self.folder / sweep_id
        if folder.exists(INFO):
            raise Invalid(f"{folder} already holds a sweep")
        self._check_bucket()
        now = datetime.now(UTC).isoformat(timespec="microseconds")
        full = {
            "status": "running",
            "created": now,
            **fields,
            "schema_version": SCHEMA_VERSION,
            "id": sweep_id,
        }
        encoded = _encode(full, folder)
        if examples is not None:
            folder.write(EXAMPLES_FILE, parquet.encoded(EXAMPLES, [examples]))
        folder.write(INFO, encoded)
        return Sweep(folder.with_patience(self._patience), sweep_id, full)

    def sweeps(self) -> list["Sweep"]:
        """List all sweeps, newest first. Folders that hold none are passed over.

        Raises `StoreError` naming the file when a `sweep.json` is damaged, missing beside results, or too new.
        """
        found, complaints = self.survey()
        if complaints:
            raise self._asking(complaints[0]) from complaints[0]
        return found

    def survey(self) -> tuple[list["Sweep"], list[StoreError]]:
        """List the sweeps that can be read, newest first, and what is said of each that cannot.

        Raises `StoreError` when the store itself cannot be read.
        """
        seen = self.folder.map(self._attempt, self._names())
        found = [each for each in seen if isinstance(each, Sweep)]
        return (_newest_first(found), [each for each in seen if isinstance(each, StoreError)])

    def find(self, wanted: str | None = None, note: Callable[[str], None] = _log.warning) -> "Sweep":
        """Find the sweep whose id is `wanted`, else the newest of that name, else the only one whose id fits; None: the newest.

        An id fits that begins with `wanted`, or whose hex digits at the end do. `note` is told of each sweep that cannot be read
        and was passed over.

        Raises `NotFound` when there is none (naming the nearest), `Ambiguous` for several, `StoreError` when it cannot be read.
        """
        if wanted is None:
            return self._newest_of(self.folder.map(self._attempt, self._names()), note)
        names = self._names()
        exact, called, *parts = fitting(names, wanted)
        for several in (exact, called):  # of one name the newest is meant
            seen = self.folder.map(self._attempt, several)
            if any(seen):
                return self._newest_of(seen, note)
        for several in parts:
            found = [each for each in self.folder.map(self._attempt, several) if each]
            if len(found) == 1:
                return _read(found[0])
            if found:
                fits = _listed(several)
                raise Ambiguous(f"`{wanted}` fits {len(found)} sweeps: {fits}; give more of the id")
        ids = [name for name in names if self._attempt(name)]
        near = get_close_matches(wanted, ids, n=3, cutoff=0.4) or ids[:3]
        hint = f"; nearest: {_listed(near)}" if near else "; it is empty"
        raise NotFound(f"no sweep `{wanted}` in {self.folder}{hint}")

    def _newest_of(self, seen: Sequence["Sweep | StoreError | None"], note: Callable[[str], None]) -> "Sweep":
        """Choose the newest of those that can be read; `note` is told of the others."""
        complaints = [each for each in seen if isinstance(each, StoreError)]
        found = _newest_first([each for each in seen if isinstance(each, Sweep)])
        if not found:
            if complaints:
                raise self._asking(complaints[0]) from complaints[0]
            raise NotFound(f"no sweep in {self.folder} yet; `seqsweep run` makes one")
        for complaint in complaints:
            note(f"passed over: {self._asking(complaint)}")
        return found[0]

    def _asking(self, complaint: StoreError) -> StoreError:
        """Ask the same, with what to do."""
        if isinstance(complaint, Newer):
            return complaint
        todo = f"bring it back from a copy, or move its sweep out of {self.folder}"
        return type(complaint)(f"{complaint}; {todo}")

    def _attempt(self, name: str) -> "Sweep | StoreError | None":
        """The sweep, or why it cannot be read: one that is broken must not hide the others."""
        try:
            return self._look(name)
        except (Damaged, Missing, Newer, Refused) as error:
            return error

    def _names(self) -> list[str]:
        """Folders that may be sweeps."""
        names = [name for name in self.folder.names(fs.FileType.Directory) if ID.fullmatch(name)]
        if not names:
            self._check_bucket()
        return names

    def _look(self, name: str) -> "Sweep | None":
        """The sweep in the folder `name`, None where there is none."""
        folder = self.folder / name
        try:
            found = _load(folder)
        except Missing:
            if (folder / "lanes").names(fs.FileType.File):
                raise
            return None
        if found.get("status") == "running" and abandoned(folder):
            found["status"] = "interrupted"  # by a death that left no time to say so
        return Sweep(folder.with_patience(self._patience), name, found)

    def _check_bucket(self) -> None:
        # an object store lists a bucket that does not exist as empty
        bucket = self.folder.bucket
        if bucket is not None and not bucket.present():
            raise NotFound(f"there is no bucket {bucket}, or these credentials do not show it")


@dataclass(frozen=True, eq=False)
class Sweep:
    """One sweep's folder. `info` is the content of `sweep.json` when it was opened or last updated here; but where its process
    is known to have died since, its `status` is "interrupted"."""

    folder: Folder
    id: str
    info: dict[str, Any]

    def update(self, **fields: Any) -> None:
        """Set fields of `sweep.json`, in the file (at once or not at all) and in `info`."""
        with self.folder.locked():
            merged = {**_load(self.folder), **fields, "schema_version": SCHEMA_VERSION, "id": self.id}
            self.folder.write(INFO, _encode(merged, self.folder))
        self.info.clear()
        self.info.update(merged)

    def write_trial(
        self,
        trial: str,
        tables: Mapping[str, pa.Table],
        models: Mapping[str, Mapping[str, np.ndarray]] | None = None,
    ) -> None:
        """Write everything that came of a trial: all staged first, then renamed into place, `lanes` last.

        `tables`: name -> table of `seqsweep.results.schema.table`, `lanes` among them; one left out is written empty.
        `models`: "c<candidate>-s<seed>" -> state dict of numpy arrays. A trial that is written again replaces
        the earlier one, models included.

        Raises `StoreError` when a table or name breaks a rule, or the disk refuses.
        """
        from safetensors.numpy import save

        models = models or {}
        check_id(trial, "trial")
        self._check_tables(trial, tables)
        for key in models:
            if not _MODEL.fullmatch(key):
                raise Invalid(f"model of trial {trial} is named `{key}`, but must be like c3-s0")
        contents: dict[tuple[str, str], bytes | pa.Buffer] = {}
        for key, state in models.items():
            contents["models", f"{trial}-{key}.safetensors"] = seal(
                save(
                    # safetensors writes the memory as it lies, so a transposed view would come back scrambled.
                    {part: np.asarray(array, order="C") for part, array in state.items()},
                    metadata={FIELD: BLANK},
                )
            )
        for name in (*SCHEMAS.keys() - {"lanes"}, "lanes"):
            table = tables.get(name, SCHEMAS[name].empty_table())
            contents[name, f"{trial}.parquet"] = parquet.encoded(SCHEMAS[name], [table])
        staged: dict[tuple[str, str], Staged] = {}

        def publish(place: tuple[str, str]) -> None:
            (self.folder / place[0]).publish(staged.pop(place))

        try:
            for (where, name), content in contents.items():
                staged[where, name] = (self.folder / where).stage(name, content)
            with self.folder.locked():
                again = (self.folder / "lanes").exists(f"{trial}.parquet")
                *others, lanes = contents
                self.folder.map(publish, others)
                publish(lanes)
                for name in set(self._model_files(trial) if again else ()) - {name for _, name in contents}:
                    (self.folder / "models").discard(name)
        finally:
            for (where, _), each in staged.items():
                (self.folder / where).withdraw(each)

    def finished(self) -> set[str]:
        """Trials whose results are complete."""
        files = (self.folder / "lanes").names(fs.FileType.File)
        trials = {name.removesuffix(".parquet") for name in files if name.endswith(".parquet")}
        return {trial for trial in trials if ID.fullmatch(trial)}

    def is_finished(self, trial: str) -> bool:
        """Tell whether this trial's results are complete: one look, where `finished` lists those of all."""
        return bool(ID.fullmatch(trial)) and (self.folder / "lanes").exists(f"{trial}.parquet")

    def read(
        self,
        table: str,
        columns: Sequence[str] | None = None,
        filter: "Expression | None" = None,  # noqa: A002 (pyarrow's own word)
        trials: Iterable[str] | None = None,
    ) -> pa.Table:
        """Rows of the finished trials, all or `trials`, in the order of the trials' ids.

        `columns` are kept of the rows that `filter` lets through.

        Raises `StoreError` that names the file when it is missing, damaged or of a newer schema.
        """
        schema = named_schema(table)
        for name in columns or ():
            if name not in schema.names:
                raise Invalid(f"table `{table}` has no column `{name}`; it has {', '.join(schema.names)}")
        kept = list(columns) if columns is not None else schema.names
        pieces = list(self._pieces(table, kept if filter is None else schema.names, trials))
        if filter is not None:
            pieces = [piece.filter(filter).select(kept) for piece in pieces]
        return pa.concat_tables(pieces).unify_dictionaries() if pieces else schema.empty_table().select(kept)

    def each(
        self, table: str, columns: Sequence[str], trials: Iterable[str] | None = None
    ) -> Iterator[pa.Table]:
        """Read the same rows, of some whole trials at a time: a million lanes need not be in memory together."""
        for piece in self._pieces(table, columns, trials):
            yield piece.unify_dictionaries()

    def per_trial(
        self, table: str, columns: Sequence[str], trials: Iterable[str], make: Callable[[str, pa.Table], T]
    ) -> dict[str, T]:
        """Make something of the rows of each of `trials`, which are never in memory together.

        A trial is left out where its file is missing. Raises `StoreError` as `read` does; `make` may run in a thread.
        """
        folder, schema = self.folder / table, named_schema(table)

        def made(trial: str) -> list[T]:
            try:
                rows = parquet.read(folder, f"{trial}.parquet", schema, columns)
            except Missing:
                return []
            return [make(trial, rows)]

        wanted = self._wanted(trials)
        return {
            trial: own for trial, found in zip(wanted, folder.map(made, wanted), strict=True) for own in found
        }

    def _pieces(self, table: str, columns: Sequence[str], trials: Iterable[str] | None) -> Iterator[pa.Table]:
        wanted = self._wanted(trials)
        if table == gathered.NAME and len(wanted) >= gathered.LEAST:
            return gathered.read(self.folder, wanted, columns)
        names = [f"{trial}.parquet" for trial in wanted]
        return parquet.read_many(self.folder / table, names, SCHEMAS[table], columns)

    def gather(self) -> None:
        """Put the finished trials' `lanes` into one file beside them, so that readers need not open each: see `gathered`.

        To be called by whoever has just written the last trial. It waits for no store that is full or cannot be reached, as it
        only makes reading faster. Raises `StoreError`.
        """
        gathered.write(self.folder.with_patience(LOOKING))

    def _wanted(self, trials: Iterable[str] | None) -> list[str]:
        """Sorted, and all of them finished."""
        if trials is None:
            return sorted(self.finished())
        wanted = set(trials)
        if len(wanted) <= FEW:  # a trial that reads its own rows must not list those of 10,000 others
            absent = sorted(trial for trial in wanted if not self.is_finished(trial))
        else:
            absent = sorted(wanted - self.finished())
        if absent:
            raise NotFound(f"sweep {self.id} has no finished trial `{absent[0]}`")
        return sorted(wanted)

    def examples(self) -> pa.Table | None:
        """A few sequences of each class (`seqsweep.results.schema.EXAMPLES`); None of a sweep that an older version began.

        Raises `StoreError` that names the file when it is damaged or of a newer schema.
        """
        try:
            return parquet.read(self.folder, EXAMPLES_FILE, EXAMPLES, EXAMPLES.names)
        except Missing:
            return None

    def model(self, trial: str, candidate: int, seed: int) -> dict[str, np.ndarray]:
        """State dict (name -> array, as `torch.nn` names and shapes them) of a chosen candidate's lane."""
        from safetensors import SafetensorError
        from safetensors.numpy import load

        check_id(trial, "trial")
        name = f"{trial}-c{candidate}-s{seed}.safetensors"
        try:
            return dict(load((self.folder / "models").read_sealed(name).to_pybytes()))
        except SafetensorError as error:
            raise Damaged(f"{self.folder / 'models' / name} is damaged: {error}") from error

    def _check_tables(self, trial: str, tables: Mapping[str, pa.Table]) -> None:
        if "lanes" not in tables:
            raise Invalid(f"trial {trial} has no table `lanes`, which marks it as finished")
        for name, table in tables.items():
            if not table.schema.equals(named_schema(name)):
                raise Invalid(f"{name} of trial {trial} does not have the columns of results.schema")
            for column, value in (("sweep", self.id), ("trial", trial)):
                others = set(table[column].unique().to_pylist()) - {value}
                if others:
                    raise Invalid(
                        f"{name} of trial {trial}: `{column}` is {others.pop()!r}, but must be {value!r}"
                    )
        if not tables["lanes"].num_rows:
            raise Invalid(f"trial {trial} has no lanes, but must have at least one")

    def _model_files(self, trial: str) -> list[str]:
        names = (self.folder / "models").names(fs.FileType.File)
        return [name for name in names if re.fullmatch(re.escape(trial) + r"-c\d+-s-?\d+\.safetensors", name)]


def fitting(names: Sequence[str], wanted: str) -> tuple[list[str], list[str], list[str], list[str]]:
    """Find the sweeps' ids that `wanted` may mean, the likeliest reading first: id, name, an id's beginning, its hex digits."""
    ends = {name: name.rpartition("-") for name in names}
    return (
        [name for name in names if name == wanted],
        [name for name, (before, _, last) in ends.items() if before == wanted and _DIGITS.fullmatch(last)],
        [name for name in names if name.startswith(wanted)],
        # The hex digits at the end are what people type when all names are alike.
        [name for name, (before, _, last) in ends.items() if before and last.startswith(wanted)],
    )


def _newest_first(sweeps: Iterable[Sweep]) -> list[Sweep]:
    return sorted(sweeps, key=lambda sweep: (info.started(sweep.info), sweep.id), reverse=True)


def _read(found: Sweep | StoreError) -> Sweep:
    if isinstance(found, StoreError):
        raise found
    return found


def check_id(text: str, what: str) -> None:
    """Raise `StoreError` unless `text`, which messages call `what`, may be the name of a sweep or a trial."""
    if not ID.fullmatch(text):
        raise Invalid(
            f"{what} {text!r} must be 1 to 128 letters, digits, dots, dashes and underscores, a letter or digit first"
        )


def _listed(ids: list[str]) -> str:
    return ", ".join(ids[:6]) + (f" and {len(ids) - 6} more" if len(ids) > 6 else "")


def _load(folder: Folder) -> dict[str, Any]:
    return info.read(folder.read_sealed(INFO).to_pybytes(), str(folder / INFO))


def _encode(fields: Mapping[str, Any], folder: Folder) -> bytes:
    try:
        text = json.dumps({FIELD: BLANK, **fields}, indent=1, allow_nan=False, ensure_ascii=False)
        content = text.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise Invalid(f"{folder / INFO} cannot be written as JSON: {error}") from error
    return seal(content + b"\n")
