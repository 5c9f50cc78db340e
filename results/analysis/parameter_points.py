"""The lanes of a data set as points: an architecture's candidate with its parameters and its figure, seed by seed."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc

from seqsweep.results.analysis.pick import pick_dataset
from seqsweep.results.analysis.reading import Reading
from seqsweep.results.architecture import ARCHITECTURE, architecture_label
from seqsweep.results.schema import HYPERPARAMETERS

if TYPE_CHECKING:
    import pandas as pd

_PARAMETERS = (*ARCHITECTURE, *HYPERPARAMETERS)
_KEYS = ["trial", "candidate"]


@dataclass(frozen=True, eq=False)
class Points:
    """P points by trial and candidate; D parameters (`names`), those that have more than one value.

    `values`: those of each parameter, smallest first, None ("off") last; `codes` int64 [P, D]: a point's places in them;
    `weights`: for each parameter the share of the points with each value. `scores` float64 [P, S]: validation accuracy of each of
    S seeds, `chance` where the lane diverged, NaN where there is none. `lanes`, `diverged` int64 [P].
    `sampled`: the candidates were drawn, they are not all there are. `searched`: those of `names` that are hyperparameters.
    `labels`: each point's architecture.
    """

    dataset: str
    synthetic: bool
    chance: float
    sampled: bool
    names: tuple[str, ...]
    searched: tuple[str, ...]
    values: tuple[tuple[Any, ...], ...]
    codes: np.ndarray
    weights: tuple[np.ndarray, ...]
    trial: np.ndarray
    candidate: np.ndarray
    labels: np.ndarray
    scores: np.ndarray
    lanes: np.ndarray
    diverged: np.ndarray


def read_points(reading: Reading, dataset: str | None) -> Points:
    """Points of a data set (None: the first). Raises `StoreError` where it has no results."""
    sweep, table = reading.sweep, reading.lanes
    declared = [entry.name for entry in reading.summary.datasets]
    present = table["dataset"].unique().to_pylist()
    ordered = [name for name in declared if name in present] + sorted(set(present).difference(declared))
    name = pick_dataset(sweep, ordered, dataset)
    lanes = table.filter(pc.field("dataset") == name).to_pandas()
    chance = _chance(reading, name)
    lanes["diverged"] = lanes["stopped"] == "diverged"
    lanes["score"] = lanes["validation_accuracy"].mask(lanes["diverged"], chance)
    points = lanes.groupby(_KEYS, sort=True)
    settings = points[list(_PARAMETERS)].first()
    names = tuple(each for each in _PARAMETERS if settings[each].nunique(dropna=False) > 1)
    coded = [_coded(settings[each]) for each in names]
    count = len(settings)
    return Points(
        dataset=name,
        synthetic=bool(lanes["synthetic"].iloc[0]),
        chance=chance,
        sampled=(sweep.info.get("spec") or {}).get("candidates") is not None,
        names=names,
        searched=tuple(each for each in names if each in HYPERPARAMETERS),
        values=tuple(values for values, _ in coded),
        codes=np.stack([codes for _, codes in coded], axis=1)
        if coded
        else np.empty((count, 0), dtype=np.int64),
        weights=tuple(np.bincount(codes) / count for _, codes in coded),
        trial=settings.index.get_level_values("trial").to_numpy(),
        candidate=settings.index.get_level_values("candidate").to_numpy(),
        labels=np.array([architecture_label(row) for row in settings[list(ARCHITECTURE)].to_dict("records")]),
        scores=lanes.pivot(index=_KEYS, columns="seed", values="score").to_numpy(dtype=np.float64),
        lanes=points.size().to_numpy(),
        diverged=points["diverged"].sum().to_numpy(),
    )


def _coded(column: "pd.Series") -> tuple[tuple[Any, ...], np.ndarray]:
    """Values, smallest first, and each row's place in them, int64."""
    import pandas as pd  # half a second, which every verb would take

    codes, values = pd.factorize(column.astype(object), sort=True, use_na_sentinel=False)
    return tuple(None if pd.isna(value) else value for value in values), codes.astype(np.int64)


def _chance(reading: Reading, dataset: str) -> float:
    """Accuracy of guessing: 1 / classes; 0 where their number is not recorded."""
    classes = {entry.name: len(entry.classes) for entry in reading.summary.datasets}.get(dataset)
    return 1 / classes if classes else 0.0
