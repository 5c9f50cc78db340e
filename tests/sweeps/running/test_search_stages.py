"""A sweep that drops candidates half-way and tests fresh seeds, from its tables to what is said of it."""

import io

import pandas as pd
import pytest
from rich.console import Console
from sklearn.metrics import f1_score

from seqsweep.results.analysis.candidates import candidates
from seqsweep.results.analysis.chosen_model import chosen_model
from seqsweep.results.analysis.confusion import confusion
from seqsweep.results.analysis.curves import curves
from seqsweep.results.analysis.reading import Reading
from seqsweep.results.analysis.verdict import verdict
from seqsweep.results.analysis.verdict_averages import with_averages
from seqsweep.results.store import Sweep
from seqsweep.results.views.verdict import render
from tests.support.small_sweep import table, write_strokes
from tests.support.trained import train


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    folder = tmp_path_factory.mktemp("stages")
    spec = table(
        write_strokes(folder / "data"),
        epochs=4,
        candidates=7,
        seeds=2,
        final_seeds=3,
        architecture={"cell": ["gru", "rnn_tanh"], "hidden": 5},
        search={"metric": "macro_f1", "finalists": 2},
    )
    return train(spec, folder / "store", "stages-000001")


@pytest.fixture(scope="module")
def lanes(sweep: Sweep) -> pd.DataFrame:
    return sweep.read("lanes").to_pandas()


def test_tables_tell_who_was_dropped_and_who_is_fresh(sweep: Sweep, lanes: pd.DataFrame) -> None:
    for _, own in lanes.groupby("trial", observed=True):
        search, final = own[own.stage == "search"], own[own.stage == "final"]
        assert len(final) == 3
        assert set(final.seed) == {1000, 1001, 1002}
        assert len(search) == 7 + 2
        cut = search[search.stopped == "cut"]
        assert len(cut) == 3
        assert set(cut.epochs) == {2}
        assert search.test_accuracy.isna().all()
        assert final.validation_accuracy.isna().all()  # the spec has refit
        firsts = search[search.seed == 0]
        assert firsts.rung_score.notna().all()
        assert search[search.seed == 1].rung_score.isna().all()
        # the best at the rung went on, ties by a smaller loss
        assert cut.rung_score.max() <= firsts[firsts.stopped != "cut"].rung_score.min()


def test_the_score_is_scikit_learns_macro_f1_of_the_predictions(sweep: Sweep, lanes: pd.DataFrame) -> None:
    said = sweep.read("predictions").to_pandas()
    said = said[said.split == "validation"]
    assert len(said)
    for (trial, seed), own in said.groupby(["trial", "seed"], observed=True):
        row = lanes[(lanes.trial == trial) & lanes.chosen & (lanes.seed == seed)].iloc[0]
        assert row.score == pytest.approx(
            f1_score(own.true.astype(str), own.predicted.astype(str), average="macro")
        )


def test_the_verdict_is_of_the_fresh_seeds(sweep: Sweep, lanes: pd.DataFrame) -> None:
    reading = Reading(sweep)
    (block,) = verdict(reading).datasets
    for row in block.rows:
        own = lanes[(lanes.trial == row.trial) & lanes.chosen]
        final = own[own.stage == "final"]
        assert row.fresh
        assert (row.seeds, row.validation_seeds, row.candidates, row.cut) == (3, 2, 7, 3)
        assert row.test.mean == pytest.approx(final.test_accuracy.mean())
        assert row.train.mean == pytest.approx(final.train_accuracy.mean())
        assert row.validation.mean == pytest.approx(own[own.stage == "search"].validation_accuracy.mean())
        assert row.lanes == 12
        matrix = confusion(reading, None, row.trial)
        assert matrix.seeds == 3
        assert matrix.accuracy.mean == pytest.approx(final.test_accuracy.mean())
        assert confusion(reading, None, row.trial, "validation").seeds == 2
    (averaged,) = with_averages(reading, verdict(reading)).datasets
    for row in averaged.rows:
        assert row.by_class is not None
        assert (row.by_class.test.macro_f1.n, row.by_class.validation.macro_f1.n) == (3, 2)


def test_nothing_dropped_is_compared_and_no_fresh_seed_searched(sweep: Sweep) -> None:
    (found,) = candidates(sweep)
    assert found.total == 2 * 4
    drawn = curves(sweep)
    assert [curve.seeds for curve in drawn.curves].count(2) == 2
    assert sum(curve.seeds for curve in drawn.curves) == 7 + 2


def test_the_model_to_take_away_is_one_of_the_fresh(sweep: Sweep) -> None:
    model = chosen_model(sweep)
    assert model.seeds == (1000, 1001, 1002)
    assert model.seed == 1000  # trained on validation: nothing tells them apart but test
    assert model.validation_accuracy is None
    assert model.refit


def test_it_is_said(sweep: Sweep) -> None:
    console = Console(width=200, file=io.StringIO())
    with console.capture() as said:
        render(verdict(sweep), console)
    text = said.get()
    assert "over 3 fresh seeds (validation: 2 seeds of the search)" in text
    assert "Of 14 candidates 6 were dropped half-way, by one seed each." in text
