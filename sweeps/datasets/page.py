"""The page that `seqsweep data show -o` writes: raw sequences, drawn."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from seqsweep.results.analysis.dataset_facts import Specimen
from seqsweep.results.html.sequences import DrawnClass, render
from seqsweep.results.html.specimen import MANY_FEATURES
from seqsweep.results.views import formats

if TYPE_CHECKING:
    from seqsweep.seqmodels.data.inspection import Inspection
    from seqsweep.sweeps.datasets.samples import Sample

TOKENS, FEATURES = 512, 64  # of a drawing at most


def page(about: Inspection, samples: Sequence[Sample]) -> str:
    """Make the page of some sequences of a data set."""
    how = _how(about)
    drawn = {each.name: each for each in about.classes}
    classes = [
        DrawnClass(
            name,
            drawn[name].sequences,
            tuple(_specimen(each, how) for each in samples if each.label == name),
        )
        for name in dict.fromkeys(each.label for each in samples)
    ]
    facts = [
        ("Format", about.format + (f", {about.recognised}" if about.recognised else "")),
        ("Sequences", f"{about.sequences:,}"),
        ("Classes", f"{len(about.classes):,}"),
        ("Tokens", f"{about.shortest:,} to {about.longest:,}, median {about.median:g}"),
        ("Features", formats.plural(len(about.features), "feature")),
        *(("As it was read", note) for note in about.notes),
    ]
    return render(about.name, facts, classes, how)


def _how(about: Inspection) -> str:
    if about.drawing == "ink" and len(about.features) >= 2:
        return "ink"
    return "image" if about.drawing == "image" or len(about.features) > MANY_FEATURES else "traces"


def _specimen(sample: Sample, how: str) -> Specimen:
    token_step = math.ceil(sample.length / TOKENS)
    values = np.nan_to_num(sample.values[::token_step])
    if how == "ink":
        low = values[:, :2].min(0)
        values = (values[:, :2] - low) / (float((values[:, :2].max(0) - low).max()) or 1.0)
    else:  # units differ: each feature has a scale of its own
        low = values.min(0)
        values = (values - low) / np.where(values.max(0) > low, values.max(0) - low, 1.0)
    feature_step = math.ceil(values.shape[1] / FEATURES)
    return Specimen(
        sample.id, sample.length, token_step, feature_step, values[:, ::feature_step].astype(np.float32)
    )
