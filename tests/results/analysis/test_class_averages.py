"""Macro F1 and balanced accuracy in the verdict's rows, its views and exports, against scikit-learn and scipy."""

import dataclasses
import io
import json
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from scipy import stats
from sklearn import metrics

from seqsweep.results.analysis.class_averages import PartAverages
from seqsweep.results.analysis.confusion import confusion
from seqsweep.results.analysis.reading import Reading
from seqsweep.results.analysis.report import report
from seqsweep.results.analysis.verdict import Verdict, verdict
from seqsweep.results.analysis.verdict_averages import with_averages
from seqsweep.results.analysis.verdict_row import Row
from seqsweep.results.architecture import ARCHITECTURE
from seqsweep.results.errors import Damaged
from seqsweep.results.export.tables import read_table
from seqsweep.results.html.page import render as render_page
from seqsweep.results.schema import table
from seqsweep.results.statistics.interval import Interval
from seqsweep.results.store import Sweep
from seqsweep.results.views import confusion as confusion_view
from seqsweep.results.views import formats, json_view
from seqsweep.results.views import verdict as verdict_view

SIZES = (40, 20, 5, 0, 9)
"""Test sequences of each class; one class never occurs."""
Pairs = list[tuple[str, str]]
Uneven = tuple[Sweep, dict[tuple[str, str, int, int], Pairs]]


@pytest.fixture
def uneven(own_sweep: Sweep) -> Uneven:
    """A sweep with uneven classes, and what its lanes answered: true and predicted, by trial, part, candidate and seed."""
    rng = np.random.default_rng(3)
    entries = own_sweep.info["datasets"]
    for entry in entries:
        entry["class_counts"]["test"] = list(SIZES)
    own_sweep.update(datasets=entries)
    classes = {entry["name"]: entry["classes"] for entry in entries}
    said: dict[tuple[str, str, int, int], Pairs] = {}
    for trial in sorted(own_sweep.finished()):
        lanes = own_sweep.read("lanes", trials=[trial]).to_pylist()
        axes = ("sweep", "trial", "dataset", *ARCHITECTURE, "candidate", "seed")
        cells = []
        for lane in lanes:
            names = classes[lane["dataset"]]
            for part in ("validation", "test") if lane["chosen"] else ("validation",):
                counts = np.zeros((5, 5), dtype=np.int64)
                for row, size in enumerate(SIZES):
                    counts[row] = rng.multinomial(size, rng.dirichlet(np.ones(5)))
                counts[:, 1] = 0 if part == "test" else counts[:, 1]  # never predicted
                key = {name: lane[name] for name in axes}
                cells += [
                    key | {"split": part, "true": names[i], "predicted": names[j], "count": counts[i, j]}
                    for i, j in np.ndindex(5, 5)
                ]
                said[trial, part, lane["candidate"], lane["seed"]] = [
                    (names[i], names[j]) for i, j in np.ndindex(5, 5) for _ in range(counts[i, j])
                ]
        own_sweep.write_trial(
            trial, {"lanes": table("lanes", lanes), "confusions": table("confusions", cells)}
        )
    return own_sweep, said


def averaged(sweep: Sweep, first: int | None = None, *, only_uneven: bool = False) -> Verdict:
    reading = Reading(sweep)
    return with_averages(reading, verdict(reading), first, only_uneven=only_uneven)


def rows_of(data: Verdict) -> list[Row]:
    return [row for block in data.datasets for row in block.rows]


def judged(answers: Sequence[Pairs], score: str) -> tuple[float, float]:
    """Mean and half width over seeds."""
    options = {"average": "macro", "zero_division": 0} if score == "f1_score" else {}
    with warnings.catch_warnings():  # "y_pred contains classes not in y_true"
        warnings.simplefilter("ignore", UserWarning)
        values = [getattr(metrics, score)(*zip(*pairs, strict=True), **options) for pairs in answers]
    low, high = stats.t.interval(0.95, len(values) - 1, loc=np.mean(values), scale=stats.sem(values))
    return float(np.mean(values)), (high - low) / 2


def is_theirs(found: Interval, answers: Sequence[Pairs], score: str) -> bool:
    return (found.mean, found.half_width) == pytest.approx(judged(answers, score)) and found.n == len(answers)


def test_rows_have_what_scikit_learn_says(uneven: Uneven) -> None:
    sweep, said = uneven
    rows = rows_of(averaged(sweep))
    assert any(row.candidate is None for row in rows)
    for row in rows:
        if row.candidate is None:
            assert row.by_class is None
            continue
        assert isinstance(row.by_class, PartAverages)
        for part in ("validation", "test"):
            answers = [said[row.trial, part, row.candidate, seed] for seed in (0, 1, 2)]
            own = getattr(row.by_class, part)
            assert is_theirs(own.macro_f1, answers, "f1_score")
            assert is_theirs(own.balanced_accuracy, answers, "balanced_accuracy_score")
        own = confusion(sweep, row_dataset(sweep, row), row.trial).by_class
        assert own == row.by_class.test


def row_dataset(sweep: Sweep, row: Row) -> str:
    return str(sweep.read("lanes", ["dataset"], trials=[row.trial]).to_pylist()[0]["dataset"])


