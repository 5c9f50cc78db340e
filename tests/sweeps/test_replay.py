"""A replayed rule chooses what the search itself chooses, and costs what it costs."""

import json
from pathlib import Path

import numpy as np
import pytest

from seqsweep.results.analysis.reading import Reading
from seqsweep.results.errors import Invalid, NotFound
from seqsweep.results.store import Sweep
from seqsweep.seqmodels.search_rule import SearchRule
from seqsweep.sweeps import replay as replaying
from seqsweep.sweeps.cli.app import main
from seqsweep.sweeps.replay import chosen_by, course_of, replay
from tests.support.small_sweep import table, write_strokes
from tests.support.trained import train


def trained(folder: Path, sweep_id: str, **search: object) -> Sweep:
    spec = table(
        folder / "data",
        epochs=6,
        candidates=7,
        seeds=2,
        final_seeds=1,
        architecture={"cell": "gru", "hidden": 5},
        hyperparameters={
            "lr": {"log_uniform": [1e-3, 0.3]},
            "schedule": {"choice": ["constant", "one_cycle"]},
        },
        search=search,
    )
    return train(spec, folder / "store", sweep_id)


@pytest.fixture(autouse=True)
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replaying, "DRAWS", 10)  # types are checked here, which takes its time


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("replay")
    write_strokes(found / "data")
    return found


@pytest.fixture(scope="module")
def full(folder: Path) -> Sweep:
    return trained(folder, "full-000001", method="full")


def only(sweep: Sweep) -> tuple[Reading, object]:
    reading = Reading(sweep)
    ((trial,),) = reading.trials.datasets.values()
    return reading, trial


@pytest.mark.parametrize("first", [0.3, 0.5])
def test_it_chooses_what_the_search_chooses(full: Sweep, folder: Path, first: float) -> None:
    halved = trained(folder, f"half-00000{round(10 * first)}", method="halving", first=first, finalists=2)
    lanes = halved.read("lanes").to_pandas()
    course = course_of(*only(full))
    rule = SearchRule(method="halving", first=first, finalists=2)
    assert chosen_by(course, range(7), range(2), rule) == lanes[lanes.chosen].candidate.iloc[0]
    search = lanes[lanes.stage == "search"]
    assert search.epochs.sum() == rule.work(7, 2, 6)


def test_costs_and_losses_are_within_their_bounds(full: Sweep) -> None:
    found = replay(*only(full))
    assert (found.candidates, found.drawn, found.seeds, found.epochs) == (7, 5, 2, 6)
    assert [each.rule for each in found.rules] == [f"cut after {epoch} of 6 epochs" for epoch in (1, 2, 3, 5)]
    shares = [each.share for each in found.rules]
    assert shares == sorted(shares)
    # five candidates: half of the epochs, four go on and get all seeds
    assert shares[2] == pytest.approx((5 * 3 + 4 * 3 + 4 * 6) / (5 * 2 * 6))
    for each in found.rules:
        assert 0 <= (each.regret.mean or 0.0) <= 1
        assert each.random.n == each.regret.n == 10


def test_with_all_seeds_and_no_cut_nothing_is_lost(full: Sweep) -> None:
    course = course_of(*only(full))
    rule = SearchRule(method="halving", first=1.0, keep=1.0, finalists=7)
    means = np.maximum(course.accuracy[:, :, -1], 0).mean(axis=1)
    assert means[chosen_by(course, range(7), range(2), rule)] == means.max()


def test_what_cannot_be_replayed_is_told(
    full: Sweep, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    halved = trained(folder, "half-000009", method="halving")
    with pytest.raises(NotFound, match=r'train a sweep with `method = "full"`'):
        replay(*only(halved))
    with pytest.raises(Invalid, match="--candidates is 4, but must be from 5 to 7"):
        replay(*only(full), drawn=4)
    monkeypatch.chdir(folder)
    assert main(["replay", "full", "--store", "store", "--candidates", "12"]) == 2
    assert "--candidates is 12, but must be from 5 to 7" in capsys.readouterr().err
    assert main(["replay", "full", "--store", "store"]) == 0
    assert "cut after 3 of 6 epochs" in capsys.readouterr().out
    assert main(["replay", "full", "--store", "store", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert len(found["rules"]) == 4
