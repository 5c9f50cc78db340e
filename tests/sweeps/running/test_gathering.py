"""A sweep's end and `pull` leave the lanes of many trials in one file; without Ray, whose part another function plays."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from rich.console import Console

from seqsweep.cluster.jobs import Job
from seqsweep.results import gathered
from seqsweep.results.seal import intact
from seqsweep.results.store import Store, Sweep
from seqsweep.sweeps.cli.running import run_sweep
from seqsweep.sweeps.remote.pull import pull
from seqsweep.sweeps.remote.pull.landing import Incoming
from seqsweep.sweeps.remote.pull.offer import Have, Offer, Sender
from seqsweep.sweeps.remote.submission import Submitted
from seqsweep.sweeps.running import sweep as engine
from seqsweep.sweeps.running.prepare import Prepared
from seqsweep.sweeps.running.signals import Interrupted
from seqsweep.sweeps.spec.loading import parse_spec
from tests.support.example_sweep import SWEEP_ID, write_example
from tests.support.small_sweep import newest, table
from tests.support.trained import train_trial


@pytest.fixture(autouse=True)
def three_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """And whatever was written is settled at once."""
    monkeypatch.setattr(gathered, "LEAST", 3)
    monkeypatch.setattr(gathered, "_UNSETTLED", -1)


def copy(sweep: Sweep) -> Path:
    return Path(str(sweep.folder)) / "gathered" / "lanes.parquet"


def assert_gathered(sweep: Sweep) -> None:
    """One sealed file has every row of every trial's own."""
    assert intact(memoryview(copy(sweep).read_bytes()))
    parts = Path(str(sweep.folder)) / "lanes"
    rows = [
        row
        for name in sorted(sweep.finished())
        for row in pq.read_table(parts / f"{name}.parquet").to_pylist()
    ]
    assert repr(pq.read_table(copy(sweep)).to_pylist()) == repr(rows)  # NaN is NaN here


@pytest.fixture
def run(strokes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Run a sweep of three trials, and then what is given."""

    def go(then: Callable[[Sweep], None] = lambda _: None) -> int:
        def tuned(ready: Prepared, *_: Any) -> None:
            for plan in ready.plans:
                train_trial(ready.sweep, plan, *ready.data[plan.dataset])
            then(ready.sweep)

        monkeypatch.setattr(engine, "_on_ray", tuned)
        spec = parse_spec(table(strokes, epochs=1, seeds=1, candidates=1), base=Path(), source="test")
        return run_sweep(spec, store=tmp_path, console=Console(file=StringIO()))

    return go


def test_a_sweep_gathers_at_its_end(run: Callable[..., int], tmp_path: Path) -> None:
    assert run() == 0
    sweep = newest(tmp_path)
    assert sweep.info["status"] == "finished"
    assert len(sweep.finished()) == 3
    assert_gathered(sweep)


def test_one_that_fails_gathers_what_is_finished(run: Callable[..., int], tmp_path: Path) -> None:
    def fails(_: Sweep) -> None:
        raise RuntimeError("Ray is gone")

    assert run(fails) == 1
    assert_gathered(newest(tmp_path))


def test_one_that_is_stopped_does_not_wait_for_it(run: Callable[..., int], tmp_path: Path) -> None:
    def stopped(_: Sweep) -> None:
        raise Interrupted(signal.SIGINT)

    assert run(stopped) == 130
    assert not copy(newest(tmp_path)).exists()


def test_where_nothing_can_be_gathered_the_sweep_is_finished(run: Callable[..., int], tmp_path: Path) -> None:
    assert run(lambda sweep: copy(sweep).parent.write_text("in the way")) == 0
    assert newest(tmp_path).info["status"] == "finished"


def test_a_pull_gathers_after_its_last_round(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    far = tmp_path / "far"
    write_example(far)
    rounds: list[int] = []
    calls: list[int] = []

    class InRounds:
        """A trial a round."""

        def __init__(self, *_: Any) -> None:
            pass

        @contextmanager
        def round(self, have: Have) -> Iterator[tuple[Offer, Iterator[Incoming]]]:
            sender = Sender(str(far), SWEEP_ID, have, 1)
            contents = ((name, bytes(memoryview(sender.read(name)))) for name, _ in sender.offer.send)
            rounds.append(len(rounds))
            yield sender.offer, (Incoming(name, len(content), [content]) for name, content in contents)

    def counted(*arguments: Any) -> None:
        calls.append(len(rounds))
        write(*arguments)

    write = gathered.write
    monkeypatch.setattr(gathered, "write", counted)
    monkeypatch.setattr(pull, "Head", InRounds)
    job = Job("1", "SUCCEEDED", "", {}, None, None)
    done = pull.pull(
        None, Submitted(SWEEP_ID, str(far), job), str(tmp_path / "here"), Console(file=StringIO())
    )  # type: ignore[arg-type]
    assert (done.arrived, len(rounds), calls) == (10, 10, [10])
    assert_gathered(Store(tmp_path / "here").find(SWEEP_ID))
