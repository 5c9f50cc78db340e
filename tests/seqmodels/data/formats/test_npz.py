"""Arrays, padded or flat; numpy.load is the oracle."""

import io
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seqsweep.seqmodels.data.collection import Collection
from seqsweep.seqmodels.data.errors import DataError, Problem
from seqsweep.seqmodels.data.formats.npz import NPZ
from seqsweep.seqmodels.data.inputs import read_file
from seqsweep.seqmodels.data.source import collect
from seqsweep.seqmodels.testing.data_conformance import Data, FormatSuite

DRAW = np.random.default_rng(5)
VALUES = [DRAW.normal(size=(length, 3)) for length in (4, 2, 5, 1)]
LABELS = np.array(["a", "b", "a", "b"])
FLAT = np.concatenate(VALUES)
LENGTHS = np.array([len(each) for each in VALUES])


def padded(fill: float = np.nan) -> np.ndarray[Any, np.dtype[np.float64]]:
    whole = np.full((4, 5, 3), float(fill))
    for place, each in enumerate(VALUES):
        whole[place, : len(each)] = each
    return whole


class TestNpz(FormatSuite):
    format = NPZ

    def write(self, root: Path, data: Data) -> None:
        root.mkdir()
        arrays: dict[str, Any] = {}
        for part in ("train", "test"):
            some = [(name, each) for (name, of), kept in data.items() if of == part for each in kept]
            if len({each.shape[1] for _, each in some}) > 1:
                some[-1] = (some[-1][0], np.full((1, 2), np.inf))  # an array cannot be ragged
            arrays[f"X_{part}"] = np.concatenate([each for _, each in some])
            arrays[f"y_{part}"] = np.array([name for name, _ in some])
            arrays[f"lengths_{part}"] = np.array([len(each) for _, each in some])
        np.savez(root / "all.npz", **arrays)


def read(path: Path, **table: Any) -> tuple[Collection, dict[str, Any]]:
    found, form, options = collect({"path": str(path), **table})
    assert form is NPZ
    return found, options.model_dump(exclude_none=True)


def problems_of(path: Path, **table: Any) -> list[str]:
    with pytest.raises(DataError) as caught:
        collect({"path": str(path), "format": "npz", **table})
    return [str(each).replace(str(path.parent) + "/", "") for each in caught.value.problems]


def test_trace(real_data: Path) -> None:
    path = real_data / "formats/npy-npz/Trace.npz"
    found, options = read(path)
    assert options == {"values": "X", "label": "y", "axes": "std", "padding": "nan"}
    oracle = np.load(path)
    np.testing.assert_array_equal(
        np.stack(found.sequences), np.concatenate([oracle["X_train"], oracle["X_test"]])
    )
    for part, wanted in (("train", [26, 21, 22, 31]), ("test", [24, 29, 28, 19])):
        count = Counter(label for label, of in zip(found.labels, found.parts, strict=True) if of == part)
        assert [count[str(each)] for each in range(1, 5)] == wanted
    first, last = found.sequences[0][0, 0], found.sequences[99][-1, 0]
    assert (first, last) == (pytest.approx(0.54407, abs=1e-5), pytest.approx(0.67906, abs=1e-5))
    assert found.sequences[100][0, 0] == pytest.approx(-1.2967, abs=1e-4)


def test_objects_are_refused_and_never_unpickled(real_data: Path) -> None:
    [problem] = problems_of(real_data / "formats/npy-npz/py3-objarr.npz")
    assert "py3-objarr.npz!x: has Python objects" in problem
    assert "pickle may run anything" in problem


def test_a_filter_bank_for_a_model(real_data: Path) -> None:
    path = real_data / "formats/npy-npz/25959652-8816-4810-a88a-0b022d6b9b6d.npy"
    options = NPZ.options_type(values="X", label="y", axes="std")
    [found] = read_file(path, "npz", options)
    assert not isinstance(found, Problem)
    assert found.values.shape == (50, 23)
    assert found.values[0, 0] == pytest.approx(1.258558, abs=1e-6)
    [found] = read_file(path.with_name("float_matrix_big_endian.npy"), "npz", options)
    assert not isinstance(found, Problem)
    assert found.values.sum() == 28


