"""Which parameters matter for the validation accuracy, how surely, and how wide the range of good learning rates is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from seqsweep.results.analysis.parameter_levels import Level, RateRange, levels, rate_ranges
from seqsweep.results.analysis.parameter_points import Points, read_points
from seqsweep.results.analysis.reading import Reading
from seqsweep.results.errors import MissingExtra, NotFound
from seqsweep.results.statistics.fanova import main_effects
from seqsweep.results.store import Sweep

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestRegressor

REPEATS = 40  # forests, each of other candidates and seeds
TREES = 16
MOST_LEAVES = 256  # of a tree; with more it would learn the noise, slowly
FOLDS = 5
CANDIDATES_PER_PARAMETER = 5  # with fewer nothing can be told of so many hyperparameters
LITTLE = 0.3  # R² below which the forest has learnt little


@dataclass(frozen=True)
class Share:
    """Share of the variance: mean over the forests, and the 2.5 % and 97.5 % quantiles; all 0..1."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Parameter:
    """A parameter with several values. `searched`: a hyperparameter, not one of the architecture's.

    `alone`: share of the variance that it explains by itself; None where nothing varies.
    """

    name: str
    searched: bool
    alone: Share | None
    levels: tuple[Level, ...]


@dataclass(frozen=True)
class Importance:
    """Parameters by how much they explain, on one data set.

    The figure is the validation accuracy, mean over a candidate's `seeds`; a lane that diverged counts as guessing, `chance`.
    `together`: share of the variance that two or more parameters only explain together. `learnt`: R² of the forest on candidates
    that it has not seen; None where they are not a sample, or fewer than `FOLDS`. `cautions`: why to doubt the shares.
    """

    sweep: str
    dataset: str
    synthetic: bool
    architectures: int
    candidates: int
    seeds: int
    lanes: int
    diverged: int
    chance: float
    repeats: int
    parameters: tuple[Parameter, ...]
    together: Share | None
    learnt: float | None
    cautions: tuple[str, ...]
    rates: tuple[RateRange, ...]


def importance(source: Sweep | Reading, dataset: str | None = None) -> Importance:
    """Functional ANOVA of all finished trials of a data set (None: the first).

    Each of `REPEATS` forests sees other seeds and, where the candidates were drawn and not all there are, other candidates,
    drawn with replacement.

    Raises `MissingExtra` without scikit-learn, `NotFound` where no parameter has two values or the data set no results.
    """
    try:
        import sklearn  # noqa: F401
    except ImportError as error:
        raise MissingExtra("importance needs scikit-learn", "importance") from error
    reading = Reading.of(source)
    sweep, points = reading.sweep, read_points(reading, dataset)
    if not points.names:
        raise NotFound(
            f"sweep {sweep.id} has one value of every parameter on {points.dataset}: nothing to compare"
        )
    shares = _shares(points)
    kept = [each for each in shares if each is not None]
    alone = (
        [_share(np.array(column)) for column in zip(*kept, strict=True)]
        if kept
        else [None] * len(points.names)
    )
    learnt = _learnt(points) if kept else None
    parameters = [
        Parameter(name, name in points.searched, share, levels(points, name))
        for name, share in zip(points.names, alone, strict=True)
    ]
    return Importance(
        sweep=sweep.id,
        dataset=points.dataset,
        synthetic=points.synthetic,
        architectures=len(np.unique(points.trial)),
        candidates=len(np.unique(points.candidate)),
        seeds=points.scores.shape[1],
        lanes=int(points.lanes.sum()),
        diverged=int(points.diverged.sum()),
        chance=points.chance,
        repeats=len(kept),
        parameters=tuple(
            sorted(parameters, key=lambda each: (-(each.alone.mean if each.alone else 0.0), each.name))
        ),
        together=_share(1 - np.array(kept).sum(axis=1)) if kept else None,
        learnt=learnt,
        cautions=tuple(_cautions(points, learnt, varies=bool(kept))),
        rates=rate_ranges(points),
    )


def _share(values: np.ndarray) -> Share:
    low, high = np.quantile(values, (0.025, 0.975))
    return Share(*(float(min(max(value, 0.0), 1.0)) for value in (values.mean(), low, high)))


def _shares(points: Points) -> list[np.ndarray | None]:
    """Main effects of each repeat."""
    found = []
    for repeat in range(REPEATS):
        rng = np.random.default_rng(repeat)
        seeds = rng.integers(points.scores.shape[1], size=points.scores.shape[1])
        rows = _drawn(points, rng) if points.sampled else np.arange(len(points.candidate))
        with_scores = points.scores[rows][:, seeds]
        rows, with_scores = _known(rows, with_scores)
        forest = _forest(repeat).fit(points.codes[rows], np.nanmean(with_scores, axis=1))
        each = [main_effects(tree.tree_, points.weights) for tree in forest.estimators_]
        trees = [shares for shares in each if shares is not None]
        found.append(np.mean(trees, axis=0) if trees else None)
    return found


def _known(rows: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    known = np.isfinite(scores).any(axis=1)
    return rows[known], scores[known]


def _drawn(points: Points, rng: np.random.Generator) -> np.ndarray:
    """Rows of as many candidates as there are, drawn with replacement, in all architectures."""
    numbers, place = np.unique(points.candidate, return_inverse=True)
    rows = [np.flatnonzero(place == each) for each in range(len(numbers))]
    return np.concatenate([rows[each] for each in rng.integers(len(numbers), size=len(numbers))])


def _forest(seed: int) -> "RandomForestRegressor":
    from sklearn.ensemble import RandomForestRegressor

    return RandomForestRegressor(n_estimators=TREES, max_leaf_nodes=MOST_LEAVES, random_state=seed)


def _learnt(points: Points) -> float | None:
    """R² on the candidates of each of `FOLDS` folds, by a forest that saw those of the others."""
    numbers, place = np.unique(points.candidate, return_inverse=True)
    if not points.sampled or len(numbers) < FOLDS:
        return None
    rows, scores = _known(np.arange(len(place)), points.scores)
    known = np.nanmean(scores, axis=1)
    fold = np.random.default_rng(0).permutation(len(numbers))[place[rows]] % FOLDS
    predicted = np.empty(len(known))
    for each in range(FOLDS):
        forest = _forest(each).fit(points.codes[rows[fold != each]], known[fold != each])
        predicted[fold == each] = forest.predict(points.codes[rows[fold == each]])
    spread = float(((known - known.mean()) ** 2).sum())
    return 1 - float(((known - predicted) ** 2).sum()) / spread if spread > 0 else None


def _cautions(points: Points, learnt: float | None, *, varies: bool) -> Sequence[str]:
    found = []
    searched, candidates = len(points.searched), len(np.unique(points.candidate))
    if not varies:
        found.append("all candidates have the same validation accuracy")
    if points.sampled and searched and candidates < CANDIDATES_PER_PARAMETER * searched:
        found.append(
            f"{candidates} candidates are too few to tell {searched} hyperparameters apart: "
            f"take {CANDIDATES_PER_PARAMETER * searched} or more"
        )
    if learnt is not None and learnt < LITTLE:
        found.append(
            f"the forest says little of candidates that it has not seen (R² {learnt:.2f}): these are hints"
        )
    if points.scores.shape[1] == 1:
        found.append("one seed: luck and merit are not told apart")
    return found
