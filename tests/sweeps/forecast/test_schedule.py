"""The simulated schedule, against simpy's discrete events and Graham's bounds."""

from collections.abc import Generator
from typing import Any

import pytest
import simpy
from hypothesis import given
from hypothesis import strategies as st

from seqsweep.sweeps.forecast.schedule import simulate

SECONDS = st.lists(st.integers(1, 1000).map(float), min_size=1, max_size=40)


def by_events(seconds: list[float], slots: int) -> tuple[list[float], float]:
    """Start of each trial and the last end: processes that queue for a resource, first come, first served."""
    world = simpy.Environment()
    places = simpy.Resource(world, capacity=slots)
    start = [0.0] * len(seconds)

    def trial(number: int) -> Generator[Any, Any, None]:
        with places.request() as turn:
            yield turn
            start[number] = world.now
            yield world.timeout(seconds[number])

    for number in range(len(seconds)):
        world.process(trial(number))
    world.run()
    return start, world.now


@given(SECONDS, st.integers(1, 50))
def test_the_schedule_is_that_of_a_queue(seconds: list[float], slots: int) -> None:
    found = simulate(seconds, slots)
    start, end = by_events(seconds, slots)
    assert list(found.start) == start
    assert found.seconds == end
    assert found.start[found.last] + seconds[found.last] == end


@given(SECONDS, st.integers(1, 50))
def test_idle_places_are_the_tail(seconds: list[float], slots: int) -> None:
    """Until `idle_from` all places work, so that nothing could be done sooner."""
    found = simulate(seconds, slots)
    ends = [begun + each for begun, each in zip(found.start, seconds, strict=True)]
    if slots > len(seconds):
        assert found.idle_from == 0
        return
    moments = {0.0, *ends, *found.start}
    for moment in moments:
        running = sum(begun <= moment < end for begun, end in zip(found.start, ends, strict=True))
        assert (running == slots) == (moment < found.idle_from)


@given(SECONDS, st.integers(1, 50))
def test_it_is_never_shorter_than_possible_nor_twice_as_long(seconds: list[float], slots: int) -> None:
    bound = max(max(seconds), sum(seconds) / slots)
    assert bound * (1 - 1e-9) <= simulate(seconds, slots).seconds <= 2 * bound  # Graham, 1966


def test_a_long_trial_at_the_end_is_named() -> None:
    found = simulate([1.0, 1.0, 10.0], 2)
    assert (found.last, found.seconds, found.idle_from) == (2, 11.0, 1.0)
    assert found.start == (0.0, 0.0, 1.0)


def test_one_place_is_a_sum() -> None:
    found = simulate([3.0, 2.0, 1.0], 1)
    assert found.seconds == pytest.approx(6.0)
    assert found.start == (0.0, 3.0, 5.0)
