"""What a worker tells of its trial, after every step and at the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any


@dataclass(frozen=True)
class TrialSummary:
    """Says how a trial ended.

    Args:
        diverged: lanes that did.
        validation: the chosen candidate's accuracies, one per seed (NaN where a lane diverged).
        test: the same of the test part, without diverged lanes.
    """

    diverged: int
    validation: tuple[float, ...]
    test: tuple[float, ...]


@dataclass(frozen=True)
class TrialReport:
    """Says how a trial stands after a step; travels from the worker through Ray Tune as a dictionary of plain values.

    Args:
        node: Ray's id of the node that the worker is on.
        pid: its process there.
        phase: `start`, then the trial's own.
        backend: which trains; empty at the start.
        slower: why it is not the best one.
        epoch: the last one; None where none was trained.
        lanes_active: lanes that still train; None where none was trained.
        lanes_waiting: lanes that have not stopped, and do not train now.
        validation_accuracy: the best lane's, 0 to 1; None where nothing was validated.
        work_done: lane-epochs so far, of them `work_resumed` by an earlier run.
        work_total: lane-epochs as it looks now.
        busy_seconds: spent in training by this worker.
        diverged: a sentence for each lane that diverged in this step.
        summary: of a finished trial.
        unfit: why this node must not train at all.
        trouble: what the place could not give; the next step raises, and Ray starts the trial again.
        failed: why the trial will not be tried again.
        done: nothing follows.
    """

    node: str
    pid: int
    phase: str = "start"
    backend: str = ""
    slower: str | None = None
    epoch: int | None = None
    lanes_active: int | None = None
    lanes_waiting: int = 0
    validation_accuracy: float | None = None
    work_done: float = 0.0
    work_total: float = 0.0
    work_resumed: float = 0.0
    busy_seconds: float = 0.0
    diverged: tuple[str, ...] = ()
    summary: TrialSummary | None = None
    unfit: str | None = None
    trouble: str | None = None
    failed: str | None = None
    done: bool = False

    def sent(self) -> dict[str, Any]:
        """Give it as Ray Tune takes a step's result."""
        return asdict(self)

    @classmethod
    def received(cls, result: Mapping[str, Any]) -> TrialReport:
        """Read it from a step's result, to which Ray Tune has added its own keys."""
        values = {field.name: result[field.name] for field in fields(cls)}
        if values["summary"] is not None:
            values["summary"] = TrialSummary(**values["summary"])
        return cls(**values)
