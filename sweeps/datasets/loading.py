"""Loads the data sets of a spec and splits them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from seqsweep.sweeps.spec.model import Spec
from seqsweep.sweeps.spec.plan import check_names

if TYPE_CHECKING:
    from seqsweep.seqmodels.data.dataset import SequenceDataset
    from seqsweep.seqmodels.data.splits import SplitRule
    from seqsweep.seqmodels.data.splits import Splits as Parts

    Data = dict[str, tuple[SequenceDataset, Parts]]


def load_data(spec: Spec, datasets: Sequence[SequenceDataset | None] | None = None) -> Data:
    """Load the spec's data sets (or take `datasets`, in its order, where they are there) and share them out; by name.

    Raises:
        DataError: the problems of all data sets.
        SpecError: two have one name.
    """
    from seqsweep.seqmodels.data.errors import DataError, Problem
    from seqsweep.seqmodels.data.splits import Splits

    loaded: list[tuple[SequenceDataset, Parts]] = []
    problems: list[Problem] = []
    for place, source in enumerate(spec.datasets):
        try:
            there = None if datasets is None else datasets[place]
            dataset = _read(source, spec.split.rule()) if there is None else there
            loaded.append((dataset, Splits.of(dataset)))
        except DataError as error:
            problems += error.problems
    if problems:
        raise DataError(problems)
    check_names(spec, [dataset for dataset, _ in loaded])
    return {dataset.name: (dataset, splits) for dataset, splits in loaded}


def _read(source: Any, rule: SplitRule) -> SequenceDataset:
    from seqsweep.seqmodels.data.source import load
    from seqsweep.sweeps.datasets.near import near

    with near(source) as here:
        dataset = load(here.source, rule=rule)
    return replace(dataset, notes=tuple(map(here.said, dataset.notes))) if here.uris else dataset


def data_notes(datasets: Iterable[SequenceDataset]) -> list[str]:
    """Find what to tell the user of data that were not read to the letter: a sentence each."""
    return [f"{dataset.name}: {note}" for dataset in datasets for note in dataset.notes]
