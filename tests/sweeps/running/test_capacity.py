"""Trials on nodes: none spans two, and one that fits nowhere is refused."""

import pytest

from seqsweep.cluster.local import Cluster, ClusterError, Machine
from seqsweep.sweeps.running import capacity
from seqsweep.sweeps.running.capacity import check_fits, fitting, slots
from seqsweep.sweeps.spec.model import Resources


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
            "`resources.cpus_per_trial` is 5, but must be at most 4: no node of the 2 in this Ray has more CPUs, "
            "and a trial never spans nodes",
        ),
        (
            {"gpus_per_trial": 0.5},
            [(4, 0)],
            "`resources.gpus_per_trial` is 0.5, but must be at most 0: no node of the 1 in this Ray has more GPUs, "
            "and a trial never spans nodes",
        ),
        (
            {"cpus_per_trial": 4, "gpus_per_trial": 1},
            [(8, 0), (2, 1)],
            "`resources` asks for 4 CPUs and 1 GPUs a trial, but no node of the 2 in this Ray has both",
        ),
    ],
)
def test_trial_that_fits_no_node_is_refused(resources, machines, words: str) -> None:
    with pytest.raises(ClusterError) as caught:
        check_fits(Resources(**resources), place(*machines))
    assert str(caught.value) == words


HEAD = (0, 0)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[list[dict[str, float]]]:
    """What Ray's autoscaler was asked for, in order."""
    import ray.autoscaler.sdk

    requests: list[list[dict[str, float]]] = []
    monkeypatch.setattr(
        ray.autoscaler.sdk, "request_resources", lambda bundles: requests.append(list(bundles))
    )
    return requests


def test_a_head_alone_is_waited_for_and_the_autoscaler_asked(
    monkeypatch: pytest.MonkeyPatch, asked: list[list[dict[str, float]]]
) -> None:
    later = iter([place(HEAD), place(HEAD, (2, 0)), place(HEAD, (2, 0), (8, 2))])
    monkeypatch.setattr(capacity, "describe", lambda address: next(later))
    said: list[str] = []
    found = fitting(Resources(cpus_per_trial=4, gpus_per_trial=0.5), place(HEAD), said.append)
    assert found.nodes == 3
    assert said == ["waiting for a node with 4 CPUs and 0.5 GPUs"] * 3
    assert asked == [[{"CPU": 4, "GPU": 0.5}], []]


def test_the_wait_ends(monkeypatch: pytest.MonkeyPatch, asked: list[list[dict[str, float]]]) -> None:
    monkeypatch.setattr(capacity, "NODE_SECONDS", 0.0)
    with pytest.raises(ClusterError, match="must be at most 0: no node of the 1 in this Ray has more CPUs"):
        fitting(Resources(), place(HEAD), lambda _: None)
    assert asked[-1] == []


def test_somebody_who_leaves_takes_the_request_along(asked: list[list[dict[str, float]]]) -> None:
    def leave(_: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fitting(Resources(), place(HEAD), leave)
    assert asked[-1] == []


@pytest.mark.parametrize("there", [place(HEAD, (2, 0)), Cluster((Machine(2, 0),), None)])
def test_nobody_waits_where_others_are_there_or_the_ray_is_our_own(
    there: Cluster, asked: list[list[dict[str, float]]]
) -> None:
    def never(_: str) -> None:
        raise AssertionError

    assert fitting(Resources(cpus_per_trial=2), there, never) is there
    with pytest.raises(ClusterError, match="must be at most 2"):
        fitting(Resources(cpus_per_trial=3), there, never)
    assert not asked
