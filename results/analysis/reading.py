"""What has been read of a sweep, each thing once: figures of one command share it."""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeVar, cast

import numpy as np
import pyarrow as pa

from seqsweep.results.analysis.answers import answers
from seqsweep.results.analysis.arrays import names_equal, positions
from seqsweep.results.analysis.summary import Summary, summary
from seqsweep.results.analysis.trials import Trial, Trials, read_trials
from seqsweep.results.architecture import ARCHITECTURE
from seqsweep.results.schema import HYPERPARAMETERS
from seqsweep.results.statistics.answers import Answers
from seqsweep.results.store import Sweep

T = TypeVar("T")
_LANES = (
    *("trial", "dataset", "synthetic", *ARCHITECTURE, *HYPERPARAMETERS),
    *("candidate", "seed", "chosen", "stage", "stopped", "validation_accuracy"),
)
_CONFUSIONS = ("candidate", "seed", "split", "true", "predicted", "count")


class Reading:
    """A sweep as it was when it was first looked at: what is asked for again is not read again."""

    def __init__(self, sweep: Sweep) -> None:
        self.sweep = sweep
        self._kept: dict[tuple[Any, ...], Any] = {}

    @classmethod
    def of(cls, source: "Sweep | Reading") -> "Reading":
        """Take over a reading, or begin one of a sweep."""
        return source if isinstance(source, Reading) else cls(source)

    @cached_property
    def summary(self) -> Summary:
        """The sweep at a glance."""
        return summary(self.sweep)

    @cached_property
    def trials(self) -> Trials:
        """All finished trials."""
        return self._keep(read_trials(self.sweep))

    @cached_property
    def lanes(self) -> pa.Table:
        """Architecture, hyperparameters and validation of every lane that the search trained to its end.

        What was dropped on the way is not compared with it, and what was trained from fresh seeds is no part of the search.
        """
        lanes = self.sweep.read("lanes", _LANES)
        ended = names_equal(lanes["stage"], "search") & ~names_equal(lanes["stopped"], "cut")
        return lanes if ended.all() else lanes.take(positions(np.flatnonzero(ended)))

    def some_trials(self, ids: Sequence[str]) -> Trials:
        """Read these finished trials alone: there may be 10,000 others."""
        return self._keep(read_trials(self.sweep, ids))

    def trial(self, wanted: str) -> Trial | None:
        """Find the finished trial of this id; None where there is none."""
        if ("trial", wanted) not in self._kept and "trials" not in vars(self):
            if not self.sweep.is_finished(wanted):
                return None
            self.some_trials([wanted])
        return self._kept.get(("trial", wanted))

    def confusions(self, trial: str) -> list[Mapping[str, Any]]:
        """Read the rows of a trial's `confusions`."""
        return self._once(
            ("confusions", trial),
            lambda: self.sweep.read("confusions", _CONFUSIONS, trials=[trial]).to_pylist(),
        )

    def answers(self, trial: str, candidate: int, split: str, classes: Sequence[str]) -> Answers | None:
        """Read what a trial's candidate answered; None where the store has no predictions of this split."""
        return self._once(
            ("answers", trial, candidate, split, tuple(classes)),
            lambda: answers(self.sweep, trial, candidate, split, classes),
        )

    def _keep(self, found: Trials) -> Trials:
        self._kept |= {("trial", trial.trial): trial for some in found.datasets.values() for trial in some}
        return found

    def _once(self, key: tuple[Any, ...], make: Callable[[], T]) -> T:
        if key not in self._kept:
            self._kept[key] = make()
        return cast(T, self._kept[key])
