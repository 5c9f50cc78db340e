"""Who goes on, who gets all seeds, who is chosen: against plain sorting, and the costs of EVIDENCE's table."""

import math
import random

import pytest

from seqsweep.seqmodels.search_rule import SearchRule, Standing, ranked

HALVING = SearchRule(method="halving")


def standings(scores: list[float]) -> dict[int, Standing]:
    return {candidate: Standing(score, 1.0 - score) for candidate, score in enumerate(scores)}


@pytest.mark.parametrize(
    ("candidates", "seeds", "kept", "finalists", "saved"),
    [  # saved against every candidate from every seed, as measured on real data: 42, 60, 67, 45, 66, 73, 69 %
        (8, 3, 4, 4, 0.42),
        (16, 3, 6, 4, 0.60),
        (24, 3, 8, 4, 0.67),
        (8, 5, 4, 4, 0.45),
        (16, 5, 6, 4, 0.66),
        (24, 5, 8, 4, 0.73),
        (48, 3, 16, 6, 0.69),
        (3, 3, 3, 3, 0.0),
    ],
)
def test_half_then_seeds_costs_what_was_measured(
    candidates: int, seeds: int, kept: int, finalists: int, saved: float
) -> None:
    assert HALVING.kept(candidates) == kept
    assert HALVING.tried_by_all_seeds(candidates) == finalists
    full = SearchRule().work(candidates, seeds, 40)
    assert full == candidates * seeds * 40
    assert 1 - HALVING.work(candidates, seeds, 40) / full == pytest.approx(saved, abs=0.02)


def test_the_rung_is_whole_and_never_before_the_share() -> None:
    assert [HALVING.rung(epochs) for epochs in (1, 2, 3, 40, 41)] == [1, 1, 2, 20, 21]
    assert SearchRule(method="halving", first=0.3).rung(10) == 3  # not 4 for want of a bit
    assert SearchRule(method="halving", keep=0.1).kept(60) == 6


def test_who_goes_on_is_who_sorting_by_accuracy_then_loss_puts_first() -> None:
    draw = random.Random(5)
    for count in (1, 4, 5, 13, 40):
        own = {c: Standing(draw.choice([0.5, 0.6, 0.7]), draw.random()) for c in range(count)}
        own[count // 2] = Standing(math.nan, math.nan, diverged=True)
        sound = [candidate for candidate in own if not own[candidate].diverged]
        order = sorted(sound, key=lambda c: (-own[c].score, own[c].loss, c))
        groups = dict.fromkeys(own, "constant")
        assert HALVING.going_on(own, groups) == sorted(order[: HALVING.kept(count)])
        going = {candidate: own[candidate] for candidate in HALVING.going_on(own, groups)}
        assert HALVING.finals(going, count) == sorted(order[: HALVING.tried_by_all_seeds(count)])


def test_schedules_are_cut_each_for_itself_by_their_sizes() -> None:
    own = standings([0.9] * 12 + [0.1] * 6)
    groups = {candidate: "one_cycle" if candidate >= 12 else "constant" for candidate in own}
    assert HALVING.going_on(own, groups) == [0, 1, 2, 3, 12, 13]
    lonely = {candidate: "one_cycle" if candidate == 17 else "constant" for candidate in own}
    assert HALVING.going_on(own, lonely) == [0, 1, 2, 3, 4, 17]


def test_the_chosen_one_has_the_best_mean_and_within_one_error_the_fewest_epochs() -> None:
    own = {
        0: [Standing(0.90, 0.3, epochs=30), Standing(0.94, 0.3, epochs=32), Standing(0.92, 0.3, epochs=34)],
        1: [Standing(0.91, 0.4, epochs=9)] * 3,
        2: [Standing(0.85, 0.1, epochs=2)] * 3,
        3: [Standing(0.99, 0.1, epochs=1)] * 2 + [Standing(math.nan, math.nan, diverged=True)],
    }
    assert ranked(own) == [0, 1, 2, 3]
    assert SearchRule().choose(own) == 0
    # one standard error of the best: 0.02 / sqrt(3) = 0.0115
    assert SearchRule(one_standard_error=True).choose(own) == 1
    assert SearchRule(one_standard_error=True).choose({0: own[0][:1], 1: own[1][:1]}) == 1
    assert SearchRule(one_standard_error=True).choose({0: own[0][:1], 2: own[2][:1]}) == 0


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"method": "half"}, "`method` is 'half', but must be one of full, halving"),
        ({"metric": "f1"}, "`metric` is 'f1', but must be one of accuracy"),
        ({"first": 0.0}, "`first` is 0.0, but must be greater than 0"),
        ({"keep": 1.5}, "`keep` is 1.5, but must be greater than 0 and at most 1"),
        ({"finalists": 0}, "`finalists` is 0, but must be at least 1"),
    ],
)
def test_a_wrong_field_is_named(change: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        SearchRule(**change)  # type: ignore[arg-type]
