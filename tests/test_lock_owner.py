"""Whose lock it is: a process of this machine, whatever its container calls it, or one that nothing is known of."""

import json

import pytest

from seqsweep import lock_owner

HERE = {"host": "h", "boot": "b", "machine": "m"}


@pytest.mark.parametrize(
    ("told", "here"),
    [
        (HERE, True),
        (HERE | {"host": "a container", "machine": ""}, True),  # of this machine, by its start
        (HERE | {"boot": "before"}, True),  # this machine, started again since
        (HERE | {"boot": "c", "host": "x"}, False),
        (HERE | {"boot": "c", "machine": "x"}, False),
        ({}, False),
        ([], False),
    ],
)
def test_an_owner_is_of_this_machine_or_not(
    told: object, here: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock_owner, "machine", lambda: HERE)
    assert lock_owner.was_here(json.dumps(told).encode()) is here


def test_an_unknown_start_is_nobodys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock_owner, "machine", lambda: HERE | {"boot": ""})
    assert not lock_owner.was_here(json.dumps(HERE | {"boot": "", "host": "x"}).encode())
    assert not lock_owner.was_here(b"\xff no owner")


def test_ones_own_description_is_of_this_machine() -> None:
    assert lock_owner.was_here(lock_owner.description())
