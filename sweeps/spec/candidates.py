"""Candidates: what a sampler draws, each once, and none that breaks a constraint."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING

from seqsweep.sweeps.errors import SpecError
from seqsweep.sweeps.spec.constraint import read_constraint
from seqsweep.sweeps.spec.drawing import different
from seqsweep.sweeps.spec.samplers.known import SAMPLERS

if TYPE_CHECKING:
    from seqsweep.seqmodels.hyperparameters import Hyperparameters
    from seqsweep.sweeps.spec.model import Spec
    from seqsweep.sweeps.spec.samplers.base import Scored
    from seqsweep.sweeps.spec.space import Point


def candidates(
    spec: Spec, point: Point | None = None, history: Sequence[Scored] = ()
) -> list[Hyperparameters]:
    """The candidates of a spec in their order, all different.

    Draws that would train like an earlier one, or break a constraint, are skipped. Without `candidates` it is the full grid of
    the choices.

    Args:
        spec: the spec.
        point: where in `[architecture]` the trial lies; None where no condition or constraint reads that.
        history: what was tried before, for a sampler that asks for scores.

    Raises:
        SpecError: the space has fewer candidates than asked for.
    """
    wanted = spec.candidates
    sampler = SAMPLERS["grid" if wanted is None else spec.search.sampler]
    rules = [read_constraint(text) for text in spec.constraints]
    draws = different(sampler, spec.hyperparameters, rules, point or {}, spec.search_seed, history)
    if wanted is None:
        found = [each for each in draws if each is not None]
        if found:
            return found
    else:
        most = 50 * wanted + (5_000 if rules else 1_000)  # a range may be a few neighbouring floats
        found = list(islice((each for each in islice(draws, most) if each is not None), wanted))
        if len(found) == wanted:
            return found
    kept = " that keep `constraints`" if rules else ""
    where = (
        f" for {', '.join(f'{name} = {value}' for name, value in point.items())}" if point and kept else ""
    )
    raise SpecError(
        [f"{spec.name}: [hyperparameters] gave only {len(found)} different candidates{kept}{where}"]
    )
