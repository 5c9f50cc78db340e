"""Trials on nodes: none spans two, and one that fits nowhere is refused."""

import pytest

from cluster.local import Cluster, ClusterError, Machine
from sweeps.capacity import check_fits, slots
from sweeps.spec import Resources


def place(*machines: tuple[int, int]) -> Cluster:
    return Cluster(tuple(Machine(*each) for each in machines), "head:6379")


@pytest.mark.parametrize(
    ("resources", "machines", "expected"),
    [
        ({}, [(0, 0), (2, 0), (4, 0)], 6),
        ({"cpus_per_trial": 3}, [(2, 0), (2, 0), (4, 0)], 1),  # 8 cores in all, but only one node has 3
        ({"gpus_per_trial": 0.4}, [(16, 2), (1, 4)], 5),  # two on a GPU; the second node lacks cores
        ({"gpus_per_trial": 2}, [(16, 3), (16, 1)], 1),
        ({"max_concurrent": 3}, [(8, 0)], 3),
    ],
)
def test_slots_are_counted_node_by_node(resources, machines, expected: int) -> None:
    assert slots(Resources(**resources), place(*machines)) == expected
    check_fits(Resources(**resources), place(*machines))


@pytest.mark.parametrize(
    ("resources", "machines", "words"),
    [
        (
            {"cpus_per_trial": 5},
            [(4, 0), (4, 0)],
            "`resources.cpus_per_trial` is 5, but must be at most 4: no node of the 2 in this Ray has more CPUs",
        ),
        (
            {"gpus_per_trial": 0.5},
            [(4, 0)],
            "`resources.gpus_per_trial` is 0.5, but must be at most 0: no node of the 1 in this Ray has more GPUs",
        ),
        (
            {"cpus_per_trial": 4, "gpus_per_trial": 1},
            [(8, 0), (2, 1)],
            "`resources` asks for 4 CPUs and 1 GPUs a trial, but none of the 2 nodes in this Ray has both",
        ),
    ],
)
def test_trial_that_fits_no_node_is_refused(resources, machines, words: str) -> None:
    with pytest.raises(ClusterError) as caught:
        check_fits(Resources(**resources), place(*machines))
    assert str(caught.value) == words
