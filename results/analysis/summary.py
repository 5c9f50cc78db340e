"""What `sweep.json` and the list of finished trials say about a sweep, without reading a table."""

from dataclasses import dataclass
from typing import Any

from seqsweep.results.store import Sweep


@dataclass(frozen=True)
class DatasetSummary:
    """A data set of a sweep: `classes` in the order of the labels, sequences in each split (None: not recorded)."""

    name: str
    synthetic: bool
    classes: tuple[str, ...]
    train: int | None
    validation: int | None
    test: int | None


@dataclass(frozen=True)
class Summary:
    """A sweep at a glance. `missing` trials are planned and not finished; `seconds` is wall time, None while running."""

    id: str
    name: str
    status: str
    created: str
    seconds: float | None
    trials: int
    finished: int
    missing: int
    lanes: int | None
    datasets: tuple[DatasetSummary, ...]
    backend: str | None
    host: str | None
    cores: int | None


def summary(sweep: Sweep) -> Summary:
    """Summarise a sweep. Fields that `sweep.json` lacks are None, or the obvious stand-in."""
    info = sweep.info
    finished = len(sweep.finished())
    planned = info.get("trials")
    trials = planned if isinstance(planned, int) else finished
    return Summary(
        id=sweep.id,
        name=info.get("name") or sweep.id,
        status=info.get("status") or "unknown",
        created=info["created"],
        seconds=info.get("seconds"),
        trials=trials,
        finished=finished,
        missing=max(trials - finished, 0),
        lanes=info.get("lanes"),
        datasets=tuple(map(_dataset, info.get("datasets") or ())),
        backend=info.get("backend"),
        host=info.get("host"),
        cores=info.get("cores"),
    )


def _dataset(entry: dict[str, Any]) -> DatasetSummary:
    return DatasetSummary(
        name=entry["name"],
        synthetic=bool(entry.get("synthetic", False)),
        classes=tuple(entry.get("classes") or ()),
        train=entry.get("train"),
        validation=entry.get("validation"),
        test=entry.get("test"),
    )
