"""What a report is made of: candidates, data sets with their examples, provenance."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy import stats

from seqsweep.results.analysis.candidates import candidates
from seqsweep.results.analysis.confusion_contrast import contrast
from seqsweep.results.analysis.dataset_facts import ClassFacts, datasets
from seqsweep.results.analysis.provenance import provenance
from seqsweep.results.analysis.report import report
from seqsweep.results.analysis.rival import rival
from seqsweep.results.analysis.verdict import verdict
from seqsweep.results.errors import StoreError
from seqsweep.results.schema import table
from seqsweep.results.store import Store, Sweep
from tests.support.example_sweep import ARCHITECTURES, CANDIDATES, DATASETS, SWEEP_ID, write_example


@pytest.fixture(scope="module")
def sweep(example_root: Path) -> Sweep:
    return Store(example_root).find(SWEEP_ID)


def test_candidates_are_what_pandas_says(own_sweep: Sweep) -> None:
    draw = np.random.default_rng(0)
    for trial in sorted(own_sweep.finished()):
        table = own_sweep.read("lanes", trials=[trial])
        column = table.schema.get_field_index("validation_accuracy")
        own_sweep.write_trial(
            trial,
            {"lanes": table.set_column(column, table.field(column), pa.array(draw.random(len(table))))},
        )
    lanes = own_sweep.read("lanes").to_pandas()
    for found in candidates(own_sweep):
        here = lanes[lanes.dataset == found.dataset]
        sound = here[here.stopped != "diverged"]
        grouped = sound.groupby(["trial", "candidate"]).validation_accuracy
        expected = grouped.mean().sort_values(ascending=False)
        assert found.total == len(found.best) == len(expected)
        assert found.lost == here.groupby(["trial", "candidate"]).ngroups - len(expected)
        means = [each.validation.mean for each in found.best]
        assert means == pytest.approx(expected.to_list(), abs=1e-12)
        for each in found.best:
            values = grouped.get_group((each.trial, each.number))
            low, _ = stats.t.interval(0.95, len(values) - 1, values.mean(), stats.sem(values))
            assert each.validation.half_width == pytest.approx(values.mean() - low)
            own = here[(here.trial == each.trial) & (here.candidate == each.number)]
            assert each.seeds == len(own)
            assert each.diverged == (own.stopped == "diverged").sum()
            assert each.chosen == own.chosen.any()
            assert each.settings["lr"] == own.lr.iloc[0]
            clip = own.clip_norm.iloc[0]
            assert each.settings["clip_norm"] == (None if np.isnan(clip) else clip)
        assert found.axes[:2] == ("cell", "layers")
        assert set(found.axes[2:]) >= {"optimizer", "lr", "clip_norm"}


def test_only_the_best_are_told_of_one_by_one(sweep: Sweep, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = candidates(sweep)[0]
    monkeypatch.setattr("seqsweep.results.analysis.candidates.MOST", 3)
    few = candidates(sweep)[0]
    assert few.best == whole.best[:3]
    assert (few.total, few.lost) == (whole.total, whole.lost)
    assert whole.total + whole.lost == len(ARCHITECTURES) * len(CANDIDATES)


def test_whom_the_best_is_set_against(sweep: Sweep) -> None:
    block = verdict(sweep).datasets[1]
    best, second, *others = block.rows
    lost = others[-1]
    assert lost.test.n == 0
    one_cell = [dataclasses.replace(row, cell=best.cell) for row in (second, *others)]
    one_depth = [dataclasses.replace(row, layers=best.layers) for row in one_cell]
    named = next(row for row in (second, *others) if row.cell != best.cell)
    deeper = next(row for row in one_cell if row.layers != best.layers)
    for rows, trial, kind in (
        (block.rows, named.trial, "the best of another cell"),
        ([best, *one_cell], deeper.trial, "the best with another number of layers"),
        ([best, *one_depth], second.trial, "the next best"),
    ):
        found = rival(dataclasses.replace(block, rows=tuple(rows)))
        assert found is not None
        assert (found.trial, found.kind) == (trial, kind)
    for rows in ([best], [best, lost]):
        assert rival(dataclasses.replace(block, rows=tuple(rows))) is None
    assert rival(dataclasses.replace(block, best=None)) is None


def test_the_best_is_compared_with_its_rival_or_it_is_said_why_not(
    own_sweep: Sweep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("seqsweep.results.analysis.importance.REPEATS", 1)
    for part in report(own_sweep).datasets:
        assert part.rival is not None
        name, best = part.verdict.dataset.name, part.verdict.best
        assert part.contrast == contrast(own_sweep, name, best, part.rival.trial)
    trial = part.rival.trial
    kept = ("lanes", "confusions", "epochs")
    rows = {kind: own_sweep.read(kind, trials=[trial]).to_pylist() for kind in kept}
    predictions = tmp_path / SWEEP_ID / "predictions" / f"{trial}.parquet"
    whole = predictions.read_bytes()
    predictions.write_bytes(whole[:-100] + bytes(100))
    with pytest.raises(StoreError, match="damaged"):
        report(own_sweep)
    own_sweep.write_trial(trial, {kind: table(kind, content) for kind, content in rows.items()})
    part = report(own_sweep).datasets[-1]
    assert part.contrast is None
    assert part.incomparable.startswith(f"trial {trial} has no predictions of split `test`")


def test_data_sets_and_their_examples(sweep: Sweep) -> None:
    table = sweep.examples()
    assert table is not None
    frame: pd.DataFrame = table.to_pandas()
    for facts, (name, synthetic, classes, per_class) in zip(datasets(sweep), DATASETS, strict=True):
        assert (facts.name, facts.synthetic, facts.recorded) == (name, synthetic, True)
        assert tuple(each.name for each in facts.classes) == classes
        for each in facts.classes:
            assert (each.train, each.validation, each.test) == (3 * per_class, per_class, per_class)
            rows = frame[(frame.dataset == name) & (frame["class"] == each.name)]
            assert [one.sequence for one in each.specimens] == rows.sequence.to_list()
            for one, (_, row) in zip(each.specimens, rows.iterrows(), strict=True):
                assert one.values.shape == (row["length"] // row.token_step, row.features)
                assert np.array_equal(one.values.ravel(), row["values"])


def test_what_an_older_version_did_not_record_is_none(tmp_path: Path) -> None:
    sweep = write_example(tmp_path)
    kept = ("name", "synthetic", "classes")
    sweep.update(datasets=[{key: entry[key] for key in kept} for entry in sweep.info["datasets"]])
    (tmp_path / SWEEP_ID / "examples.parquet").unlink()
    facts = datasets(sweep)[1]
    assert (facts.format, facts.normalization, facts.tokens, facts.lengths, facts.train) == (None,) * 5
    assert not facts.recorded
    assert facts.classes[0] == ClassFacts("ba", None, None, None, None, ())


def test_provenance_of_a_bare_sweep(tmp_path: Path) -> None:
    found = provenance(Store(tmp_path).create("bare-000000", {}))
    assert (found.command, found.git, found.spec, found.versions, found.failed) == (None, None, {}, {}, {})
