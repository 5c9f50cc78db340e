"""What is written as Parquet is read back bit for bit."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seqsweep.seqmodels.data.collection import Collection
from seqsweep.seqmodels.data.formats.table import TABLE
from seqsweep.seqmodels.data.formats.writing import write_parquet
from seqsweep.seqmodels.data.source import collect

Made = st.integers(0, 2**32 - 1)


def some(seed: int, dtype: type, *, parts: bool, groups: bool) -> Collection:
    draw = np.random.default_rng(seed)
    count = int(draw.integers(2, 9))
    width = int(draw.integers(1, 4))
    sequences = [draw.normal(size=(int(draw.integers(1, 9)), width)).astype(dtype) for _ in range(count)]
    sequences[0].reshape(-1)[0] = np.nan
    return Collection(
        sequences,
        [f"class {place % 2}" for place in range(count)],
        [f"{place:02}/é" for place in range(count)],
        [""] * count,
        [("train", "test", None)[int(draw.integers(3))] if parts else None for _ in range(count)],
        [f"who{place}" for place in range(count)] if groups else None,
        tuple(f"f{place}" for place in range(width)) if groups else (),
    )


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(Made, st.sampled_from([np.float32, np.float64]), st.booleans(), st.booleans())
def test_there_and_back(tmp_path: Path, seed: int, dtype: type, parts: bool, groups: bool) -> None:
    made = some(seed, dtype, parts=parts, groups=groups)
    write_parquet(made, tmp_path / "a.parquet")
    found, form, _ = collect({"path": str(tmp_path / "a.parquet")})
    assert form is TABLE
    for name in ("labels", "ids", "parts", "groups", "features"):
        assert getattr(found, name) == getattr(made, name), name
    for one, other in zip(found.sequences, made.sequences, strict=True):
        assert one.dtype == other.dtype
        assert one.shape == other.shape
        assert one.tobytes() == other.tobytes()


def test_pandas_reads_it(tmp_path: Path) -> None:
    made = some(3, np.float64, parts=True, groups=True)
    write_parquet(made, tmp_path / "below" / "a.parquet")
    frame = pd.read_parquet(tmp_path / "below" / "a.parquet")
    assert list(frame.columns) == ["id", "label", "split", "group", "values"]
    np.testing.assert_array_equal(np.stack(frame["values"][1]), made.sequences[1])


def test_a_file_that_cannot_be_written_is_not_there(tmp_path: Path) -> None:
    made = some(0, np.float64, parts=False, groups=False)
    broken = Collection(made.sequences, [*made.labels[:-1], "\ud800"], made.ids, made.places, made.parts)
    with pytest.raises(UnicodeEncodeError):
        write_parquet(broken, tmp_path / "a.parquet")
    assert list(tmp_path.iterdir()) == []
