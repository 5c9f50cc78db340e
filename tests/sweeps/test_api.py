"""A sweep from Python: nothing is printed but what a listener prints, and the tables are those of the command line."""

from io import StringIO
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from seqsweep.cluster.errors import ClusterError
from seqsweep.sweeps import api
from seqsweep.sweeps.cli.running import run_sweep
from seqsweep.sweeps.live.listener import Listener
from seqsweep.sweeps.live.state import SweepState
from seqsweep.sweeps.running.signals import Interrupted
from seqsweep.sweeps.spec.loading import parse_spec
from seqsweep.sweeps.spec.model import Spec
from tests.support.small_sweep import figures, newest, table


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
    return parse_spec(table(strokes, epochs=2), base=Path(), source="test")


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

    assert run_sweep(spec(strokes), store=tmp_path / "cli", console=Console(file=StringIO())) == 0
    for name, expected in figures(newest(tmp_path / "cli")).items():
        pd.testing.assert_frame_equal(figures(sweep)[name], expected)

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
