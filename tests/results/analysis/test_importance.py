"""Functional ANOVA against statsmodels' analysis of variance, marginals and learning rates against pandas."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.tree import DecisionTreeRegressor
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from seqsweep.results.analysis.importance import importance
from seqsweep.results.errors import StoreError
from seqsweep.results.schema import table
from seqsweep.results.statistics.fanova import main_effects
from seqsweep.results.statistics.interval import interval
from seqsweep.results.store import Sweep
from tests.support.example_sweep import CANDIDATES, write_example


@pytest.mark.parametrize("leaves", [2, 7, None])
def test_main_effects_are_those_of_an_analysis_of_variance(leaves: int | None) -> None:
    rng = np.random.default_rng(0)
    sizes = (2, 3, 4)
    grid = np.stack(np.meshgrid(*map(np.arange, sizes), indexing="ij"), axis=-1).reshape(-1, 3)
    figure = grid[:, 0] * 2.0 + (grid[:, 1] == 1) + grid[:, 1] * grid[:, 2] + rng.normal(0, 0.3, len(grid))
    tree = DecisionTreeRegressor(max_leaf_nodes=leaves, random_state=0).fit(grid, figure)
    frame = pd.DataFrame(grid, columns=["a", "b", "c"]).assign(y=tree.predict(grid))
    theirs = anova_lm(ols("y ~ C(a) + C(b) + C(c)", frame).fit()).sum_sq
    total = ((frame.y - frame.y.mean()) ** 2).sum()
    ours = main_effects(tree.tree_, [np.full(size, 1 / size) for size in sizes])
    assert ours == pytest.approx([theirs[f"C({name})"] / total for name in "abc"])


def test_values_count_as_often_as_they_were_tried() -> None:
    rng = np.random.default_rng(1)
    weights = [np.array([0.5, 0.25, 0.25]), np.array([0.75, 0.25])]
    # 4 x 4 equally likely cells stand for the weighted ones
    cells = [np.repeat(np.arange(len(each)), np.round(each * 4).astype(int)) for each in weights]
    grid = np.stack(np.meshgrid(*cells, indexing="ij"), axis=-1).reshape(-1, 2)
    tree = DecisionTreeRegressor().fit(grid, rng.normal(size=6)[grid[:, 0] * 2 + grid[:, 1]])
    frame = pd.DataFrame(grid, columns=["a", "b"]).assign(y=tree.predict(grid))
    theirs = anova_lm(ols("y ~ C(a) + C(b)", frame).fit()).sum_sq
    total = ((frame.y - frame.y.mean()) ** 2).sum()
    ours = main_effects(tree.tree_, weights)
    assert ours == pytest.approx([theirs[f"C({name})"] / total for name in "ab"])


def test_a_tree_without_variance_has_no_effects() -> None:
    tree = DecisionTreeRegressor().fit(np.arange(4)[:, None], np.ones(4))
    assert main_effects(tree.tree_, [np.full(4, 0.25)]) is None


@pytest.fixture(autouse=True)
def few_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seqsweep.results.analysis.importance.REPEATS", 6)


def rewritten(sweep: Sweep, change: Any) -> None:
    """Write the lanes of every trial anew, each row after `change`."""
    for trial in sorted(sweep.finished()):
        rows = sweep.read("lanes", trials=[trial]).to_pylist()
        sweep.write_trial(trial, {"lanes": table("lanes", [change(row) for row in rows])})


@pytest.fixture
def drawn(tmp_path: Path) -> Sweep:
    """A sweep of 40 drawn candidates in which the learning rate matters, a little the cell, and the dropout not at all."""
    sweep = write_example(tmp_path, sweep_id="drawn-000000", missing=0)
    rng = np.random.default_rng(3)
    settings = [(float(10 ** rng.uniform(-4, -1)), float(rng.choice([0.0, 0.3]))) for _ in range(40)]
    for trial in sorted(sweep.finished()):
        first = sweep.read("lanes", trials=[trial]).to_pylist()[0]
        rows = [
            first
            | {
                "candidate": number,
                "seed": seed,
                "lr": lr,
                "dropout": dropout,
                "optimizer": "adam",
                "stage": "search",
                "chosen": number == 0,
                "stopped": "diverged" if lr > 0.08 else "max_epochs",
                "validation_accuracy": float(
                    0.9
                    - 0.2 * abs(np.log10(lr) + 2.5)
                    - 0.05 * (first["cell"] == "gru")
                    + 0.01 * rng.uniform()
                ),
            }
            for number, (lr, dropout) in enumerate(settings)
            for seed in range(3)
        ]
        sweep.write_trial(trial, {"lanes": table("lanes", rows)})
    sweep.update(spec={"name": "drawn", "candidates": 40})
    return sweep


def test_what_matters_leads_and_what_does_not_is_last(drawn: Sweep) -> None:
    found = importance(drawn, "segments")
    alone = {each.name: each.alone for each in found.parameters}
    assert found.parameters[0].name == "lr"
    lr, dropout = alone["lr"], alone["dropout"]
    assert lr is not None
    assert dropout is not None
    assert lr.low > 0.6
    assert dropout.high < 0.05
    assert lr.low <= lr.mean <= lr.high
    assert (found.candidates, found.seeds, found.repeats, found.cautions) == (40, 3, 6, ())
    assert found.learnt is not None
    assert found.learnt > 0.5
    total = sum(each.mean for each in alone.values() if each) + (found.together.mean if found.together else 0)
    assert total == pytest.approx(1, abs=0.01)


def test_marginals_are_what_pandas_says(drawn: Sweep) -> None:
    found = importance(drawn, "segments")
    lanes = drawn.read("lanes").to_pandas()
    lanes = lanes[lanes.dataset == "segments"]
    score = lanes.validation_accuracy.mask(lanes.stopped == "diverged", 0.2)
    points = (
        lanes.assign(score=score)
        .groupby(["trial", "candidate"])
        .agg(
            score=("score", "mean"), lr=("lr", "first"), dropout=("dropout", "first"), cell=("cell", "first")
        )
    )
    for parameter in found.parameters:
        assert sum(level.lanes for level in parameter.levels) == len(lanes)
        assert sum(level.diverged for level in parameter.levels) == (lanes.stopped == "diverged").sum()
        if parameter.name not in points:
            continue
        for level in parameter.levels:
            values = points[parameter.name].astype(object)
            mine = points[(values >= level.low) & (values <= level.high)]
            means = mine.groupby("candidate").score.mean()
            theirs = interval(means)
            assert (level.accuracy.mean, level.accuracy.n) == (pytest.approx(theirs.mean), theirs.n)
            assert level.accuracy.half_width == pytest.approx(theirs.half_width)
            assert level.best == pytest.approx(mine.score.max())
    assert len(next(each for each in found.parameters if each.name == "lr").levels) == 6


def test_the_range_of_good_rates_is_what_pandas_says(drawn: Sweep) -> None:
    found = importance(drawn, "segments")
    lanes = drawn.read("lanes").to_pandas()
    assert len(found.rates) == 5
    for each in found.rates:
        mine = lanes[lanes.trial == each.trial]
        score = mine.assign(score=mine.validation_accuracy.mask(mine.stopped == "diverged", 0.2))
        means = score.groupby("lr").score.mean()
        good = means[means >= means.max() - 0.01]
        assert (each.best, each.low, each.high) == (means.idxmax(), good.index.min(), good.index.max())
        assert (each.good, each.accuracy) == (len(good), pytest.approx(means.max()))
        assert each.diverged == (mine.stopped == "diverged").sum()
        assert [rate.lr for rate in each.rates] == sorted(means.index)
        assert [rate.accuracy.mean for rate in each.rates] == pytest.approx(means.tolist())


def test_an_architecture_that_always_diverges_has_no_good_rate(own_sweep: Sweep) -> None:
    best, *_, worst = importance(own_sweep).rates
    assert (best.good, best.low, best.high) == (2, 0.001, 0.004217), "0, 1 and 2 points below the best"
    assert (worst.architecture, worst.good, worst.best, worst.low) == ("rnn_tanh x 3 x 100", 0, None, None)
    assert worst.diverged == worst.lanes == 12


def test_too_few_candidates_are_said(own_sweep: Sweep) -> None:
    own_sweep.update(spec={"candidates": len(CANDIDATES)})
    found = importance(own_sweep)
    assert "4 candidates are too few to tell 3 hyperparameters apart: take 15 or more" in found.cautions
    assert found.learnt is None


def test_a_full_grid_is_no_sample(own_sweep: Sweep) -> None:
    assert importance(own_sweep).cautions == ()
    rewritten(own_sweep, lambda row: row | {"seed": 0, "candidate": row["candidate"] * 3 + row["seed"]})
    assert "one seed: luck and merit are not told apart" in importance(own_sweep).cautions


def test_where_all_are_alike_nothing_is_claimed(own_sweep: Sweep) -> None:
    rewritten(own_sweep, lambda row: row | {"stopped": "max_epochs", "validation_accuracy": 0.5})
    found = importance(own_sweep)
    assert {each.alone for each in found.parameters} == {None}
    assert found.together is None
    assert found.cautions == ("all candidates have the same validation accuracy",)


def test_one_value_of_everything_is_nothing_to_compare(own_sweep: Sweep) -> None:
    (trial, *_) = sorted(own_sweep.finished())
    rows = own_sweep.read("lanes", trials=[trial]).to_pylist()
    rewritten(
        own_sweep,
        lambda row: rows[0] | {"trial": row["trial"], "seed": row["seed"], "candidate": row["candidate"]},
    )
    with pytest.raises(StoreError, match="has one value of every parameter on"):
        importance(own_sweep, rows[0]["dataset"])


def test_a_plain_install_is_told_which_extra_it_needs(example_root: Path) -> None:
    program = (
        "import sys; sys.modules['sklearn'] = None\n"
        "from seqsweep.sweeps.cli.app import main\n"
        f"sys.exit(main(['importance', '--store', {str(example_root)!r}]))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "pip install '.[importance]'" in done.stderr
