"""Samplers keep what all must, and are even where they say so (SciPy's sequence and discrepancy)."""

import numpy as np
import pytest
from scipy.stats import qmc

from seqsweep.sweeps.spec.samplers.base import QuantileSampler
from seqsweep.sweeps.spec.samplers.grid import GridSampler
from seqsweep.sweeps.spec.samplers.known import SAMPLERS
from seqsweep.sweeps.spec.samplers.random_ import RandomSampler
from seqsweep.sweeps.spec.samplers.sobol import DIMENSIONS, SobolSampler
from seqsweep.sweeps.spec.samplers.stratified import StratifiedSampler
from seqsweep.sweeps.testing.sampler_conformance import SamplerSuite


class TestRandom(SamplerSuite):
    sampler = RandomSampler()


class TestStratified(SamplerSuite):
    sampler = StratifiedSampler()


class TestSobol(SamplerSuite):
    sampler = SobolSampler()


class TestGrid(SamplerSuite):
    sampler = GridSampler()


def test_all_that_are_known_are_tried() -> None:
    tried = {each.sampler.name for each in SamplerSuite.__subclasses__() if "sampler" in vars(each)}
    assert set(SAMPLERS) <= tried
    assert all(name == each.name for name, each in SAMPLERS.items())


@pytest.mark.parametrize("sampler", [StratifiedSampler(), SobolSampler()], ids=lambda each: each.name)
@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1])
def test_each_block_of_8_has_one_in_every_eighth(sampler: QuantileSampler, seed: int) -> None:
    found = sampler.quantiles(seed, "lr", 80).reshape(10, 8)
    assert np.array_equal(np.sort(np.floor(8 * found), axis=1), np.tile(np.arange(8), (10, 1)))
    assert len({tuple(np.argsort(block)) for block in found}) > (3 if sampler.name == "stratified" else 1)


def test_strata_are_drawn_independently_of_each_other_and_fill_the_range() -> None:
    first, second = (StratifiedSampler().quantiles(3, name, 8000) for name in ("lr", "dropout"))
    counts = np.histogram2d(first, second, bins=8, range=[[0, 1]] * 2)[0]
    assert 80 < counts.min() < counts.max() < 180, "125 in each cell, give or take 5 standard deviations"
    inside = np.histogram(8 * first % 1, bins=10, range=(0, 1))[0]
    assert abs(inside - 800).max() < 5 * np.sqrt(800)


def test_draws_are_the_same_on_every_machine_and_in_every_version() -> None:
    # a change here makes old sweeps impossible to resume
    found = {
        name: each.quantiles(7, "lr", 3).tolist()
        for name, each in SAMPLERS.items()
        if isinstance(each, QuantileSampler)
    }
    assert found == {
        "stratified": [0.7381018949355576, 0.5968908298774763, 0.13381185397352913],
        "random": [0.7122621733962428, 0.6778273127380584, 0.6288210940104573],
        "sobol": [0.6293873883580284, 0.12938738835802843, 0.37938738835802843],
    }


def test_sobol_is_scipys_sequence_with_its_digits_flipped() -> None:
    expected = qmc.Sobol(len(DIMENSIONS), scramble=False, bits=53).random(64)
    for place, name in enumerate(DIMENSIONS):
        found = SobolSampler().quantiles(5, name, 64)
        flips = (found * 2.0**53).astype(np.uint64) ^ (expected[:, place] * 2.0**53).astype(np.uint64)
        assert len(np.unique(flips)) == 1
        assert flips[0]


def test_sobol_is_more_even_than_strata_and_these_than_random_draws() -> None:
    def discrepancy(sampler: QuantileSampler) -> float:
        columns = [[sampler.quantiles(seed, name, 64) for name in DIMENSIONS[:3]] for seed in range(8)]
        return float(np.mean([qmc.discrepancy(np.transpose(each)) for each in columns]))

    sobol, strata, plain = (discrepancy(SAMPLERS[name]) for name in ("sobol", "stratified", "random"))  # type: ignore[arg-type]
    assert sobol < strata < plain / 1.5
