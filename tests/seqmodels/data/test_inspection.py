"""What data are before anything is trained: figures as numpy has them, and each warning where it belongs and nowhere else."""

import warnings
from dataclasses import replace
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from seqsweep.seqmodels.data import inspection
from seqsweep.seqmodels.data.checks import CHECKS, check
from seqsweep.seqmodels.data.collection import Collection
from seqsweep.seqmodels.data.formats.strokes import STROKES
from seqsweep.seqmodels.data.inspection import Inspection, facts, inspect

TABLE = {"path": "x", "format": "strokes"}


def collection(
    sequences: list[np.ndarray],
    labels: list[str] | None = None,
    parts: list[str | None] | None = None,
    groups: list[str] | None = None,
) -> Collection:
    count = len(sequences)
    names = [str(place) for place in range(count)]
    return Collection(
        sequences, labels or ["a", "b"] * (count // 2), names, names, parts or [None] * count, groups
    )


@given(st.lists(st.sampled_from(["b", "a", "ü", "a b", "0"]), max_size=30))
def test_the_members_of_classes_are_those_that_pandas_groups(labels: list[str]) -> None:
    found = collection([np.zeros((1, 1))] * len(labels), labels or [])
    wanted = pd.Series(range(len(labels)), dtype=int).groupby(np.array(labels, object)).indices
    assert {name: list(members) for name, members in found.classes().items()} == {
        name: list(members) for name, members in wanted.items()
    }
    assert list(found.classes()) == sorted(set(labels))


def usual(count: int = 40) -> list[np.ndarray]:
    draw = np.random.default_rng(0)
    return [draw.normal([3, -2e4], [1, 100], (int(draw.integers(5, 30)), 2)) for _ in range(count)]


def looked(found: Collection) -> Inspection:
    return facts(found, STROKES, {"format": "strokes"}, TABLE)


def kinds(found: Collection) -> list[str]:
    return [each.kind for each in check(looked(found), found)]


@example([[float("nan"), 856159.0, 856159.0625, 856159.0625]])  # far from 0, and begins with a gap
@given(
    st.lists(
        st.lists(st.floats(-1e6, 1e6) | st.just(float("nan")), min_size=1, max_size=6), min_size=1, max_size=6
    )
)
def test_figures_are_numpys(columns: list[list[float]]) -> None:
    sequences = [np.array(column)[:, None] for column in columns]
    with mock.patch.object(
        inspection, "TOGETHER", 4
    ):  # so few that several go together, and are several times
        [about] = looked(collection(sequences, labels=["a"] * len(sequences))).features
    whole = np.concatenate(sequences)[:, 0]
    assert about.missing == np.isnan(whole).sum()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of nothing but NaN
        wanted = np.nanmin(whole), np.nanmean(whole), np.nanstd(whole), np.nanmax(whole)
    np.testing.assert_allclose(
        (about.low, about.mean, about.deviation, about.high), wanted, rtol=1e-9, atol=1e-3
    )


def test_a_deviation_far_from_zero_keeps_its_digits() -> None:
    steps = 1e9 + np.arange(100.0)[:, None] / 1000
    [about] = looked(collection([steps[:50], steps[50:]])).features
    assert about.deviation == pytest.approx(steps.std(), rel=1e-6)


def test_counts_of_real_data(real_data: Path) -> None:
    about, found = inspect({"path": str(real_data / "japanese-vowels")})
    assert (about.format, about.sequences, about.tokens, len(about.features)) == ("ts", 640, 9961, 12)
    assert about.recognised == "one or a pair of `.ts` files, such as JapaneseVowels_TEST.ts.gz"
    assert about.parts == {"train": 270, "test": 370}
    assert (about.shortest, about.median, about.longest) == (7, 15, 29)
    assert [each.sequences for each in about.classes] == [61, 65, 118, 74, 59, 54, 70, 80, 59]
    assert check(about, found) == ()
    assert about.reading == {"format": "ts"}


def test_an_embedded_data_set_is_looked_at_too() -> None:
    about, found = inspect("syllables")
    assert (about.sequences, about.groups, about.parts) == (400, 40, {"train": 300, "test": 100})
    assert kinds(found) == []


def test_usual_data_warn_of_nothing() -> None:
    assert kinds(collection(usual())) == []


def test_copies_are_told_by_where_they_are() -> None:
    same = usual()
    same[7] = same[5].copy()
    assert kinds(collection(same)) == ["copies"]
    torn = usual()
    torn[2] = torn[5].copy()
    assert kinds(collection(torn)) == ["copies of another class"]
    parts = ["train"] * 6 + ["test"] * 34
    assert kinds(collection(same, parts=parts)) == ["copies in two parts"]  # type: ignore[arg-type]
    assert kinds(collection(same, parts=["train"] * 8 + ["test"] * 32)) == []  # type: ignore[arg-type]
    zeros = usual()
    zeros[0], zeros[2] = np.zeros((9, 2)), -np.zeros((9, 2))
    assert "copies" in kinds(collection(zeros))


def test_missing_still_and_far_values_are_told_with_their_features() -> None:
    gaps = usual()
    gaps[3][2, 1] = np.nan
    found = replace(collection(gaps), features=("x", "pressure"))
    [warned] = check(looked(found), found)
    assert (warned.kind, "`pressure`" in warned.text, "1 values" in warned.text) == (
        "missing values",
        True,
        True,
    )
    still = [np.column_stack([each, np.full(len(each), 0.1)]) for each in usual()]
    assert kinds(collection(still)) == ["constant features"]
    far = usual()
    far[4][0, 0] = -999
    found = collection(far)
    [warned] = check(looked(found), found)
    assert (warned.kind, warned.sequences) == ("values far off", ("4",))


def test_groups_and_classes_are_counted() -> None:
    groups = [str(place % 10) for place in range(40)]
    parts: list[str | None] = ["train"] * 20 + ["test"] * 20
    assert kinds(collection(usual(), parts=parts, groups=groups)) == ["groups in two parts"]
    apart = [f"{part}{place % 5}" for place, part in enumerate(parts)]
    assert kinds(collection(usual(), parts=parts, groups=apart)) == []
    few = ["a"] * 20 + ["b"] * 15 + ["c"] * 5
    assert kinds(collection(usual(), labels=few)) == ["small classes"]
    uneven = ["a"] * 110 + ["b"] * 10
    assert kinds(collection(usual(120), labels=uneven)) == ["uneven classes"]


def test_lengths_out_of_the_usual_are_told() -> None:
    long = usual()
    long[0] = np.random.default_rng(1).normal([3, -2e4], [1, 100], (1000, 2))
    assert kinds(collection(long)) == ["very long sequences"]
    long[0] = long[0][:1]
    assert kinds(collection(long)) == ["single tokens"]


def test_every_check_has_been_seen_to_warn() -> None:
    assert len(CHECKS) == 7, "a new check wants a test here"
