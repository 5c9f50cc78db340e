"""The plan: every trial of a sweep, known before any of them starts."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from itertools import product
from typing import TYPE_CHECKING, Any

from seqsweep.seqmodels.architecture import Architecture
from seqsweep.seqmodels.data.names import seen
from seqsweep.seqmodels.hyperparameters import Lane
from seqsweep.seqmodels.search_rule import SearchRule
from seqsweep.seqmodels.training_config import TrainingConfig
from seqsweep.sweeps.errors import SpecError
from seqsweep.sweeps.spec import architectures as products
from seqsweep.sweeps.spec.candidates import candidates
from seqsweep.sweeps.spec.constraint import read_constraint
from seqsweep.sweeps.spec.drawing import axes_read

if TYPE_CHECKING:
    from seqsweep.seqmodels.data.dataset import SequenceDataset
    from seqsweep.sweeps.spec.model import Spec
    from seqsweep.sweeps.spec.space import Point


@dataclass(frozen=True)
class TrialPlan:
    """One trial: an architecture and batch size on one data set, with all its lanes.

    Args:
        id: 12 hexadecimal digits, a hash of all that determines the trial's numbers.
        architecture: what is built.
        dataset: the data set's name.
        training: epochs, batch size, stopping.
        lanes: candidates x seeds, candidate by candidate.
        search: which of them are trained how long.
        final_seeds: from which the chosen candidate is trained at the end.
        backend: as the spec asks for it.
    """

    id: str
    architecture: Architecture
    dataset: str
    training: TrainingConfig
    lanes: tuple[Lane, ...]
    search: SearchRule
    final_seeds: tuple[int, ...]
    backend: str

    @property
    def candidates(self) -> int:
        """Candidates that are tried."""
        return self.lanes[-1].candidate + 1

    @property
    def seeds(self) -> int:
        """Seeds of the search."""
        return len(self.lanes) // self.candidates

    @property
    def most_lanes(self) -> int:
        """Models that it trains, where none diverges: those of the search that are begun, and the final ones."""
        return self.search.begun(self.candidates, self.seeds) + len(self.final_seeds)

    @property
    def stages(self) -> list[tuple[int, int]]:
        """What it does one after the other: so many lanes, each for so many epochs at most; the last trains the choice."""
        epochs = self.training.epochs
        finals = len(self.final_seeds) or (self.seeds if self.training.refit else 0)
        return [*self.search.stages(self.candidates, self.seeds, epochs), (finals, epochs)]

    @property
    def batch_size(self) -> int:
        """Sequences in a batch."""
        return self.training.batch_size

    @property
    def label(self) -> str:
        """Name for people: `lstm x 2 x 100 · handwriting`."""
        return f"{self.architecture.label} · {self.dataset}"


def plan(spec: Spec, datasets: Sequence[SequenceDataset]) -> list[TrialPlan]:
    """The cross product of data sets, architectures and batch sizes, in the spec's order.

    Args:
        spec: the spec.
        datasets: its data sets, loaded, in its order.

    Raises:
        SpecError: two data sets have one name, or the space has fewer candidates than asked for.
    """
    check_names(spec, datasets)
    rule, found = spec.search.rule(), points(spec)
    # trials share their lanes, which are most of what is hashed: 20 s of 21 for 10,000 trials of 100 lanes
    read = axes_read(spec.hyperparameters, [read_constraint(text) for text in spec.constraints])
    shared = {}
    for point in found:
        key = tuple(point[name] for name in read)
        if key not in shared:
            own = lanes(spec, {name: point[name] for name in read})
            shared[key] = own, _canonical([asdict(lane) for lane in own])
    trials = []
    for dataset, point in product(datasets, found):
        architecture, batch_size = _built(point)
        own, text = shared[tuple(point[name] for name in read)]
        training = TrainingConfig(batch_size=batch_size, **spec.training.model_dump())
        determining = {
            "architecture": _canonical(_determining(architecture)),
            "training": _canonical(_determining(training)),
            "split": _canonical(spec.split.model_dump()),
            "lanes": text,
            "backend": _canonical(spec.resources.backend),
            "dataset": _canonical([dataset.name, dataset.fingerprint]),
        }
        # left out where they were not there yet, so that trials of before are known again
        if rule != SearchRule():
            determining["search"] = _canonical(asdict(rule))
        if spec.final_seeds:
            determining["final_seeds"] = _canonical(spec.final_seeds)
        trials.append(
            TrialPlan(
                id=_hash(determining),
                architecture=architecture,
                dataset=dataset.name,
                training=training,
                lanes=own,
                search=rule,
                final_seeds=spec.final_seeds,
                backend=spec.resources.backend,
            )
        )
    return trials


def _determining(settings: Architecture | TrainingConfig) -> dict[str, Any]:
    """Leave out what trials had before it could be chosen, so that they are known again."""
    return {
        each.name: value
        for each in fields(settings)
        if (value := getattr(settings, each.name)) != each.default
        or not (each.name == "precision" or each.metadata.get("later"))
    }


def check_names(spec: Spec, datasets: Sequence[SequenceDataset]) -> None:
    """Raise SpecError where two data sets have one name."""
    names = Counter(seen(dataset.name) for dataset in datasets)
    if len(names) < len(datasets):
        raise SpecError(
            f"{spec.name}: `datasets` has {count} data sets called {name!r}, but names must differ: "
            f"set `name` in its table"
            for name, count in names.items()
            if count > 1
        )


def lanes(spec: Spec, point: Point | None = None) -> tuple[Lane, ...]:
    """The lanes of a trial: candidates x seeds, candidate by candidate.

    Args:
        spec: the spec.
        point: the axes of the trial's architecture; None where no condition or constraint reads them.
    """
    return tuple(
        Lane(candidate=index, seed=seed, hyperparameters=hyperparameters)
        for index, hyperparameters in enumerate(candidates(spec, point))
        for seed in spec.seeds
    )


def points(spec: Spec) -> list[Point]:
    """Give the axes of every architecture of the spec, in its order, or of those that `architectures` samples."""
    rules = [read_constraint(text) for text in spec.constraints]
    if spec.architectures is None:
        return list(products.points(spec.architecture, rules))
    return products.sampled(spec.architecture, rules, spec.architectures, spec.search_seed, spec.name)


def architectures(spec: Spec) -> list[tuple[Architecture, int]]:
    """Every (architecture, batch size) of the spec; the last axis changes fastest."""
    return [_built(point) for point in points(spec)]


def _built(point: Point) -> tuple[Architecture, int]:
    axes = dict(point)
    batch_size = axes.pop("batch_size")
    return Architecture.from_record(axes), batch_size


def lane_count(trials: Sequence[TrialPlan]) -> int:
    """Models that the sweep trains, where none diverges."""
    return sum(trial.most_lanes for trial in trials)


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _hash(parts: Mapping[str, bytes]) -> str:
    """Hash the canonical object with these members, whose values are canonical already."""
    digest = hashlib.sha256()
    for mark, name in zip("{" + "," * (len(parts) - 1), sorted(parts), strict=True):
        digest.update(f'{mark}"{name}":'.encode())
        digest.update(parts[name])
    digest.update(b"}")
    return digest.hexdigest()[:12]
