"""The plan: every combination once, and an id that changes exactly when the trial's numbers would."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqsweep.results.architecture import architecture_label
from seqsweep.seqmodels.architecture import Architecture
from seqsweep.seqmodels.cells import CELLS
from seqsweep.seqmodels.data.dataset import SequenceDataset
from seqsweep.sweeps.errors import SpecError
from seqsweep.sweeps.spec.loading import parse_spec
from seqsweep.sweeps.spec.model import Spec
from seqsweep.sweeps.spec.plan import lane_count, plan


def dataset(name: str = "one", value: float = 0.0) -> SequenceDataset:
    return SequenceDataset.from_sequences(
        name,
        [np.full((2, 1), value, np.float32) for _ in range(4)],
        label=[0, 1, 0, 1],
        class_names=["a", "b"],
        ids=["0", "1", "2", "3"],
        is_test=[False, False, True, True],
    )


def spec(**changes: Any) -> Spec:
    table: dict[str, Any] = {
        "name": "x",
        "datasets": ["handwriting", "syllables"],
        "candidates": 2,
        "seeds": 2,
        "architecture": {"cell": "gru"},
        "hyperparameters": {"lr": {"log_uniform": [1e-3, 1e-1]}},
        "search": {"sampler": "random"},
    }
    for path, value in changes.items():
        *above, key = path.split("__")
        inside = table
        for each in above:
            inside = inside.setdefault(each, {})
        inside[key] = value
    return parse_spec(table, base=Path(), source="x.toml")


@settings(max_examples=30)
@given(
    st.lists(st.sampled_from(["rnn_tanh", "gru", "lstm"]), min_size=1, unique=True),
    st.lists(st.integers(1, 4), min_size=1, max_size=3, unique=True),
    st.lists(st.booleans(), min_size=1, unique=True),
    st.lists(st.sampled_from(["last", "mean", "last+max"]), min_size=1, unique=True),
    st.lists(st.integers(1, 64), min_size=1, max_size=2, unique=True),
)
def test_the_cross_product_each_once(
    cells: list[str], layers: list[int], both: list[bool], readouts: list[str], batches: list[int]
) -> None:
    axes = {
        "cell": cells,
        "layers": layers,
        "bidirectional": both,
        "readout": readouts,
        "batch_size": batches,
    }
    trials = plan(spec(architecture=axes), [dataset("one"), dataset("two")])
    expected = {
        (name, cell, depth, two, readout, batch)
        for name in ("one", "two")
        for cell in cells
        for depth in layers
        for two in both
        for readout in readouts
        for batch in batches
    }
    found = [
        (
            trial.dataset,
            trial.architecture.cell,
            trial.architecture.layers,
            trial.architecture.bidirectional,
            "+".join(trial.architecture.readout),
            trial.batch_size,
        )
        for trial in trials
    ]
    assert len(found) == len(expected)
    assert set(found) == expected
    assert len({trial.id for trial in trials}) == len(trials)
    assert lane_count(trials) == (4 + 5) * len(trials)


def test_lanes_are_candidates_times_seeds() -> None:
    (trial,) = plan(spec(candidates=3, seeds=[5, 1]), [dataset()])
    assert [(lane.candidate, lane.seed) for lane in trial.lanes] == [
        (0, 5),
        (0, 1),
        (1, 5),
        (1, 1),
        (2, 5),
        (2, 1),
    ]
    assert len({lane.hyperparameters for lane in trial.lanes}) == 3


def only_id(spec: Spec, data: SequenceDataset | None = None) -> str:
    (trial,) = plan(spec, [data or dataset()])
    return trial.id


@pytest.mark.parametrize(
    "change",
    [
        {"architecture__cell": "lstm"},
        {"architecture__hidden": 7},
        {"architecture__bidirectional": True},
        {"architecture__readout": "mean"},
        {"architecture__head_hidden": 5},
        {"architecture__batch_size": 16},
        {"candidates": 3},
        {"search_seed": 1},
        {"search__sampler": "sobol"},
        {"seeds": [0, 2]},
        {"hyperparameters__dropout": 0.1},
        {"training__epochs": 41},
        {"training__keep": "last"},
        {"training__refit": True},
        {"split__seed": 1},
        {"split__validation": 0.3},
        {"resources__backend": "torch"},
    ],
    ids=str,
)
def test_what_changes_numbers_changes_the_id(change: dict[str, Any]) -> None:
    assert only_id(spec(**change)) != only_id(spec())


@pytest.mark.parametrize(
    "change",
    [
        {"name": "y"},
        {"resources__cpus_per_trial": 2},
        {"resources__max_concurrent": 3},
        {"training__epochs": 40},
        {"seeds": [0, 1]},
    ],
    ids=str,
)
def test_what_does_not_change_numbers_leaves_the_id(change: dict[str, Any]) -> None:
    assert only_id(spec(**change)) == only_id(spec())


def test_the_data_are_part_of_the_id() -> None:
    assert only_id(spec(), dataset(value=1.0)) != only_id(spec())
    assert only_id(spec(), dataset(name="two")) != only_id(spec())


def test_ids_are_twelve_hexadecimal_digits() -> None:
    trial_id = only_id(spec())
    assert len(trial_id) == 12
    assert int(trial_id, 16) >= 0


def test_ids_are_what_they_have_been() -> None:
    """Else a sweep that was begun by an earlier version could not be resumed. The ids are those of revision 4293492."""
    old = {"final_seeds": 0, "search": {"method": "full", "sampler": "random"}}
    odd = spec(
        **old,
        candidates=3,
        seeds=[4294967295, 7],
        architecture={
            "cell": ["rnn_relu", "lstm"],
            "layers": [1, 2],
            "hidden": 8,
            "bidirectional": True,
            "readout": "mean+max",
            "head_hidden": 5,
            "batch_size": [4, 16],
        },
        hyperparameters={
            "optimizer": {"choice": ["sgd", "adamw", "rmsprop"]},
            "lr": {"log_uniform": [1e-5, 1.0]},
            "momentum": 0.9,
            "clip_norm": {"choice": ["off", 0.5]},
            "dropout": {"uniform": [0.0, 0.4]},
            "schedule": "cosine",
        },
        training={"bptt": 9, "validation_patience": 4, "refit": True, "keep": "last"},
        resources={"backend": "torch"},
        split={"validation": 0.35, "seed": 3},
    )
    found = [trial.id for trial in plan(odd, [dataset("one"), dataset('zweï "2"', 1.0)])]
    assert " ".join(found) == (
        "580988dc7656 9c9bc9f12da2 ec3c1f83215e 5027cfdd4f49 165b23a17443 8128caef9256 76c932fc1b99 9d2ea19ef4c3 "
        "a2149f09f96f 1b6688a8bf94 e4dbe27b425e 481d8fd4b2df a9734eab857e 9c8a2ac2ba2f 6ccedae6e001 c48186c3a8d9"
    )
    assert only_id(spec(**old)) == "b95861490ff2"
    assert only_id(spec(**old, training={"class_weights": "none"})) == "b95861490ff2"
    assert only_id(spec(**old, training={"class_weights": "balanced"})) != "b95861490ff2"


def test_two_data_sets_of_one_name_are_refused() -> None:
    with pytest.raises(SpecError, match="2 data sets called 'one', but names must differ"):
        plan(spec(), [dataset(), dataset(value=1.0)])


@given(
    st.sampled_from(CELLS),
    st.booleans(),
    st.sampled_from([("last",), ("mean",), ("last", "max")]),
    st.sampled_from([0, 64]),
)
def test_the_verdict_calls_an_architecture_what_the_plan_calls_it(
    cell: str, bidirectional: bool, readout: tuple[str, ...], head: int
) -> None:
    architecture = Architecture(cell, 2, 100, bidirectional, readout, head)
    row = asdict(architecture) | {"readout": "+".join(readout)}
    assert architecture_label(row) == architecture.label
