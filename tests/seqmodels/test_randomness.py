"""Draws against an independent Philox (itself held to the authors' known answers) and against their distributions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from seqsweep.seqmodels.randomness import Purpose, normal, permutation, uniform

WORD = 2**64 - 1


def philox4x64(counter: list[int], key: list[int]) -> list[int]:
    """Ten rounds of Philox-4x64, from the paper (Salmon et al., SC'11, section 3.3)."""
    c, k = list(counter), list(key)
    for _ in range(10):
        first, second = 0xD2E7470EE14C6C93 * c[0], 0xCA5A826395121157 * c[2]
        c = [(second >> 64) ^ c[1] ^ k[0], second & WORD, (first >> 64) ^ c[3] ^ k[1], first & WORD]
        k = [(k[0] + 0x9E3779B97F4A7C15) & WORD, (k[1] + 0xBB67AE8584CAA73B) & WORD]
    return c


# kat_vectors of the authors' Random123
KNOWN = [
    ("0 0 0 0", "0 0", "16554d9eca36314c db20fe9d672d0fdc d7e772cee186176b 7e68b68aec7ba23b"),
    (
        "ffffffffffffffff ffffffffffffffff ffffffffffffffff ffffffffffffffff",
        "ffffffffffffffff ffffffffffffffff",
        "87b092c3013fe90b 438c3c67be8d0224 9cc7d7c69cd777b6 a09caebf594f0ba0",
    ),
    (
        "243f6a8885a308d3 13198a2e03707344 a4093822299f31d0 082efa98ec4e6c89",
        "452821e638d01377 be5466cf34e90c6c",
        "a528f45403e61d95 38c72dbd566e9788 a5a1610e72fd18b5 57bd43b5e52b7fe6",
    ),
]


@pytest.mark.parametrize(("counter", "key", "answer"), KNOWN)
def test_the_oracle_gives_the_known_answers(counter: str, key: str, answer: str) -> None:
    counter_words, key_words, expected = ([int(w, 16) for w in t.split()] for t in (counter, key, answer))
    assert philox4x64(counter_words, key_words) == expected


@settings(max_examples=30)
@given(
    seed=st.integers(0, WORD),
    purpose=st.sampled_from(Purpose),
    count=st.integers(1, 21),
    epoch=st.integers(0, 2**40),
    step=st.integers(0, 2**40),
    layer=st.integers(0, 100),
)
def test_uniform_is_philox_of_the_documented_key_and_counter(
    seed: int, purpose: Purpose, count: int, epoch: int, step: int, layer: int
) -> None:
    blocks = [philox4x64([block + 1, step, epoch, layer], [seed, purpose]) for block in range(count)]
    halves = [half for words in blocks for word in words for half in (word & 0xFFFFFFFF, word >> 32)]
    drawn = uniform(seed, purpose, (count,), epoch=epoch, step=step, layer=layer)
    assert drawn.dtype == np.float32
    assert drawn.tolist() == [(half >> 8) * 2.0**-24 for half in halves[:count]]


def test_the_order_of_an_epoch_sorts_philox_words() -> None:
    blocks = [philox4x64([block + 1, 0, 7, 0], [5, Purpose.ORDER]) for block in range(9)]
    keys = [word for block in blocks for word in block][:33]
    assert permutation(5, 33, epoch=7).tolist() == sorted(range(33), key=keys.__getitem__)


def test_normal_is_box_and_muller_of_uniform_pairs() -> None:
    u = uniform(3, Purpose.NOISE, (50, 2), epoch=2, step=1).astype(np.float64)
    radius, angle = np.sqrt(-2 * np.log(1 - u[:, 0])), 2 * np.pi * u[:, 1]
    expected = np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1).ravel()
    drawn = normal(3, Purpose.NOISE, (33, 3), epoch=2, step=1)
    np.testing.assert_allclose(drawn, expected[:99].reshape(33, 3), rtol=1e-4, atol=1e-5)


def test_distributions() -> None:
    assert stats.kstest(uniform(1, Purpose.WEIGHTS, (200_000,)), "uniform").pvalue > 1e-3
    assert stats.kstest(normal(1, Purpose.NOISE, (200_000,)), "norm").pvalue > 1e-3
    drawn = uniform(2, Purpose.DROPOUT, (100_000,))
    assert drawn.min() >= 0
    assert drawn.max() < 1
    # neighbours, halves and blocks are uncorrelated
    for lag in (1, 2, 3, 8):
        assert abs(np.corrcoef(drawn[:-lag], drawn[lag:])[0, 1]) < 0.015


def test_every_item_is_as_likely_at_every_place_of_the_order() -> None:
    orders = np.stack([permutation(seed, 6, epoch=epoch) for seed in range(40) for epoch in range(50)])
    assert (np.sort(orders, axis=1) == np.arange(6)).all()
    counts = np.stack([np.bincount(column, minlength=6) for column in orders.T])
    assert stats.chisquare(counts.ravel()).pvalue > 1e-3


def test_every_coordinate_gives_other_numbers() -> None:
    base = {"seed": 1, "purpose": Purpose.DROPOUT, "epoch": 1, "step": 1, "layer": 1}
    other = {"seed": 2, "purpose": Purpose.NOISE, "epoch": 2, "step": 2, "layer": 2}
    draws = [uniform(shape=(500,), **base | {name: value}) for name, value in [*other.items(), ("seed", 1)]]
    for i, a in enumerate(draws):
        for b in draws[:i]:
            assert not np.isin(a, b).mean() > 0.01
            assert abs(np.corrcoef(a, b)[0, 1]) < 0.2


def test_a_larger_draw_begins_with_the_smaller_one() -> None:
    for draw in (uniform, normal):
        small, large = (draw(9, Purpose.NOISE, (n, 3), epoch=1) for n in (7, 1000))
        assert np.array_equal(small, large[:7])
