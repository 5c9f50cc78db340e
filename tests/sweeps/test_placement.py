"""Where trials fit, against putting them on nodes and GPUs one by one."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqsweep.cluster.errors import ClusterError
from seqsweep.sweeps.resources import Nodes, check_fits, slots, trials_per_node
from seqsweep.sweeps.spec.model import Resources

GB = 10**9
SHARES = st.one_of(
    st.just(0.0), st.integers(1, 8).map(float), st.integers(1, 100).map(lambda percent: percent / 100)
)


def nodes(**changes: Any) -> Nodes:
    return Nodes(**({"count": 1, "cpus": 4, "gpus": 0, "memory": 8 * GB} | changes))


def one_by_one(cpus: int, gpus: int, each_cpus: int, share: Fraction) -> int:
    """First fit: a share below one takes a part of one GPU, a whole number takes free ones."""
    free_cpus, free = cpus, [Fraction(1)] * gpus
    placed = 0
    while free_cpus >= each_cpus:
        if 0 < share < 1:
            gpu = next((place for place, left in enumerate(free) if left >= share), None)
            if gpu is None:
                break
            free[gpu] -= share
        elif share >= 1:
            empty = [place for place, left in enumerate(free) if left == 1][: int(share)]
            if len(empty) < share:
                break
            for gpu in empty:
                free[gpu] = Fraction(0)
        free_cpus -= each_cpus
        placed += 1
    return placed


@given(st.integers(1, 64), st.integers(0, 8), st.integers(1, 16), SHARES)
def test_a_node_runs_as_many_as_can_be_placed(cpus: int, gpus: int, each: int, share: float) -> None:
    resources = Resources(cpus_per_trial=each, gpus_per_trial=share)
    exact = Fraction(round(100 * share), 100)
    assert trials_per_node(resources, cpus, gpus) == one_by_one(cpus, gpus, each, exact)


@given(st.integers(1, 100), st.integers(1, 64), st.integers(1, 16), st.integers(0, 50))
def test_all_nodes_together(count: int, cpus: int, each: int, most: int) -> None:
    resources = Resources(cpus_per_trial=each, max_concurrent=most)
    place = nodes(count=count, cpus=cpus)
    if each > cpus:
        with pytest.raises(ClusterError):
            check_fits(resources, place.place("x.toml"))
    else:
        check_fits(resources, place.place("x.toml"))
    found = slots(resources, [place.machine], place.count)
    fit = count * (cpus // each)  # never (count * cpus) // each: what is left over on two nodes is no place
    assert found == (min(fit, most) if most else fit)


def test_a_trial_that_fits_no_node_is_refused_with_the_rule() -> None:
    resources = Resources(cpus_per_trial=8, gpus_per_trial=2.0)
    with pytest.raises(ClusterError) as error:
        check_fits(resources, nodes(count=64, gpus=1).place("x.toml"))
    assert str(error.value) == (
        "x.toml: `resources.cpus_per_trial` is 8, but must be at most 4: a node has no more CPUs (--cpus), and a trial "
        "never spans nodes\n"
        "x.toml: `resources.gpus_per_trial` is 2, but must be at most 1: a node has no more GPUs (--gpus), and a trial "
        "never spans nodes"
    )
