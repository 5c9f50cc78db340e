"""The sigma-lognormal model against scipy's lognormal distribution and numerical integration; the characters."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import cumulative_trapezoid
from scipy.stats import lognorm

from seqsweep.seqmodels.data.generators import handwriting
from seqsweep.seqmodels.data.generators.sigma_lognormal import Strokes, positions, speeds
from seqsweep.seqmodels.data.generators.streams import stream


def random_strokes(seed: int, count: int = 4) -> Strokes:
    draw = np.random.default_rng(seed)
    start = draw.uniform(-np.pi, np.pi, count)
    return Strokes(
        length=draw.uniform(0.3, 2, count),
        start_angle=start,
        end_angle=start + np.append(draw.uniform(-np.pi, np.pi, count - 1), 0.0),  # the last one is straight
        onset=np.sort(draw.uniform(0, 0.6, count)),
        log_delay=np.log(draw.uniform(0.15, 0.4, count)),
        log_response=draw.uniform(0.1, 0.35, count),
    )


@given(st.integers(0, 10_000))
@settings(max_examples=25)
def test_speeds_are_scaled_lognormal_densities(seed):
    strokes, time = random_strokes(seed), np.linspace(0, 2, 401)
    expected = [
        d * lognorm(s=sigma, loc=t0, scale=np.exp(mu)).pdf(time)
        for d, t0, mu, sigma in zip(
            strokes.length, strokes.onset, strokes.log_delay, strokes.log_response, strict=True
        )
    ]
    np.testing.assert_allclose(speeds(strokes, time), expected, rtol=1e-9, atol=1e-12)


@given(st.integers(0, 10_000))
@settings(max_examples=10)
def test_speed_integrates_to_the_length_of_the_stroke(seed):
    strokes, time = random_strokes(seed), np.linspace(0, 8, 40_001)
    np.testing.assert_allclose(np.trapezoid(speeds(strokes, time), time, axis=1), strokes.length, rtol=1e-6)


@given(st.integers(0, 10_000))
@settings(max_examples=10)
def test_positions_are_the_integral_of_the_velocity(seed):
    strokes, time = random_strokes(seed), np.linspace(0, 3, 30_001)
    share = np.array(
        [
            lognorm(s=sigma, loc=t0, scale=np.exp(mu)).cdf(time)
            for t0, mu, sigma in zip(strokes.onset, strokes.log_delay, strokes.log_response, strict=True)
        ]
    )
    angle = strokes.start_angle[:, None] + share * (strokes.end_angle - strokes.start_angle)[:, None]
    speed = speeds(strokes, time)
    velocity = np.stack([(speed * np.cos(angle)).sum(0), (speed * np.sin(angle)).sum(0)], axis=1)
    integral = cumulative_trapezoid(velocity, time, axis=0, initial=0)
    np.testing.assert_allclose(positions(strokes, time), integral, atol=1e-5)


def test_half_a_turn_ends_at_the_diameter():
    one = np.ones(1)
    strokes = Strokes(np.pi * one, 0 * one, np.pi * one, 0 * one, np.log(0.2) * one, 0.2 * one)
    np.testing.assert_allclose(positions(strokes, np.array([0.0, 50.0])), [[0, 0], [0, 2]], atol=1e-12)


def test_characters_are_normalised_to_the_unit_square():
    dataset = handwriting.generate()
    for i in range(0, dataset.sequence_count, 7):
        path = dataset.sequence(i)
        np.testing.assert_array_equal(path.min(axis=0), [0, 0])
        np.testing.assert_array_equal(path.max(axis=0), [1, 1])
    np.testing.assert_array_equal(dataset.tokens * 4096, np.round(dataset.tokens * 4096))


def test_pairs_of_classes_differ_in_the_order_of_their_strokes():
    characters = handwriting.CHARACTERS
    for first, second in (("a", "ai"), ("chA", "tA")):
        assert characters[first] != characters[second]
        assert sorted(characters[first]) == sorted(characters[second])
        assert characters[first][-2:] == characters[second][-2:]


def test_writers_differ_and_a_faster_one_leaves_fewer_points():
    styles = [handwriting.writer(0, number) for number in range(6)]
    assert len({style.slant for style in styles}) == 6

    def count(pace: float) -> int:
        style = replace(styles[0], delay=pace * styles[0].delay)
        return len(handwriting.write("a", style, stream(0, 1, 0, 0)))

    assert count(0.5) == pytest.approx(count(1.0) / 2, abs=1)
    assert (count(0.01), count(100.0)) == (handwriting.SHORTEST, handwriting.LONGEST)
