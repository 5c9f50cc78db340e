"""What a sampler is: a pure function of the space, the seed and the scores so far.

So a sweep that is resumed or grown draws the same candidates again, on any machine, whoever finished first, and no
sampler's state is kept. Randomness is counter-based (Philox: Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3,
SC 2011), keyed by the seed and the name of what is drawn.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from seqsweep.seqmodels.hyperparameters import Hyperparameters
    from seqsweep.sweeps.spec.space import Space

FIRST_DRAWS = 8


@dataclass(frozen=True)
class Scored:
    """A candidate that was tried, and its score on validation, the greater the better; None where all diverged."""

    candidate: Hyperparameters
    score: float | None


class Sampler(ABC):
    """Draws from a space; keeps nothing."""

    name: ClassVar[str]
    """What a spec calls it."""
    words: ClassVar[str]
    """How it draws, a phrase for `docs/spec.md`."""
    grows: ClassVar[bool] = True
    """Whether a hyperparameter that is added leaves the draws of the others as they were."""
    finite: ClassVar[bool] = False
    """Whether it tries every combination, and then ends."""
    asks_scores: ClassVar[bool] = False
    """Whether its draws depend on the scores of those before: it draws in waves."""

    @abstractmethod
    def draws(self, space: Space, seed: int, history: Sequence[Scored] = ()) -> Iterator[Mapping[str, Any]]:
        """Yield a value of every dimension, draw after draw: the first n are the same however many are taken.

        Args:
            space: the dimensions, by name; their order does not matter, unless the sampler is finite.
            seed: `search_seed`.
            history: the candidates of the waves before, in their order.
        """


class QuantileSampler(Sampler):
    """Draws each dimension's quantiles by themselves, keyed by its name."""

    @abstractmethod
    def quantiles(self, seed: int, name: str, count: int) -> NDArray[np.float64]:
        """Draw the first `count` quantiles of `name`: float64 [count], 0 <= q < 1; more of them begin alike."""

    def draws(self, space: Space, seed: int, history: Sequence[Scored] = ()) -> Iterator[Mapping[str, Any]]:
        """Yield the values at the quantiles, without end."""
        first, last = 0, FIRST_DRAWS
        while True:
            columns = {name: self.quantiles(seed, name, last)[first:] for name in space}
            for row in range(last - first):
                yield {name: space[name].at(float(columns[name][row])) for name in space}
            first, last = last, 2 * last


def uniform(seed: int, key: str, count: int) -> NDArray[np.float64]:
    """Draw `count` numbers of the stream `key`: float64 [count], uniform on 0 <= q < 1."""
    return np.asarray(
        (words(seed, key, count) >> np.uint64(11)) * 2.0**-53, np.float64
    )  # all a float64 holds


def words(seed: int, key: str, count: int) -> NDArray[np.uint64]:
    """Draw `count` words of 64 random bits of the stream `key`: uint64 [count]."""
    number = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "little")
    return np.asarray(np.random.Philox(key=[seed, number]).random_raw(count), np.uint64)