LAYOUTS: dict[str, Callable[[], dict[str, Any]]] = {
    "NaN behind the ends": lambda: {"X": padded(), "y": LABELS},
    "lengths": lambda: {"data": padded(7), "labels": LABELS.astype("S1"), "lengths": LENGTHS},
    "channels first": lambda: {"X": padded().transpose(0, 2, 1), "y": LABELS, "axes": "sdt"},
    "lengths of channels first": lambda: {"X": padded(0).transpose(0, 2, 1), "y": LABELS, "seq_len": LENGTHS},
    "Fortran": lambda: {"X": np.asfortranarray(padded()), "y": LABELS},
    "big-endian": lambda: {"X": padded().astype(">f8"), "y": LABELS},
    "flat with lengths": lambda: {"X": FLAT, "y": LABELS, "lengths": LENGTHS},
    "flat with offsets": lambda: {"X": FLAT, "y": LABELS, "offsets": np.cumsum(LENGTHS) - LENGTHS},
    "flat with offsets and the end": lambda: {
        "X": FLAT,
        "y": LABELS,
        "indptr": np.append(0, np.cumsum(LENGTHS)),
    },
    "zeros behind the ends": lambda: {"X": padded(0), "y": LABELS, "padding": "zero"},
    "one-hot": lambda: {"X": padded(), "y": np.eye(2)[[0, 1, 0, 1]]},
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("how", ["npz", "compressed", "npy"])
def test_layouts(layout: str, how: str, tmp_path: Path) -> None:
    arrays = LAYOUTS[layout]()
    table = {key: arrays.pop(key) for key in ("axes", "padding") if key in arrays}
    if how == "npy":
        for name, array in arrays.items():
            np.save(tmp_path / f"{name}.npy", array)
    else:
        (np.savez if how == "npz" else np.savez_compressed)(tmp_path / "a.npz", **arrays)
    found, _ = read(tmp_path, **({"format": "npz", **table} if table else {}))
    for one, other in zip(found.sequences, VALUES, strict=True):
        np.testing.assert_array_equal(one, other)
    assert found.labels == (["0", "1", "0", "1"] if layout == "one-hot" else list(LABELS))
    if how == "npy":  # mapped, not read
        assert not any(each.flags.owndata for each in found.sequences)


def test_zeros_at_the_ends_are_asked_about(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", X=padded(0), y=LABELS)
    found, _ = read(tmp_path)
    assert any(
        '3 of 4 sequences end in zeros: are they padded? then say `padding = "zero"`' in each
        for each in found.notes
    )


def test_files_and_groups_of_parts(tmp_path: Path) -> None:
    for part in ("train", "test"):
        np.savez(
            tmp_path / f"{part}.npz",
            X=padded(),
            y=LABELS,
            subject=[1, 1, 2, 2],
            ids=["k", "l", "m", "n"],
            more=[1],
        )
    found, options = read(tmp_path)
    assert (options["group"], options["id"]) == ("subject", "ids")
    assert found.ids == [f"{part}/{each}" for part in ("train", "test") for each in "klmn"]
    assert found.groups == ["1", "1", "2", "2"] * 2
    assert any("passed over: more" in note for note in found.notes)


def test_what_is_wrong_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"

    def of(**arrays: Any) -> str:
        np.savez(path, **arrays)
        return problems_of(path)[0]

    assert of(X=padded(), y=LABELS[:3]) == "a.npz: `y` has 3 values, but there are 4 sequences"
    assert "`lengths` has 4 lengths, the longest 9, but `X` is 4 x 5 steps" in of(
        X=padded(), y=LABELS, lengths=[9, 1, 1, 1]
    )
    assert "`lengths` comes to 4 steps, but `X` has 12" in of(X=FLAT, y=LABELS, lengths=[1, 1, 1, 1])
    assert "does not cut" in of(X=FLAT, y=LABELS, offsets=[0, 5, 3, 1])
    assert "must have whole numbers" in of(X=FLAT, y=LABELS, lengths=[1.5, 1, 1, 1])
    assert "is not one-hot" in of(X=padded(), y=np.ones((4, 2)))
    assert "must have real numbers or texts" in of(X=padded().astype(complex), y=LABELS)
    assert "say it by `values`; it has `a` 3" in of(a=[1, 2, 3])
    assert "has 4 axes" in of(X=np.zeros((2, 2, 2, 2)), y=[1, 2])


def test_a_header_that_claims_too_much(tmp_path: Path) -> None:
    content = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        content, {"descr": "<f8", "fortran_order": False, "shape": (10**12, 3)}
    )
    (tmp_path / "X.npy").write_bytes(content.getvalue())
    np.save(tmp_path / "y.npy", LABELS)
    assert (
        "claims 3,000,000,000,000 values of 8 bytes, but has 0 bytes: it is cut off"
        in problems_of(tmp_path)[0]
    )
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("X.npy", bytes(70_000_000))
    assert "is it a bomb?" in problems_of(tmp_path / "bomb.npz")[0]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_whatever_comes_is_read_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    content = io.BytesIO()
    (np.savez if data.draw(st.booleans()) else np.savez_compressed)(
        content, X=padded(), y=LABELS, lengths=LENGTHS
    )
    mutated = bytearray(content.getvalue())
    for _ in range(data.draw(st.integers(0, 4))):
        mutated[data.draw(st.integers(0, len(mutated) - 1))] = data.draw(st.integers(0, 255))
    mutated = mutated[: data.draw(st.integers(0, len(mutated)))] if data.draw(st.booleans()) else mutated
    (tmp_path / "a.npz").write_bytes(mutated)
    wrong: list[Problem] = []
    try:
        found, _, _ = collect({"path": str(tmp_path / "a.npz"), "format": "npz"})
    except DataError as error:
        wrong = [each for each in error.problems if not each.where.startswith(str(tmp_path))]
    else:
        assert all(each.ndim == 2 for each in found.sequences)
    assert not wrong
