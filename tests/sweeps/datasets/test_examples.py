"""Examples of each class: real sequences of the training part, few enough."""

from pathlib import Path

import numpy as np
import pytest

from seqsweep.results.store import Store
from seqsweep.seqmodels.data.dataset import SequenceDataset
from seqsweep.seqmodels.data.source import load
from seqsweep.seqmodels.data.splits import split
from seqsweep.sweeps.datasets.examples import MOST_CLASSES, MOST_FEATURES, NUMBERS, examples
from seqsweep.sweeps.running import prepare
from seqsweep.sweeps.spec.loading import parse_spec
from tests.support.small_sweep import CLASSES, table


def made(
    classes: int, features: int, lengths: tuple[int, int], per_class: int = 8, name: str = "made"
) -> SequenceDataset:
    draw = np.random.default_rng(classes * features)
    count = classes * per_class
    return SequenceDataset.from_sequences(
        name,
        [draw.normal(size=(draw.integers(*lengths, endpoint=True), features)) for _ in range(count)],
        label=np.arange(count) % classes,
        class_names=[f"class {number}" for number in range(classes)],
        ids=[f"sequence {number}" for number in range(count)],
        is_test=np.arange(count) >= count - classes,
    )


@pytest.mark.parametrize(
    ("classes", "features", "lengths"),
    [(2, 1, (1, 1)), (5, 2, (20, 180)), (5, 39, (10, 60)), (3, 2, (1, 40_000)), (300, 700, (90, 110))],
)
def test_they_are_what_the_data_set_has_and_few(
    classes: int, features: int, lengths: tuple[int, int]
) -> None:
    dataset = made(classes, features, lengths)
    splits = split(dataset)
    rows = examples([(dataset, splits)]).to_pylist()
    assert {row["class"] for row in rows} == set(dataset.class_names[:MOST_CLASSES])
    assert len({row["sequence"] for row in rows}) == len(rows) <= 3 * MOST_CLASSES
    assert sum(len(row["values"]) for row in rows) <= NUMBERS
    for row in rows:
        index = dataset.ids.index(row["sequence"])
        assert index in splits.train
        assert dataset.class_names[dataset.label[index]] == row["class"]
        whole = dataset.sequence(index)
        assert len(whole) == row["length"]
        kept = np.array(row["values"], np.float32).reshape(-1, row["features"])
        assert kept.shape[1] <= MOST_FEATURES
        assert np.array_equal(kept, whole[:: row["token_step"], :: row["feature_step"]])


def test_nothing_is_left_out_of_data_sets_of_the_usual_size() -> None:
    data = [(dataset, split(dataset)) for dataset in map(load, ("handwriting", "syllables"))]
    rows = examples(data).to_pylist()
    assert len(rows) == 30
    assert all(row["token_step"] == row["feature_step"] == 1 for row in rows)


def test_they_lie_at_the_quartiles_of_the_lengths() -> None:
    dataset = made(2, 1, (1, 500), per_class=60)
    splits = split(dataset)
    rows = examples([(dataset, splits)]).to_pylist()
    lengths = dataset.length[splits.train[dataset.label[splits.train] == 0]]
    expected = np.quantile(lengths, [0.25, 0.5, 0.75], method="nearest")
    assert [row["length"] for row in rows[:3]] == pytest.approx(expected, abs=30)


def test_the_embedded_data_sets_are_drawn_as_what_they_imitate() -> None:
    found = [load(name).reading for name in ("handwriting", "syllables")]
    assert found == [{"format": "strokes"}, {"format": "mfcc"}]


def test_every_way_to_begin_a_sweep_keeps_them_and_resume_leaves_them(strokes: Path, tmp_path: Path) -> None:
    spec = parse_spec(table(strokes), base=Path(), source="test")
    store = Store(tmp_path)
    began = prepare.new(spec, store, None, 1)
    datasets = [dataset for dataset, _ in began.data.values()]
    sent = prepare.received(spec, datasets, store, "sent-000000", command="seqsweep submit", version="9.9")
    assert sent.sweep.info["command"] == "seqsweep submit"
    assert sent.sweep.info["versions"]["seqsweep"] == "9.9"
    assert sent.sweep.info["versions"]["torch"] == began.sweep.info["versions"]["torch"]
    for each in (began.sweep, sent.sweep):
        found = each.examples()
        assert found is not None
        assert found["class"].unique().to_pylist() == list(CLASSES)
        file = tmp_path / each.id / "examples.parquet"
        before = file.stat()
        again = prepare.again(store, each.id, None, 1)
        assert again.sweep.id == each.id
        assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
