"""Samplers keep what all must, and are even where they say so (SciPy's sequence and discrepancy)."""

import math
import sys
from importlib.metadata import EntryPoint
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import qmc

from seqsweep.seqmodels.data import plugins
from seqsweep.seqmodels.hyperparameters import Hyperparameters
from seqsweep.sweeps.errors import SpecError
from seqsweep.sweeps.spec.dimension import Dimension
from seqsweep.sweeps.spec.drawing import different
from seqsweep.sweeps.spec.loading import parse_spec
from seqsweep.sweeps.spec.samplers.base import QuantileSampler, Sampler, Scored
from seqsweep.sweeps.spec.samplers.grid import GridSampler
from seqsweep.sweeps.spec.samplers.known import GROUP, SAMPLERS
from seqsweep.sweeps.spec.samplers.random_ import RandomSampler
from seqsweep.sweeps.spec.samplers.sobol import DIMENSIONS, SobolSampler
from seqsweep.sweeps.spec.samplers.stratified import StratifiedSampler
from seqsweep.sweeps.spec.samplers.tpe import STARTUP, TPESampler
from seqsweep.sweeps.testing.sampler_conformance import SamplerSuite


class TestRandom(SamplerSuite):
    sampler = RandomSampler()


class TestStratified(SamplerSuite):
    sampler = StratifiedSampler()


class TestSobol(SamplerSuite):
    sampler = SobolSampler()


class TestTPE(SamplerSuite):
    sampler = TPESampler()

    def test_it_ends_where_it_says_so_after_every_combination(self) -> None:
        assert len(self.drawn(40)) == 40, "it has no end"


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


def quality(candidate: Hyperparameters) -> float | None:
    """The best `lr` is 0.01 with adam; sgd with momentum is worse, and a large `lr` diverges."""
    if candidate.lr > 0.5:
        return None
    return -(math.log10(candidate.lr / 0.01) ** 2) - candidate.dropout - (candidate.optimizer == "sgd")


def searched(seed: int, wave: int = 8, waves: int = 4) -> list[Scored]:
    space = {
        "lr": {"log_uniform": [1e-5, 1]},
        "dropout": {"uniform": [0, 0.5], "step": 0.05},
        "optimizer": {"choice": ["sgd", "adam"]},
        "momentum": {"uniform": [0.5, 0.99], "when": {"optimizer": "sgd"}},
    }
    table = {
        "name": "x",
        "datasets": "handwriting",
        "architecture": {"cell": "gru"},
        "hyperparameters": space,
    }
    spec = parse_spec(table | {"candidates": wave, "seeds": 1}, base=Path(), source="x")
    history: list[Scored] = []
    for _ in range(waves):
        draws = different(TPESampler(), spec.hyperparameters, [], {}, seed, history)
        found = list(islice((each for each in draws if each is not None), wave))
        history += [Scored(each, quality(each)) for each in found]
    return history


def test_tpe_finds_what_is_good_and_the_same_again() -> None:
    history = searched(0)
    assert history == searched(0)
    assert len({each.candidate for each in history}) == len(history), "no candidate twice"
    scores = [-9.0 if each.score is None else each.score for each in history]
    assert sum(scores[-8:]) / 8 > sum(scores[:16]) / 16 + 1
    for each in history:
        assert (each.candidate.momentum > 0) == (each.candidate.optimizer == "sgd")


def test_tpe_draws_strata_until_it_knows_enough() -> None:
    space = {"lr": Dimension("log_uniform", (1e-4, 1e-1))}
    tried = [Scored(Hyperparameters(lr=1e-3), 0.5)] * STARTUP
    strata = list(islice(StratifiedSampler().draws(space, 3), 8))
    assert list(islice(TPESampler().draws(space, 3, tried[1:]), 8)) == strata
    assert list(islice(TPESampler().draws(space, 3, tried), 8)) != strata


def test_tpe_takes_scores_of_values_that_the_space_has_lost() -> None:
    space = {"optimizer": Dimension("choice", ("adam", "adamw")), "lr": Dimension("uniform", (0.1, 0.2))}
    tried = [Scored(Hyperparameters(lr=5.0, optimizer="sgd"), float(score)) for score in range(STARTUP)]
    for values in islice(TPESampler().draws(space, 0, tried), 5):
        assert values["optimizer"] in ("adam", "adamw")
        assert 0.1 <= values["lr"] <= 0.2


def test_tpe_without_optuna_says_how_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(SpecError, match=r"needs Optuna: pip install '\.\[optuna\]'"):
        next(iter(TPESampler().draws({}, 0, [Scored(Hyperparameters(), 1.0)] * STARTUP)))


def test_a_spec_may_not_ask_for_tpe_yet() -> None:
    table = {"name": "x", "datasets": "handwriting", "architecture": {"cell": "gru"}}
    with pytest.raises(
        SpecError, match=r"`search.sampler` is 'tpe', which draws in waves, .* take stratified"
    ):
        parse_spec(table | {"search": {"sampler": "tpe"}}, base=Path(), source="x")


class Middle(QuantileSampler):
    """Somebody else's."""

    name = "middle"
    words = "the middle, again and again"

    def quantiles(self, seed: int, name: str, count: int) -> np.ndarray:
        return np.full(count, 0.5)


def test_samplers_of_other_packages_are_found_and_bad_ones_are_left_out_and_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    points = [
        EntryPoint("a", f"{__name__}:Middle", GROUP),
        EntryPoint("b", f"{__name__}:Nothing", GROUP),
        EntryPoint("c", f"{__name__}:quality", GROUP),
        EntryPoint("d", "seqsweep.sweeps.spec.samplers.grid:GridSampler", GROUP),
    ]
    monkeypatch.setattr(plugins, "entry_points", lambda group: points)
    said: list[str] = []
    monkeypatch.setattr(plugins, "say", said.extend)
    assert {each.name: type(each) for each in plugins.plugged(GROUP, "sampler", Sampler, SAMPLERS)} == {
        "middle": Middle
    }
    assert [each.split(":")[0] for each in said] == [
        "the sampler `b` of a package is left out, as it cannot be loaded",
        "the sampler `c` of a package is left out",
        "the sampler `d` of a package is left out",
    ]
