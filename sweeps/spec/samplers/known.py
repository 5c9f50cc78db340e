"""Which samplers there are: a new one is a file, and a line here."""

from __future__ import annotations

from seqsweep.sweeps.spec.samplers.base import Sampler
from seqsweep.sweeps.spec.samplers.grid import GridSampler
from seqsweep.sweeps.spec.samplers.random_ import RandomSampler
from seqsweep.sweeps.spec.samplers.sobol import SobolSampler
from seqsweep.sweeps.spec.samplers.stratified import StratifiedSampler

SAMPLERS: dict[str, Sampler] = {
    each.name: each for each in (StratifiedSampler(), RandomSampler(), SobolSampler(), GridSampler())
}
