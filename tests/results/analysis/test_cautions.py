"""What to beware of, each by its rule; who is the cheapest of the tied; what a lost seed does to a row."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import t as student
from sklearn.dummy import DummyClassifier
from statsmodels.stats.proportion import proportion_confint

from seqsweep.results.analysis.data_cautions import Majority, data_cautions, majority
from seqsweep.results.analysis.search_edges import ranges
from seqsweep.results.analysis.verdict import DatasetVerdict, verdict
from seqsweep.results.analysis.verdict_cautions import cautions
from seqsweep.results.analysis.verdict_row import Row
from seqsweep.results.info import Info
from seqsweep.results.schema import table
from seqsweep.results.statistics.interval import Interval
from seqsweep.results.store import Sweep
from tests.support.example_sweep import write_example

SEEDS = 8


@pytest.fixture(scope="module")
def block(tmp_path_factory: pytest.TempPathFactory) -> DatasetVerdict:
    sweep = write_example(tmp_path_factory.mktemp("cautions"), seeds=range(SEEDS))
    return verdict(sweep).datasets[0]


def kinds(block: DatasetVerdict, **changed: object) -> dict[str, str]:
    block = dataclasses.replace(block, **changed)  # type: ignore[arg-type]
    best = next(row for row in block.rows if row.trial == block.best)
    found = cautions(block.dataset, block.rows, best, block.comparisons, block.majority)
    return {each.kind: each.text for each in found}


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
    said = kinds(block, rows=rows).get("few seeds")
    assert (said is not None) == few
    if seeds == 4:
        needed = [student.ppf(1 - 0.05 / (2 * block.comparisons), n - 1) / n**0.5 for n in (4, 5)]
        assert (
            f"{needed[0]:.1f} times its standard deviation over seeds (with 5 seeds {needed[1]:.1f} times)"
            in said
        )


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
        found = verdict(own_sweep).datasets[0]
        said = [caution.text for caution in found.cautions if caution.kind == "edge of the search"]
        assert [row.edges != () for row in found.rows if row.chosen] == [edge] * 4
        assert bool(said) == edge
        assert not edge or "lr 0.00422 of lstm x 1 x 100 bi last+max (lower end of 0.004 to 0.1)" in said[0]


def test_who_lost_a_seed_is_unstable_and_neither_best_nor_better(own_sweep: Sweep) -> None:
    first = verdict(own_sweep).datasets[0].rows[0]
    rows = own_sweep.read("lanes", trials=[first.trial]).to_pylist()
    for row in rows:
        if row["chosen"] and row["seed"] == 0:
            row |= {"test_accuracy": None, "test_loss": None, "train_loss": math.nan, "stopped": "diverged"}
    own_sweep.write_trial(first.trial, {"lanes": table("lanes", rows)})
    found = verdict(own_sweep).datasets[0]
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


def with_figures(block: DatasetVerdict, validation: float, test: float) -> tuple[Row, ...]:
    figures = {"validation": Interval(validation, 0.0, SEEDS), "test": Interval(test, 0.0, SEEDS)}
    return tuple(dataclasses.replace(row, **figures) for row in block.rows)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("validation", "test", "sequences", "said"),
    [
        (0.95, 0.60, 100, True),
        (0.95, 0.90, 100, False),  # 5 points
        (0.95, 0.90 - 1e-3, 100_000, True),
        (0.80, 0.65, 50, False),  # 15 points, but 1.7 standard errors
        (0.60, 0.95, 100, False),
    ],
)
def test_validation_far_above_test_in_every_architecture_is_said(
    block: DatasetVerdict, validation: float, test: float, sequences: int, said: bool
) -> None:
    dataset = dataclasses.replace(block.dataset, validation=sequences, test=sequences)
    rows = with_figures(block, validation, test)
    found = kinds(block, dataset=dataset, rows=rows)
    assert ("validation far above test" in found) == said
    one = dataclasses.replace(rows[-1], test=Interval(validation, 0.0, SEEDS))
    assert "validation far above test" not in kinds(block, dataset=dataset, rows=(*rows[:-1], one))


@pytest.mark.parametrize(
    ("test", "said"), [(0.5, "below"), (0.6, "only as good as"), (0.69, "do not tell"), (0.75, None)]
)
def test_a_best_that_is_not_above_the_largest_class_is_said(
    block: DatasetVerdict, test: float, said: str | None
) -> None:
    low, _ = proportion_confint(100 * test, 100, method="wilson")
    assert (low > 0.6) == (said is None)
    found = kinds(block, rows=with_figures(block, test, test), majority=Majority("ka", 0.6))
    assert (said or "") in found.get("no better than the largest class", "")
    assert ("no better than the largest class" in found) == (said is not None)
    assert "`ka` (60.0)" in found.get("no better than the largest class", "`ka` (60.0)")


def test_most_models_diverged_is_said_also_where_none_is_left(block: DatasetVerdict) -> None:
    for diverged, said in ((5, False), (6, True), (10, True)):
        rows = tuple(dataclasses.replace(row, lanes=10, diverged=diverged) for row in block.rows)
        assert ("most models diverged" in kinds(block, rows=rows)) == said
        found = cautions(block.dataset, rows, None, 0)
        assert [each.kind for each in found] == ["most models diverged"] * said


def test_an_interval_that_bounds_nothing_is_explained(block: DatasetVerdict) -> None:
    for half, said in ((0.99, False), (1.01, True)):
        rows = tuple(dataclasses.replace(row, test=Interval(0.25, half, 2)) for row in block.rows)
        assert ("interval without bounds" in kinds(block, rows=rows)) == said


@pytest.mark.parametrize(
    ("space", "searched"),
    [
        ({"choice": [0.1, 0.2]}, False),
        ({"choice": ["off", 0.2]}, False),
        ({"choice": ["off", 0.1, 0.2]}, True),
        ({"choice": [0.1, 0.2, 0.3]}, True),
        ({"uniform": [0.1, 0.2]}, True),
    ],
)
def test_a_choice_of_two_has_no_edges(space: dict[str, list[object]], searched: bool) -> None:
    assert bool(ranges({"dropout": space})) == searched


COUNTS = st.lists(st.tuples(*[st.integers(0, 9)] * 3), min_size=1, max_size=6)


@given(COUNTS)
def test_the_majority_share_is_that_of_scikit_learns_dummy(counts: list[tuple[int, int, int]]) -> None:
    train, validation, test = (np.array(column) for column in zip(*counts, strict=True))
    names = [f"c{number}" for number in range(len(counts))]
    parts = {"train": train.tolist(), "validation": validation.tolist(), "test": test.tolist()}
    found = majority({"classes": names, "class_counts": parts})
    known = train + validation
    if not test.sum():
        assert found is None
    elif known.sum():
        assert found is not None
        shares = []  # scikit-learn takes the first of equally large classes: each is put first once
        for first in np.flatnonzero(known == known.max()):
            order = [first, *(place for place in range(len(counts)) if place != first)]
            learnt = np.repeat(np.arange(len(counts)), known[order])
            asked = np.repeat(np.arange(len(counts)), test[order])
            dummy = DummyClassifier(strategy="most_frequent").fit(np.zeros((len(learnt), 1)), learnt)
            shares.append(dummy.score(np.zeros((len(asked), 1)), asked))
        assert found.share == pytest.approx(max(shares))
        assert found.label in names


def test_the_description_of_an_older_version_warns_of_nothing() -> None:
    assert majority({"name": "a", "classes": ["x"]}) is None
    assert data_cautions({"name": "a", "classes": ["x"], "train": 3}) == ()


def test_a_small_validation_part_and_classes_without_sequences_are_said() -> None:
    names = ["a", "b", "c", "d", "e"]
    parts = {"train": [5] * 5, "validation": [8, 8, 8, 5, 0], "test": [3, 0, 0, 0, 0]}
    entry = {"classes": names, "validation": 29, "class_counts": parts}
    small, validation, test = data_cautions(entry)
    assert small.text == (
        "29 validation sequences are few to choose candidates by: one of them moves its accuracy by 3.4 points"
    )
    assert validation.text.startswith("validation has no sequence of `e`: ")
    assert test.text.startswith("test has no sequence of `b`, `c`, `d` and 1 more: ")
    assert [each.kind for each in data_cautions(entry | {"validation": 30})] == [
        "class without sequences"
    ] * 2


def test_findings_of_the_store_stand_before_the_others(own_sweep: Sweep) -> None:
    finding = {"kind": "copies in test", "text": "3 of 9 test sequences are copies"}
    own_sweep.info["datasets"][0]["findings"] = [finding]
    found = verdict(own_sweep).datasets[0]
    assert dataclasses.asdict(found.cautions[0]) == finding
    assert found.majority is not None


def test_ranges_with_a_step_a_bell_or_a_condition_have_their_ends() -> None:
    space = {
        "lr": {"log_normal": [0.01, 3.0], "within": [0.001, 0.1]},
        "dropout": {"step": 0.1, "uniform": [0.0, 0.5]},
        "input_noise": {"when": {"cell": ["gru"]}, "choice": [0.1, 0.2, 0.3], "weights": [1, 2, 1]},
    }
    assert [(each.name, each.kind, each.low, each.high) for each in ranges(space)] == [
        ("lr", "log_normal", 0.001, 0.1),
        ("dropout", "uniform", 0.0, 0.5),
        ("input_noise", "choice", 0.1, 0.3),
    ]
    assert Info.model_validate({"created": "2026-01-01T00:00:00+00:00", "spec": {"hyperparameters": space}})
