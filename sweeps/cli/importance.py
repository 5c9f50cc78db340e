"""`seqsweep importance`: which parameters matter."""

from __future__ import annotations

from seqsweep.sweeps.cli.options import (
    Dataset,
    Json,
    StoreFolder,
    SweepName,
    console,
    find_sweep,
    per_dataset,
    print_each,
)
from seqsweep.sweeps.store_option import DEFAULT_STORE

NAME = "importance"
EXAMPLES = """\b
Examples:
  seqsweep importance
  seqsweep importance reference-7f3 --dataset syllables --json"""


def command(
    sweep: SweepName = None,
    dataset: Dataset = None,
    store: StoreFolder = DEFAULT_STORE,
    json: Json = False,
) -> None:
    """Say which parameters matter for the validation accuracy.

    The architecture's and the hyperparameters', by functional ANOVA of regression forests; then the accuracy at each value,
    and how wide the range of good learning rates is. A diverged model counts as guessing. Needs the extra `importance`.
    """
    from seqsweep.results.analysis.importance import importance
    from seqsweep.results.views.importance import render

    found = find_sweep(store, sweep)
    print_each(
        per_dataset(found, dataset, lambda reading, name, _: importance(reading, name)),
        render,
        console(),
        json,
    )
