"""How a trial searches: who goes on at the rung, who gets all seeds, who is chosen: pure functions of scores."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

METHODS = ("full", "halving")
METRICS = ("accuracy", "macro_f1", "balanced_accuracy")
LEAST = 4
"""Candidates that go on, and that get all seeds, where there are so many."""
FINALISTS_SHARE = Fraction(1, 8)


@dataclass(frozen=True)
class Standing:
    """Say how a candidate's lane stands on the validation part: the higher `score`, then the lower `loss`, the better.

    A lane that diverged scores 0 and has an infinite loss.
    """

    score: float
    loss: float
    diverged: bool = False
    epochs: int = 0

    @property
    def rank(self) -> tuple[float, float]:
        """Give what is greater the better the lane is."""
        return (0.0, -math.inf) if self.diverged else (self.score, -self.loss)


@dataclass(frozen=True)
class SearchRule:
    """How candidates of a trial are searched.

    `halving` is "half, then seeds": every candidate is trained from its first seed for `first` of the epochs (the rung); the
    best `keep` of them, and at least `LEAST`, go on to the end; of these the best `finalists` are trained from all other
    seeds. It is not asynchronous or repeated halving: a one-cycle schedule says nothing before its middle, so there is one
    rung, and the same for every architecture. `full` trains every candidate from every seed to the end.

    Args:
        method: one of `METHODS`.
        first: share of the epochs before the rung.
        keep: share of the candidates that go on after it.
        finalists: candidates that get all seeds; None: an eighth of the candidates, and at least `LEAST`.
        metric: one of `METRICS`, of the validation part: which epoch's weights are kept, and which candidate is chosen.
        one_standard_error: choose, of the candidates within one standard error of the best, the one that needs the fewest
            epochs (Breiman et al., Classification and Regression Trees, 1984, section 3.4.3).

    Raises:
        ValueError: a field is out of its range.
    """

    method: str = "full"
    first: float = 0.5
    keep: float = 1 / 3
    finalists: int | None = None
    metric: str = "accuracy"
    one_standard_error: bool = False

    def __post_init__(self) -> None:
        for name, allowed in (("method", METHODS), ("metric", METRICS)):
            if getattr(self, name) not in allowed:
                raise ValueError(
                    f"`{name}` is {getattr(self, name)!r}, but must be one of {', '.join(allowed)}"
                )
        for name in ("first", "keep"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(
                    f"`{name}` is {getattr(self, name)}, but must be greater than 0 and at most 1"
                )
        if self.finalists is not None and self.finalists < 1:
            raise ValueError(f"`finalists` is {self.finalists}, but must be at least 1")

    def rung(self, epochs: int) -> int:
        """Give the epoch after which candidates are cut."""
        return max(1, math.ceil(self.first * epochs - 1e-9))

    def kept(self, candidates: int) -> int:
        """Count the candidates that go on after the rung."""
        return min(candidates, max(LEAST, math.ceil(self.keep * candidates - 1e-9)))

    def tried_by_all_seeds(self, candidates: int) -> int:
        """Count the candidates that get all seeds."""
        wanted = self.finalists or max(LEAST, math.ceil(FINALISTS_SHARE * candidates))
        return min(self.kept(candidates), wanted)

    def begun(self, candidates: int, seeds: int) -> int:
        """Count the lanes of a search that are trained at all."""
        if self.method == "full":
            return candidates * seeds
        return candidates + self.tried_by_all_seeds(candidates) * (seeds - 1)

    def stages(self, candidates: int, seeds: int, epochs: int) -> list[tuple[int, int]]:
        """List what a search does one after the other: so many lanes, each for so many epochs at most."""
        if self.method == "full":
            return [(candidates * seeds, epochs)]
        rung = self.rung(epochs)
        others = self.tried_by_all_seeds(candidates) * (seeds - 1)
        return [(candidates, rung), (self.kept(candidates), epochs - rung), (others, epochs)]

    def work(self, candidates: int, seeds: int, epochs: int) -> int:
        """Count the most lane-epochs of a search."""
        return sum(lanes * each for lanes, each in self.stages(candidates, seeds, epochs))

    def going_on(self, standings: Mapping[int, Standing], groups: Mapping[int, str]) -> list[int]:
        """Choose the candidates that go on after the rung, in their order; one that diverged never does.

        Args:
            standings: by candidate.
            groups: candidate's learning-rate schedule: they are cut within each, as schedules are not comparable in the middle.
        """
        members: dict[str, list[int]] = {}
        sound = [candidate for candidate, standing in standings.items() if not standing.diverged]
        for candidate in sound:
            members.setdefault(groups[candidate], []).append(candidate)
        sizes = [len(each) for each in members.values()]
        places = _shared(min(len(sound), self.kept(len(standings))), sizes)
        best: list[int] = []
        for own, count in zip(members.values(), places, strict=True):
            best += ranked({candidate: [standings[candidate]] for candidate in own})[:count]
        return sorted(best)

    def finals(self, standings: Mapping[int, Standing], candidates: int) -> list[int]:
        """Choose those of `candidates` that get all seeds, by their first seed at the end; in their order."""
        order = ranked({candidate: [standing] for candidate, standing in standings.items()})
        return sorted(order[: self.tried_by_all_seeds(candidates)])

    def choose(self, standings: Mapping[int, Sequence[Standing]]) -> int:
        """Choose a candidate by its mean over seeds; equal ones are told apart by mean loss, then by their number."""
        order = ranked(standings)
        best = order[0]
        if not self.one_standard_error:
            return best
        scores = [standing.rank[0] for standing in standings[best]]
        mean = sum(scores) / len(scores)
        if len(scores) < 2:
            return best
        error = math.sqrt(sum((score - mean) ** 2 for score in scores) / (len(scores) - 1) / len(scores))

        def cost(candidate: int) -> float:
            own = standings[candidate]
            return sum(standing.epochs for standing in own) / len(own)

        near = [
            candidate
            for candidate in order
            if sum(each.rank[0] for each in standings[candidate]) / len(standings[candidate]) >= mean - error
            and not any(each.diverged for each in standings[candidate])
        ]
        return min(near or [best], key=cost)  # of equals the first, which is the better


def ranked(standings: Mapping[int, Sequence[Standing]]) -> list[int]:
    """Order candidates from the best mean over seeds down."""

    def merit(candidate: int) -> tuple[float, float, int]:
        ranks = [standing.rank for standing in standings[candidate]]
        return (
            sum(score for score, _ in ranks) / len(ranks),
            sum(loss for _, loss in ranks) / len(ranks),
            -candidate,
        )

    return sorted(standings, key=merit, reverse=True)


def _shared(places: int, sizes: Sequence[int]) -> list[int]:
    """Share places out to groups by their sizes (largest remainders), one at least to each."""
    whole = sum(sizes)
    exact = [Fraction(places * size, whole) for size in sizes]  # no group: nothing to share
    shares = [max(1, math.floor(each)) for each in exact]
    order = sorted(range(len(sizes)), key=lambda i: (exact[i] - math.floor(exact[i]), -i), reverse=True)
    for group in order:
        if sum(shares) < places and shares[group] < sizes[group]:
            shares[group] += 1
    return shares
