"""What is found in data before training, against pandas and plain sets."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqsweep.seqmodels.data.dataset import SequenceDataset
from seqsweep.seqmodels.data.findings import findings
from seqsweep.seqmodels.data.splits import Splits

PARTS = ("train", "validation", "test")


def dataset(
    rows: list[tuple[int, ...]], labels: list[int], parts: list[str], groups: list[int] | None = None
) -> tuple[SequenceDataset, Splits]:
    place = {part: np.flatnonzero([each == part for each in parts]) for part in PARTS}
    made = SequenceDataset.from_sequences(
        "d",
        [np.array(row, np.float32)[:, None] for row in rows],
        label=labels,
        class_names=[f"class{number}" for number in range(3)],
        ids=[f"s{number}" for number in range(len(rows))],
        is_test=[part == "test" for part in parts],
        group=groups,
    )
    return made, Splits(**place)


def said(*arguments: object) -> dict[str, str]:
    return {each.kind: each.text for each in findings(*dataset(*arguments))}  # type: ignore[arg-type]


SEQUENCE = st.lists(st.integers(-1, 1), min_size=1, max_size=3).map(tuple)
MEMBER = st.tuples(SEQUENCE, st.integers(0, 2), st.sampled_from(PARTS), st.integers(0, 6))


@settings(max_examples=200, deadline=None)
@given(st.lists(MEMBER, min_size=1, max_size=30))
def test_copies_and_groups_are_those_that_pandas_counts(members: list[tuple]) -> None:
    rows, labels, parts, groups = (list(column) for column in zip(*members, strict=True))
    found = said(rows, labels, parts, groups)
    frame = pd.DataFrame({"row": rows, "label": labels, "part": parts, "group": groups})
    for part, earlier in (("validation", ["train"]), ("test", ["train", "validation"])):
        mine, others = frame[frame.part == part], frame[frame.part.isin(earlier)]
        copied = int(mine.row.isin(set(others.row)).sum())
        text = found.get(f"copies in {part}", "0 of")
        assert text.startswith(f"{copied} of {len(mine)} {part} sequences" if copied else "0 of")
        shared = set(mine.group) & set(others.group)
        text = found.get(f"groups in train and {part}", "0 of")
        assert text.startswith(f"{len(shared)} of the {mine.group.nunique()} groups" if shared else "0 of")
    torn = int((frame.groupby("row").label.transform("nunique") > 1).sum())
    text = found.get("copies of another class", "0 of")
    assert text.startswith(f"{torn} of {len(frame)} sequences" if torn else "0 of")


def test_a_copy_is_named_with_its_first_original() -> None:
    found = said([(1, 2), (1, 2), (3,), (1, 2), (3, 0)], [0] * 5, ["train", "train", "train", "test", "test"])
    assert list(found) == ["copies in test"]
    assert (
        "1 of 2 test sequences are copies of training or validation sequences (s3 is s0): "
        in found["copies in test"]
    )


def test_zero_and_minus_zero_are_equal_and_another_length_is_another_sequence() -> None:
    parts = ["train", "test"]
    assert "copies in test" in said([(0.0,), (-0.0,)], [0, 0], parts)
    assert said([(0, 0), (0,)], [0, 0], parts) == {}


def test_copies_within_a_part_are_no_leak_but_a_contradiction_under_two_labels() -> None:
    assert said([(1,), (1,)], [0, 0], ["train", "train"]) == {}
    found = said([(1,), (1,), (2,)], [0, 1, 1], ["train", "train", "train"])
    assert list(found) == ["copies of another class"]
    assert (
        "2 of 3 sequences have a copy of another class (s0 as `class0`, s1 as `class1`)"
        in found["copies of another class"]
    )


@pytest.mark.parametrize("groups", [None, [1, 2, 3]])
def test_no_groups_or_groups_apart_are_no_finding(groups: list[int] | None) -> None:
    assert said([(1, 3), (2,), (3,)], [0, 0, 0], list(PARTS), groups) == {}


def test_values_far_from_training_are_said():
    from tests.seqmodels.data.test_scaling import dataset

    assert not [each for each in findings(*dataset(2, 1, 3)) if "far off" in each.kind]
    [far] = [each for each in findings(*dataset(2, 1, 5001)) if "far off" in each.kind]
    assert far.kind == "values far off in test"
    assert far.text == (
        "1 test sequence has values far from all of training (feature 1, up to 5,000 training standard deviations from the "
        "training mean): are units, sensors or missing values the same there?"
    )
