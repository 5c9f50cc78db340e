"""Candidates: what the spec's sampler draws, each once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING

from seqsweep.sweeps.errors import SpecError
from seqsweep.sweeps.spec.samplers.known import SAMPLERS
from seqsweep.sweeps.spec.space import settings

if TYPE_CHECKING:
    from seqsweep.seqmodels.hyperparameters import Hyperparameters
    from seqsweep.sweeps.spec.model import Spec
    from seqsweep.sweeps.spec.samplers.base import Scored


def candidates(spec: Spec, history: Sequence[Scored] = ()) -> list[Hyperparameters]:
    """The candidates of a spec in their order, all different.

    Draws that would train like an earlier one are skipped. Without `candidates` it is the full grid of the choices.

    Args:
        spec: the spec.
        history: what was tried before, for a sampler that asks for scores.

    Raises:
        SpecError: the space has fewer candidates than asked for.
    """
    space, wanted = spec.hyperparameters, spec.candidates
    sampler = SAMPLERS["grid" if wanted is None else spec.search.sampler]
    draws = sampler.draws(space, spec.search_seed, history)
    if wanted is None:
        return list(dict.fromkeys(map(settings, draws)))
    found: dict[Hyperparameters, None] = {}
    for values in islice(draws, 50 * wanted + 1_000):  # a range may be a few neighbouring floats
        found[settings(values)] = None
        if len(found) == wanted:
            return list(found)
    raise SpecError([f"{spec.name}: [hyperparameters] gave only {len(found)} different candidates"])
