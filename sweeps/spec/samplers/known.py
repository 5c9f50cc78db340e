"""Which samplers there are: a new one is a file, and a line here."""

from __future__ import annotations

from seqsweep.seqmodels.data.plugins import plugged
from seqsweep.sweeps.spec.samplers.base import Sampler
from seqsweep.sweeps.spec.samplers.grid import GridSampler
from seqsweep.sweeps.spec.samplers.random_ import RandomSampler
from seqsweep.sweeps.spec.samplers.sobol import SobolSampler
from seqsweep.sweeps.spec.samplers.stratified import StratifiedSampler
from seqsweep.sweeps.spec.samplers.tpe import TPESampler

SAMPLERS: dict[str, Sampler] = {
    each.name: each
    for each in (StratifiedSampler(), RandomSampler(), SobolSampler(), GridSampler(), TPESampler())
}
GROUP = "seqsweep.samplers"
"""Of the entry points by which other packages add theirs."""
SAMPLERS |= {each.name: each for each in plugged(GROUP, "sampler", Sampler, SAMPLERS)}  # type: ignore[type-abstract]
AT_ONCE = tuple(name for name, each in SAMPLERS.items() if not each.asks_scores)
"""Those that draw all candidates before a sweep starts, as it does: the others wait for scores."""
