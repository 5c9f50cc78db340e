"""Architectures, and sweeps, beside one another, against scipy and statsmodels."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from seqsweep.results.analysis.comparison import compare_architectures, compare_sweeps
from seqsweep.results.analysis.confusion_contrast import contrast as contrast_of
from seqsweep.results.analysis.verdict import verdict
from seqsweep.results.errors import StoreError
from seqsweep.results.schema import table
from seqsweep.results.store import Store, Sweep
from tests.support.example_sweep import write_example

NAMES = ("gru x 2 x 100", "lstm x 2 x 100", "rnn_tanh x 2 x 100")
SEEDS = range(8)


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    return write_example(tmp_path_factory.mktemp("compare"), seeds=SEEDS)


@pytest.fixture(scope="module")
def other(sweep: Sweep) -> Sweep:
    """Other seeds in part, other draws, another spec."""
    root = Path(str(sweep.folder)).parent
    second = write_example(root, sweep_id="later-00ff11", seeds=range(6, 12), missing=1)
    for name in sorted(second.finished()):
        rows = second.read("lanes", trials=[name]).to_pylist()
        for row in rows:
            if row["test_accuracy"] is not None:
                row["test_accuracy"] = max(row["test_accuracy"] - 0.01 * (1 + row["seed"] % 3), 0)
        second.write_trial(name, {"lanes": table("lanes", rows)})
    second.update(
        spec={"name": "later", "training": {"epochs": 40}, "hyperparameters": {"lr": {"choice": [0.1, 0.2]}}}
    )
    return second


def accuracies(sweep: Sweep) -> pd.Series:
    """By data set, architecture and seed."""
    lanes = sweep.read("lanes").to_pandas()
    lanes = lanes[lanes.chosen]
    label = lanes.cell.astype(str) + " x " + lanes.layers.astype(str) + " x " + lanes.hidden.astype(str)
    return lanes.assign(label=label).set_index(["dataset", "label", "seed"]).test_accuracy.sort_index()


def test_each_pair_of_architectures_is_tested_over_seeds_and_sequences(sweep: Sweep) -> None:
    found = compare_architectures(sweep, NAMES)
    known = accuracies(sweep)
    assert [block.dataset.name for block in found.datasets] == ["handwriting", "segments"]
    for block in found.datasets:
        assert [(pair.first.label, pair.second.label) for pair in block.pairs] == [
            (NAMES[0], NAMES[1]),
            (NAMES[0], NAMES[2]),
            (NAMES[1], NAMES[2]),
        ]
        for pair in block.pairs:
            a, b = (known[block.dataset.name, side.label] for side in (pair.first, pair.second))
            theirs = stats.ttest_rel(a, b)
            low, high = theirs.confidence_interval(0.95)
            assert pair.test == "paired"
            assert pair.difference.n == len(SEEDS)
            assert pair.difference.mean == pytest.approx((a - b).mean())
            assert pair.difference.p == pytest.approx(theirs.pvalue)
            assert pair.difference.half_width == pytest.approx((high - low) / 2)
            contrast = contrast_of(sweep, block.dataset.name, pair.first.trial, pair.second.trial)
            assert pair.p_sequences == contrast.accuracy.p_sequences
        over_seeds = [pair.difference.p or 0.0 for pair in block.pairs]
        larger = [max(p, pair.p_sequences or 0.0) for p, pair in zip(over_seeds, block.pairs, strict=True)]
        for ours, theirs in (
            ([pair.difference.p_holm for pair in block.pairs], over_seeds),
            ([pair.p_holm for pair in block.pairs], larger),
        ):
            assert ours == pytest.approx(list(multipletests(theirs, method="holm")[1]))
        assert [pair.apart for pair in block.pairs] == [(pair.p_holm or 1) < 0.05 for pair in block.pairs]
        assert any(pair.apart for pair in block.pairs)
        assert not all(pair.apart for pair in block.pairs)


def test_architectures_may_be_named_by_id_on_one_data_set(sweep: Sweep) -> None:
    rows = verdict(sweep, "segments").datasets[0].rows
    by_id = compare_architectures(sweep, [row.trial for row in rows[:2]])
    by_label = compare_architectures(sweep, [row.label for row in rows[:2]], "segments")
    assert by_id.datasets[0].pairs[0].difference == by_label.datasets[0].pairs[0].difference
    assert len(by_id.datasets) == 1
    with pytest.raises(StoreError, match="no trial or architecture `gru x 9`; nearest: gru x 2 x 100"):
        compare_architectures(sweep, ["gru x 9", NAMES[0]])
    with pytest.raises(StoreError, match="name one architecture twice"):
        compare_architectures(sweep, [NAMES[0], NAMES[0]])
    with pytest.raises(StoreError, match="no results on data set `strokes`"):
        compare_architectures(sweep, NAMES, "strokes")


def test_an_architecture_that_always_diverged_is_not_told_apart(sweep: Sweep) -> None:
    (pair,) = compare_architectures(sweep, [NAMES[0], "rnn_tanh x 3 x 100"], "segments").datasets[0].pairs
    assert (pair.difference.mean, pair.difference.p, pair.p_holm, pair.apart) == (None, None, None, False)


def test_sweeps_are_compared_over_common_seeds(sweep: Sweep, other: Sweep) -> None:
    found = compare_sweeps([sweep, other])
    first, second = accuracies(sweep), accuracies(other)
    assert [summary.id for summary in found.sweeps] == [sweep.id, other.id]
    block = found.datasets[1]
    assert (block.dataset.name, block.same) == ("segments", True)
    assert found.alone["segments"] == ("rnn_tanh x 3 x 100",)
    pairs = [pair for pair in block.pairs if pair.first.label in NAMES]
    assert len(pairs) == len(NAMES)
    for pair in pairs:
        a, b = first["segments", pair.first.label], second["segments", pair.second.label]
        assert (pair.test, pair.difference.n) == ("paired", 2)
        assert pair.difference.mean == pytest.approx((a.loc[6:7] - b.loc[6:7]).mean())
        assert pair.second.sweep == other.id
    specs = {each.field: each.values for each in found.specs}
    assert specs == {"training.epochs": (None, 40), "hyperparameters.lr": (None, {"choice": [0.1, 0.2]})}


def test_sweeps_on_other_data_are_compared_by_welch(
    sweep: Sweep, other: Sweep, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries: list[dict[str, Any]] = [entry | {"fingerprint": "0"} for entry in other.info["datasets"]]
    monkeypatch.setitem(other.info, "datasets", entries)
    block = compare_sweeps([sweep, other], "handwriting").datasets[0]
    assert not block.same
    pair = next(pair for pair in block.pairs if pair.first.label == NAMES[0])
    a, b = (np.array(accuracies(each)["handwriting", NAMES[0]]) for each in (sweep, other))
    theirs = stats.ttest_ind(a, b, equal_var=False)
    assert (pair.test, pair.difference.p) == ("Welch", pytest.approx(theirs.pvalue))
    assert pair.difference.mean == pytest.approx(a.mean() - b.mean())


def test_sweeps_without_anything_in_common_say_so(sweep: Sweep, tmp_path: Path) -> None:
    empty = Store(tmp_path).create("new-000000", {})
    with pytest.raises(StoreError, match="sweep new-000000 has no finished trial yet"):
        compare_sweeps([sweep, empty])
    first = write_example(tmp_path, sweep_id="first-000000", missing=5)
    second = write_example(tmp_path, sweep_id="second-000000")
    for trial in first.finished():
        (tmp_path / second.id / "lanes" / f"{trial}.parquet").unlink()
    with pytest.raises(StoreError, match="first-000000 and second-000000 have no data set in common"):
        compare_sweeps([first, second])
    with pytest.raises(StoreError, match="sweep new-000000 has no finished trial yet"):
        compare_architectures(empty, NAMES)
