"""Which of a sweep's models to take away, and what the store knows of it."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from seqsweep.results.analysis.confusion import confusion
from seqsweep.results.analysis.reading import Reading
from seqsweep.results.analysis.verdict import verdict
from seqsweep.results.architecture import NETWORK
from seqsweep.results.errors import NotFound
from seqsweep.results.schema import HYPERPARAMETERS
from seqsweep.results.statistics.interval import Interval
from seqsweep.results.statistics.proportion import Proportion, proportion
from seqsweep.results.store import Sweep


@dataclass(frozen=True)
class ClassFigures:
    """How the model does on the `n` test sequences of a class; None where there is nothing to divide by."""

    name: str
    n: int
    recall: float | None
    precision: float | None


@dataclass(frozen=True)
class ChosenModel:
    """One lane of the chosen candidate of a trial.

    `validation_accuracy` is that before a refit; None where the model was trained on validation from a fresh seed.
    `test`: this model's accuracy on `test_n` sequences, with Wilson's interval. `validation_seeds`, `test_seeds`: over the
    candidate's seeds, of which `seeds` have weights. `named`: what was asked for, and not picked here, of `architecture` (one of
    `architectures` on the data set) and `seed`.
    """

    sweep: str
    dataset: str
    synthetic: bool
    trial: str
    label: str
    architecture: dict[str, Any]
    parameters: int
    candidate: int
    seed: int
    seeds: tuple[int, ...]
    architectures: int
    named: tuple[str, ...]
    hyperparameters: dict[str, Any]
    batch_size: int
    epochs: int
    refit: bool
    validation_accuracy: float | None
    validation_loss: float | None
    test: Proportion
    test_n: int
    validation_seeds: Interval
    test_seeds: Interval
    classes: tuple[ClassFigures, ...]


def chosen_model(
    source: Sweep | Reading,
    dataset: str | None = None,
    architecture: str | None = None,
    seed: int | None = None,
) -> ChosenModel:
    """The model of the best architecture on a data set, or of a named one.

    Of its seeds the one with the best validation accuracy (ties: the smaller loss, then the smaller seed; where validation was
    trained on, the first), never by test:
    the best test figure of several would promise more than the model holds.

    Raises `NotFound` when there is no such data set, architecture or seed, or several data sets and none is named.
    """
    reading = Reading.of(source)
    sweep, found = reading.sweep, verdict(reading, dataset)
    if len(found.datasets) > 1:
        names = ", ".join(block.dataset.name for block in found.datasets)
        raise NotFound(f"sweep {sweep.id} has {len(found.datasets)} data sets, name one of them: {names}")
    best = found.datasets[0].best if found.datasets else None
    matrix = confusion(reading, dataset, architecture if architecture is not None else best)
    row = next(row for row in found.datasets[0].rows if row.trial == matrix.trial)
    lanes = {
        lane["seed"]: lane
        for lane in sweep.read("lanes", trials=[row.trial]).to_pylist()
        if lane["chosen"] and lane["test_accuracy"] is not None
    }
    picked = seed if seed is not None else min(lanes, key=lambda each: _merit(lanes[each]))
    if picked not in lanes:
        there = ", ".join(map(str, sorted(lanes)))
        raise NotFound(f"{row.label} has no trained model of seed {picked}; its seeds are {there}")
    lane, counts = lanes[picked], _counts(reading, row.trial, matrix.classes, lanes[picked])
    test = proportion(np.array([counts.trace()]), np.array([counts.sum()]))
    assert test is not None
    return ChosenModel(
        sweep=sweep.id,
        dataset=matrix.dataset,
        synthetic=matrix.synthetic,
        trial=row.trial,
        label=row.label,
        architecture={name: lane[name] for name in NETWORK},
        parameters=lane["parameters"],
        candidate=matrix.candidate,
        seed=picked,
        seeds=tuple(sorted(lanes)),
        architectures=len(found.datasets[0].rows),
        named=("architecture",) * (architecture is not None) + ("seed",) * (seed is not None),
        hyperparameters={name: lane[name] for name in HYPERPARAMETERS},
        batch_size=lane["batch_size"],
        epochs=lane["refit_epochs"] or lane["best_epoch"],
        refit=lane["refit"],
        validation_accuracy=lane["validation_accuracy"],
        validation_loss=lane["validation_loss"],
        test=test,
        test_n=int(counts.sum()),
        validation_seeds=row.validation,
        test_seeds=row.test,
        classes=tuple(
            ClassFigures(
                name,
                n=int(counts[place].sum()),
                recall=_ratio(counts[place, place], counts[place].sum()),
                precision=_ratio(counts[place, place], counts[:, place].sum()),
            )
            for place, name in enumerate(matrix.classes)
        ),
    )


def _merit(lane: dict[str, Any]) -> tuple[float, float, int]:
    if lane["validation_accuracy"] is None:  # trained on, so that nothing tells the seeds apart but test
        return 0.0, 0.0, lane["seed"]
    return -lane["validation_accuracy"], lane["validation_loss"], lane["seed"]


def _counts(reading: Reading, trial: str, classes: tuple[str, ...], lane: dict[str, Any]) -> np.ndarray:
    """Test confusions of one lane, int64 [C, C]."""
    place = {name: index for index, name in enumerate(classes)}
    counts = np.zeros((len(classes), len(classes)), dtype=np.int64)
    for cell in reading.confusions(trial):
        if (cell["candidate"], cell["seed"], cell["split"]) == (lane["candidate"], lane["seed"], "test"):
            counts[place[cell["true"]], place[cell["predicted"]]] += cell["count"]
    return counts


def _ratio(part: np.int64, whole: np.int64) -> float | None:
    return float(part / whole) if whole else None
