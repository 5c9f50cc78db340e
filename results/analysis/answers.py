"""Read what a trial's chosen candidate answered, sequence by sequence: the `predictions` table as arrays."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from seqsweep.results.analysis.arrays import names_equal, numbers, places_among, positions
from seqsweep.results.errors import Damaged
from seqsweep.results.statistics.answers import Answers
from seqsweep.results.store import Sweep


def answers(sweep: Sweep, trial: str, candidate: int, split: str, classes: Sequence[str]) -> Answers | None:
    """Read them; None where the store has no predictions of this split.

    Raises `Damaged` when the file is damaged or its probabilities are not one list of a length.
    """
    columns = ["candidate", "split", "seed", "sequence", "true", "predicted", "probabilities"]
    table = sweep.read("predictions", columns, trials=[trial])
    # neither `filter` with an expression nor `index_in`: they import pandas, a third of a second
    wanted = (numbers(table["candidate"]) == candidate) & names_equal(table["split"], split)
    table = table.take(positions(np.flatnonzero(wanted)))
    if not table.num_rows:
        return None
    lists = table["probabilities"].combine_chunks()
    widths = pc.unique(pc.list_value_length(lists)).to_pylist()
    if len(widths) > 1:
        raise Damaged(
            f"predictions of trial {trial} have {widths[0]} probabilities here and {widths[1]} there"
        )
    probabilities = numbers(pa.chunked_array([lists.flatten()])).reshape(len(lists), widths[0])
    return Answers(
        seed=numbers(table["seed"]),
        sequence=np.array(table["sequence"].to_pylist()),
        true=places_among(table["true"], classes),
        predicted=places_among(table["predicted"], classes),
        probabilities=probabilities.astype(np.float64),
    )