def test_a_seed_that_diverged_is_left_out_as_in_the_accuracy(
    uneven: Uneven,
) -> None:
    sweep, said = uneven
    trial = verdict(sweep).datasets[0].rows[0].trial
    lanes = sweep.read("lanes", trials=[trial]).to_pylist()
    confusions = sweep.read("confusions", trials=[trial])
    for lane in lanes:
        if lane["chosen"] and lane["seed"] == 1:
            lane |= {"test_accuracy": None, "test_loss": None, "stopped": "diverged"}
    sweep.write_trial(trial, {"lanes": table("lanes", lanes), "confusions": confusions})
    row = next(row for row in rows_of(averaged(sweep)) if row.trial == trial)
    assert row.by_class is not None
    assert row.candidate is not None
    answers = [said[trial, "validation", row.candidate, seed] for seed in (0, 2)]
    assert is_theirs(row.by_class.validation.macro_f1, answers, "f1_score")
    assert row.validation.n == 2


def test_validation_is_of_the_seeds_of_the_search_and_test_of_the_final_ones(uneven: Uneven) -> None:
    sweep, said = uneven
    trial = verdict(sweep).datasets[0].rows[0].trial
    lanes = sweep.read("lanes", trials=[trial]).to_pylist()
    confusions = sweep.read("confusions", trials=[trial])
    for lane in lanes:
        if lane["chosen"]:
            lane |= {"stage": "final" if lane["seed"] else "search"}
    sweep.write_trial(trial, {"lanes": table("lanes", lanes), "confusions": confusions})
    row = next(row for row in rows_of(averaged(sweep)) if row.trial == trial)
    assert row.by_class is not None
    assert row.candidate is not None
    answers = [said[trial, "test", row.candidate, seed] for seed in (1, 2)]
    assert is_theirs(row.by_class.test.macro_f1, answers, "f1_score")
    assert row.by_class.validation.macro_f1.n == 1


def test_they_are_read_only_of_the_rows_asked_for_and_where_classes_are_uneven(
    uneven: Uneven,
) -> None:
    sweep, _ = uneven
    for row in rows_of(averaged(sweep, 1)):
        assert (row.by_class is not None) == (row.rank == 1 or row.cheapest)
    entries = sweep.info["datasets"]
    entries[0]["class_counts"]["test"] = [20] * 5
    sweep.update(datasets=entries)
    even, odd = averaged(sweep, only_uneven=True).datasets
    assert (even.uneven, odd.uneven) == (False, True)
    assert {row.by_class for row in even.rows} == {None}
    assert odd.rows[0].by_class is not None


def test_counts_that_are_not_there_are_no_figures_and_damaged_ones_are_said(uneven: Uneven) -> None:
    sweep, _ = uneven
    first, second = (row.trial for row in verdict(sweep).datasets[0].rows[:2])
    folder = Path(str(sweep.folder / "confusions"))
    (folder / f"{first}.parquet").unlink()
    assert averaged(sweep).datasets[0].rows[0].by_class is None
    damaged = folder / f"{second}.parquet"
    damaged.write_bytes(damaged.read_bytes()[:-9])
    with pytest.raises(Damaged, match=second):
        averaged(sweep)


def printed(data: Verdict, width: int) -> str:
    console = Console(file=io.StringIO(), width=width)
    verdict_view.render(data, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [60, 80, 100, 127, 128, 151, 152, 200])
def test_the_table_has_them_where_classes_are_uneven_and_there_is_room(uneven: Uneven, width: int) -> None:
    sweep, _ = uneven
    data = averaged(sweep, only_uneven=True)
    text = printed(data, width)
    assert max(map(len, text.splitlines())) <= width
    row = data.datasets[0].rows[0]
    assert row.by_class is not None
    shown = formats.interval(row.by_class.test.balanced_accuracy) in text
    assert shown == ("balanced" in text) == (width >= 100)
    assert formats.interval(row.test) in text
    even = dataclasses.replace(
        data, datasets=tuple(dataclasses.replace(each, uneven=False) for each in data.datasets)
    )
    assert "balanced" not in printed(even, width)


def test_json_report_confusion_and_export_have_them(
    uneven: Uneven,
) -> None:
    sweep, _ = uneven
    data = averaged(sweep)
    row = data.datasets[0].rows[0]
    assert row.by_class is not None
    test = row.by_class.test
    parsed = json.loads(json_view.dump(data))["datasets"][0]
    assert parsed["uneven"] is True
    assert parsed["rows"][0]["by_class"]["test"]["macro_f1"] == dataclasses.asdict(test.macro_f1)
    page = render_page(report(sweep))
    both = f'<td class="n">{formats.interval(test.macro_f1)}</td>\n<td class="n">{formats.interval(test.balanced_accuracy)}</td>'
    assert both in page
    assert f"macro F1 {formats.interval(test.macro_f1)} %, balanced accuracy" in page
    console = Console(file=io.StringIO(), width=120)
    confusion_view.render(confusion(sweep), console, brief=True)
    assert isinstance(console.file, io.StringIO)
    assert f"balanced accuracy {formats.interval(test.balanced_accuracy)} %" in console.file.getvalue()
    exported = read_table(sweep, "verdict")
    assert exported.data["test_macro_f1_mean"].to_pylist()[0] == test.macro_f1.mean
    assert exported.headings[6:8] == ("macro F1 %", "balanced %")
    assert {len(cells) for cells in exported.cells} == {len(exported.headings)}
    assert exported.cells[0][6] == formats.interval(test.macro_f1)
