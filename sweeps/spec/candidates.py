"""Candidates: random search that can be repeated and grown, or the full grid.

Randomness is counter-based (Philox: Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3, SC 2011): draw i of
a hyperparameter is a function of (search_seed, its name, i) alone. So a larger `candidates` keeps the earlier ones,
and adding a hyperparameter leaves the draws of the others as they were.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from seqsweep.sweeps.errors import SpecError
from seqsweep.sweeps.spec.space import grid, settings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqsweep.seqmodels.hyperparameters import Hyperparameters
    from seqsweep.sweeps.spec.model import Spec


def quantiles(search_seed: int, name: str, count: int) -> NDArray[np.float64]:
    """Draws 0 to count - 1 for the hyperparameter `name`: float64 [count], uniform on 0 <= q < 1."""
    key = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "little")
    raw = np.random.Philox(key=[search_seed, key]).random_raw(count)
    return np.asarray((raw >> np.uint64(11)) * 2.0**-53, np.float64)  # 53 bits, all a float64 holds


def candidates(spec: Spec) -> list[Hyperparameters]:
    """The candidates of a spec in their order, all different.

    Draws that would train like an earlier one are skipped. Without `candidates` it is the full grid of the choices.
    """
    space = spec.hyperparameters
    if spec.candidates is None:
        return grid(space)
    found: dict[Hyperparameters, None] = {}
    drawn, wanted = 0, spec.candidates
    while len(found) < spec.candidates:
        if drawn > 50 * spec.candidates + 1_000:  # a range of a few neighbouring floats
            raise SpecError([f"{spec.name}: [hyperparameters] gave only {len(found)} different candidates"])
        drawn, first = drawn + wanted, drawn
        columns = {name: quantiles(spec.search_seed, name, drawn)[first:] for name in space}
        for row in range(drawn - first):
            found[settings({name: space[name].at(float(columns[name][row])) for name in space})] = None
        wanted = 2 * wanted
    return list(found)[: spec.candidates]
