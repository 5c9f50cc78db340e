"""Where `seqmodels` and `results` meet: a trial's outcome as rows of the store."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from seqsweep.results.schema import table
from seqsweep.seqmodels.metrics import confusion_matrix
from seqsweep.sweeps.live.trial_report import TrialSummary

if TYPE_CHECKING:
    import numpy as np

    from seqsweep.seqmodels.data.dataset import SequenceDataset
    from seqsweep.seqmodels.scoring import LaneOutcome, Scores, TrialOutcome
    from seqsweep.sweeps.spec.plan import TrialPlan


def tables(
    outcome: TrialOutcome,
    plan: TrialPlan,
    dataset: SequenceDataset,
    *,
    sweep: str,
    parameters: int,
    backend: str,
    host: str,
) -> dict[str, pa.Table]:
    """All four tables of a finished trial, as `seqsweep.results.store.Sweep.write_trial` takes them.

    Confusions are kept for every lane's validation part and the chosen candidate's test part, all C x C cells;
    predictions, per sequence, for the chosen candidate only.
    """
    keys = {
        "sweep": sweep,
        "trial": plan.id,
        "dataset": plan.dataset,
        **plan.architecture.record(),
        "batch_size": plan.batch_size,
    }
    constant = {
        "synthetic": dataset.synthetic,
        "parameters": parameters,
        "backend": backend,
        "host": host,
    }
    chosen = {(lane.candidate, lane.seed) for lane in outcome.lanes if lane.chosen}
    epochs = [
        keys | {name: value for name, value in asdict(record).items() if name != "event"}
        for record in outcome.epochs
    ]
    confusions, predictions = [], []
    for scores in outcome.scores:
        confusions += [keys | row for row in _confusion(scores, dataset)]
        if (scores.candidate, scores.seed) in chosen:
            predictions += [keys | row for row in _predictions(scores, dataset)]
    return {
        "lanes": table("lanes", [keys | constant | _lane(lane) for lane in outcome.lanes]),
        "epochs": table("epochs", epochs),
        "confusions": table("confusions", confusions),
        "predictions": table("predictions", predictions),
    }


def models(outcome: TrialOutcome) -> dict[str, dict[str, np.ndarray]]:
    """The chosen candidate's weights, named as `seqsweep.results.store.Sweep.write_trial` wants them."""
    return {f"c{candidate}-s{seed}": dict(state) for (candidate, seed), state in outcome.models.items()}


def summary(lanes: pa.Table) -> TrialSummary:
    """Sum up a finished trial from its `lanes` table, for the live view."""
    rows = lanes.select(["stage", "stopped", "chosen", "validation_accuracy", "test_accuracy"]).to_pylist()
    chosen = [row for row in rows if row["chosen"]]
    searched = [row for row in chosen if row["stage"] == "search"]
    return TrialSummary(
        diverged=sum(row["stopped"] == "diverged" for row in rows),
        validation=tuple(
            math.nan if row["stopped"] == "diverged" else row["validation_accuracy"] for row in searched
        ),
        test=tuple(row["test_accuracy"] for row in chosen if row["test_accuracy"] is not None),
    )


def _lane(lane: LaneOutcome) -> dict[str, Any]:
    fields = asdict(lane)
    settings: dict[str, Any] = fields.pop("hyperparameters")
    # a lane that lost, or diverged in the search, keeps its first weights whatever the spec asks for
    return fields | settings | {"refit": lane.refit_epochs is not None}


def _confusion(scores: Scores, dataset: SequenceDataset) -> list[dict[str, Any]]:
    names = dataset.class_names
    counts = confusion_matrix(dataset.label[scores.index], scores.predicted, len(names))
    return [
        {
            "candidate": scores.candidate,
            "seed": scores.seed,
            "split": scores.split,
            "true": true,
            "predicted": predicted,
            "count": counts[row, column],
        }
        for row, true in enumerate(names)
        for column, predicted in enumerate(names)
    ]


def _predictions(scores: Scores, dataset: SequenceDataset) -> list[dict[str, Any]]:
    return [
        {
            "candidate": scores.candidate,
            "seed": scores.seed,
            "split": scores.split,
            "sequence": dataset.ids[index],
            "true": dataset.class_names[dataset.label[index]],
            "predicted": dataset.class_names[predicted],
            "probabilities": probabilities,
        }
        for index, predicted, probabilities in zip(
            scores.index, scores.predicted, scores.probabilities, strict=True
        )
    ]
