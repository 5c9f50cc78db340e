"""What every sampler must keep: a test class inherits it and names its subject."""

import math
import random
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, ClassVar

import pytest

from seqsweep.seqmodels.hyperparameters import Hyperparameters
from seqsweep.sweeps.spec.samplers.base import Sampler, Scored
from seqsweep.sweeps.spec.space import Space, settings
from seqsweep.sweeps.spec.space_table import read_space

SPACE = {
    "lr": {"log_uniform": [1e-4, 1e-1]},
    "optimizer": {"choice": ["adam", "sgd", "rmsprop"]},
    "momentum": {"choice": [0.0, 0.5, 0.9]},
    "dropout": {"uniform": [0.0, 0.5]},
    "weight_decay": {"int": [0, 3]},
    "clip_norm": {"choice": ["off", 1.0, 5.0], "weights": [1, 2, 1]},
    "label_smoothing": {"uniform": [0.0, 0.2], "step": 0.05},
    "input_noise": {"normal": [0.2, 0.1], "within": [0.0, 0.5]},
    "eps": 1e-7,
}
FINITE = {name: SPACE[name] for name in ("optimizer", "weight_decay", "momentum", "eps")}


def read(table: Mapping[str, Any]) -> Space:
    """Read a space that has no problem."""
    space, complaints = read_space(table)
    assert not complaints
    return space


class SamplerSuite:
    """A sampler's test class says which it is."""

    sampler: ClassVar[Sampler]
    draws: ClassVar[int] = 20

    def space(self) -> Space:
        return read(FINITE if self.sampler.finite else SPACE)

    def history(self) -> Sequence[Scored]:
        """Give scores, for a sampler that asks for them: the nearer `lr` is to 0.01, the better."""
        if not self.sampler.asks_scores:
            return ()
        draw = random.Random(1)
        tried = [Hyperparameters(lr=10 ** draw.uniform(-4, -1), dropout=draw.random() / 2) for _ in range(16)]
        return [Scored(each, None if each.lr > 0.08 else -abs(each.lr - 0.01)) for each in tried]

    def drawn(self, count: int, seed: int = 0, space: Space | None = None) -> list[Mapping[str, Any]]:
        draws = self.sampler.draws(self.space() if space is None else space, seed, self.history())
        return list(islice(draws, count))

    def test_it_says_what_it_is(self) -> None:
        assert self.sampler.name.isidentifier()
        assert self.sampler.words
        assert not self.sampler.words.endswith(".")

    def test_every_value_is_one_of_its_dimension(self) -> None:
        space = self.space()
        for values in self.drawn(self.draws):
            assert set(values) == set(space)
            for name, value in values.items():
                dimension = space[name]
                if dimension.size < math.inf:
                    assert value in list(dimension.all())
                else:
                    assert dimension.ends[0] <= value <= dimension.ends[1]
                    assert type(value) is float
            settings(values)  # all are allowed

    def test_it_draws_the_same_again_and_more_draws_begin_alike(self) -> None:
        many = self.drawn(self.draws)
        for count in (0, 1, 7, self.draws):
            assert self.drawn(count) == many[:count]

    def test_the_seed_matters(self) -> None:
        alike = self.drawn(self.draws, seed=1) == self.drawn(self.draws, seed=2)
        assert alike == self.sampler.finite, "the largest seed works too"
        assert len(self.drawn(3, seed=2**32 - 1)) == 3

    def test_it_does_not_touch_the_random_numbers_of_others(self) -> None:
        import numpy as np

        before, legacy = random.getstate(), np.random.get_state(legacy=False)  # noqa: NPY002
        self.drawn(self.draws)
        assert random.getstate() == before
        after = np.random.get_state(legacy=False)  # noqa: NPY002
        assert str(after) == str(legacy)

    def test_the_order_of_names_does_not_matter(self) -> None:
        if self.sampler.finite:
            pytest.skip("it says that the last name changes fastest")
        turned = dict(reversed(list(self.space().items())))
        assert self.drawn(self.draws, space=turned) == self.drawn(self.draws)

    def test_another_hyperparameter_leaves_the_draws_of_the_others(self) -> None:
        if not self.sampler.grows:
            pytest.skip("it says that it does not")
        fewer = {name: dimension for name, dimension in self.space().items() if name != "optimizer"}
        kept = [
            {name: value for name, value in each.items() if name in fewer} for each in self.drawn(self.draws)
        ]
        assert self.drawn(self.draws, space=fewer) == kept

    def test_a_space_without_dimensions_has_an_empty_draw(self) -> None:
        assert next(iter(self.drawn(1, space={}))) == {}

    def test_it_ends_where_it_says_so_after_every_combination(self) -> None:
        if not self.sampler.finite:
            assert len(self.drawn(300)) == 300
            return
        found = self.drawn(10_000)
        assert len(found) == len({tuple(each.items()) for each in found}) == 3 * 4 * 3
