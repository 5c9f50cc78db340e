"""What to beware of, each by its rule; who is the cheapest of the tied; what a lost seed does to a row."""

import dataclasses
import math

import pytest
from example_sweep import write_example
from statsmodels.stats.proportion import proportion_confint

from results import analysis
from results.analysis import DatasetVerdict, Interval
from results.analysis._cautions import cautions
from results.schema import table
from results.store import Sweep

SEEDS = 8


@pytest.fixture(scope="module")
def block(tmp_path_factory: pytest.TempPathFactory) -> DatasetVerdict:
    sweep = write_example(tmp_path_factory.mktemp("cautions"), seeds=range(SEEDS))
    return analysis.verdict(sweep).datasets[0]


def kinds(block: DatasetVerdict, **changed: object) -> dict[str, str]:
    block = dataclasses.replace(block, **changed)  # type: ignore[arg-type]
    best = next(row for row in block.rows if row.trial == block.best)
    return {each.kind: each.text for each in cautions(block.dataset, block.rows, best, block.comparisons)}


def test_a_small_test_set_is_one_whose_proportion_is_uncertain(block: DatasetVerdict) -> None:
    mean = block.rows[0].test.mean or 0.0
    low, high = proportion_confint(mean * 100, 100, method="wilson")
    said = f"100 test sequences are few: others might move {100 * mean:.1f} by ±{50 * (high - low):.1f}"
    assert kinds(block)["small test set"].startswith(said)
    assert "small test set" not in kinds(block, dataset=dataclasses.replace(block.dataset, test=100_000))
    assert "small test set" not in kinds(block, dataset=dataclasses.replace(block.dataset, test=None))


@pytest.mark.parametrize(("seeds", "few"), [(1, True), (4, True), (5, False)])
def test_fewer_than_five_seeds_are_few(block: DatasetVerdict, seeds: int, few: bool) -> None:
    rows = tuple(dataclasses.replace(row, test=Interval(0.9, None, seeds)) for row in block.rows)
    assert ("few seeds" in kinds(block, rows=rows)) == few


def test_validation_and_test_disagree_where_the_first_on_validation_is_told_apart_from_the_best(
    block: DatasetVerdict,
) -> None:
    assert "validation and test disagree" not in kinds(block)
    rows = list(block.rows)
    rows[2] = dataclasses.replace(
        rows[2], validation=Interval(0.995, 0.0, SEEDS), tied=False, rank_low=2, rank_high=4
    )
    said = kinds(block, rows=tuple(rows))["validation and test disagree"]
    assert f"validation puts {rows[2].label} first (99.5), which test puts at 2-4" in said


def test_the_edge_of_the_search_is_that_of_the_spec(own_sweep: Sweep) -> None:
    for low, edge in ((0.004, True), (0.001, False)):
        own_sweep.info["spec"]["hyperparameters"] = {"lr": {"log_uniform": [low, 0.1]}}
        found = analysis.verdict(own_sweep).datasets[0]
        said = [caution.text for caution in found.cautions if caution.kind == "edge of the search"]
        assert [row.edges != () for row in found.rows if row.chosen] == [edge] * 4
        assert bool(said) == edge
        assert not edge or "lr 0.00422 of lstm x 1 x 100 bi last+max (lower end of 0.004 to 0.1)" in said[0]


def test_who_lost_a_seed_is_unstable_and_neither_best_nor_better(own_sweep: Sweep) -> None:
    first = analysis.verdict(own_sweep).datasets[0].rows[0]
    rows = own_sweep.read("lanes", trials=[first.trial]).to_pylist()
    for row in rows:
        if row["chosen"] and row["seed"] == 0:
            row |= {"test_accuracy": None, "test_loss": None, "train_loss": math.nan, "stopped": "diverged"}
    own_sweep.write_trial(first.trial, {"lanes": table("lanes", rows)})
    found = analysis.verdict(own_sweep).datasets[0]
    row = next(row for row in found.rows if row.trial == first.trial)
    assert (row.unstable, row.diverged_seeds, row.cheapest, row.rank_high) == (True, 1, False, 4)
    assert found.best != first.trial
    assert [caution.kind for caution in found.cautions].count("lost seeds") == 1


def test_the_cheapest_is_like_the_best_without_correction_too(block: DatasetVerdict) -> None:
    (cheapest,) = [row for row in block.rows if row.cheapest]
    alike = [
        row
        for row in block.rows
        if row.tied and not row.unstable and (row.to_best is None or (row.to_best.p or 0) >= 0.05)
    ]
    assert cheapest.parameters == min(row.parameters for row in alike)
    smaller = [row for row in block.rows if row.tied and row.parameters < cheapest.parameters]
    assert smaller, "a smaller one is tied only by Holm's correction, or unstable"
