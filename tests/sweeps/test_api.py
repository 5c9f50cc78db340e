"""A sweep from Python: nothing is printed but what a listener prints, and the tables are those of a training without Ray."""

from pathlib import Path

import pytest

from seqsweep.cluster.errors import ClusterError
from seqsweep.sweeps import api
from seqsweep.sweeps.live.listener import Listener
from seqsweep.sweeps.live.state import SweepState
from seqsweep.sweeps.running.signals import Interrupted
from seqsweep.sweeps.spec.loading import parse_spec
from seqsweep.sweeps.spec.model import Spec
from tests.support.small_sweep import assert_same, figures, newest, table
from tests.support.trained import train


class Printer(Listener):
    """Prints, and counts what it hears."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    def begin(self, state: SweepState) -> None:
        self.state = state
        self.heard.append("begin")
        print("begins", len(state.trials))

    def refresh(self) -> None:
        if self.heard[-1] != "refresh":
            self.heard.append("refresh")

    def ended(self, trial: str) -> None:
        self.heard.append(self.state.trials[trial].status)
        print("ended", trial)

    def end(self) -> None:
        self.heard.append("end")


def spec(strokes: Path) -> Spec:
    changes = {"epochs": 2, "resources": {"max_concurrent": 1}}  # one worker, as each imports torch
    return parse_spec(table(strokes, **changes), base=Path(), source="test")


def test_the_api_trains_what_the_command_line_does(
    local_ray: None, strokes: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    listener = Printer()
    capfd.readouterr()
    sweep = api.run(spec(strokes), tmp_path / "api", listener=listener)
    out, err = capfd.readouterr()
    first, *ended = out.splitlines()
    assert first == "begins 3"
    assert sorted(ended) == sorted(f"ended {trial}" for trial in listener.state.trials)
    assert err == ""
    assert listener.heard.count("finished") == 3
    assert (listener.heard[0], listener.heard[-1]) == ("begin", "end")
    assert sweep.info["status"] == "finished"

    expected = train(table(strokes, epochs=2), tmp_path / "plain", "small-000000")
    assert_same(sweep, figures(expected))

    capfd.readouterr()
    assert api.resume(tmp_path / "api").id == sweep.id, "nothing is left"
    assert capfd.readouterr() == ("", "")


def test_a_listener_that_raises_leaves_a_sweep_that_is_resumed(
    local_ray: None, strokes: Path, tmp_path: Path
) -> None:
    class Stopper(Listener):
        def ended(self, trial: str) -> None:
            raise Interrupted(2)

    with pytest.raises(Interrupted):
        api.run(spec(strokes), tmp_path, listener=Stopper())
    sweep = newest(tmp_path)
    assert sweep.info["status"] == "interrupted"
    assert len(sweep.finished()) < 3
    assert api.resume(tmp_path, sweep.id).info["status"] == "finished"
    assert len(newest(tmp_path).finished()) == 3


def test_the_users_mistakes_are_the_command_lines(strokes: Path, tmp_path: Path) -> None:
    with pytest.raises(ClusterError, match="no Ray cluster answers"):
        api.run(spec(strokes), tmp_path / "store", address="127.0.0.1:1")
