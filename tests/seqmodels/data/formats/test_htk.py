"""HTK's and Sphinx's feature files: right values of real ones, what HTK's compression loses, damaged ones refused."""

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from seqsweep.seqmodels.data.errors import DataError
from seqsweep.seqmodels.data.files import Files, list_files
from seqsweep.seqmodels.data.formats.htk import HTK, HtkOptions
from seqsweep.seqmodels.data.formats.htk_file import Header
from seqsweep.seqmodels.data.inputs import read_file
from seqsweep.seqmodels.data.registry import recognise
from seqsweep.seqmodels.data.source import collect
from seqsweep.seqmodels.testing.data_conformance import Data, FormatSuite

USER, MFCC, WAVEFORM, IREFC = 9, 6, 0, 5
C, K = 0o2000, 0o10000


def htk(values: np.ndarray, kind: int = USER, order: str = ">") -> bytes:
    """A file as HTK's book describes it, independent of the reader."""
    rows, columns = values.shape
    if not kind & C:
        number = "i2" if kind & 0o77 in (WAVEFORM, IREFC) else "f4"
        body = values.astype(f"{order}{number}").tobytes()
        size = columns * (2 if number == "i2" else 4)
    else:
        most, least = values.max(axis=0), values.min(axis=0)
        scale = 2 * 32767 / (most - least)
        offset = (most + least) * 32767 / (most - least)
        body = (
            np.concatenate([scale, offset]).astype(f"{order}f4").tobytes()
            + np.round(values * scale - offset).astype(f"{order}i2").tobytes()
        )
        rows, size = rows + 4, 2 * columns
    return struct.pack(f"{order}iihH", rows, 100_000, size, kind) + body + b"\xab\xcd" * bool(kind & K)


def one(content: bytes, options: HtkOptions | None = None) -> np.ndarray:
    files = Files("set", "/", {"x.fea": content}, frozenset({""}))
    return np.asarray(HTK.read_one(files, "x.fea", options or HtkOptions()).values)


class TestHtk(FormatSuite):
    """Its numbers are float32."""

    format = HTK

    def write(self, root: Path, data: Data) -> None:
        for (name, part), sequences in data.items():
            (root / name / part).mkdir(parents=True)
            for number, values in enumerate(sequences):
                with np.errstate(over="ignore"):
                    (root / name / part / f"{number}.mfc").write_bytes(htk(values))

    def as_read(self, values: np.ndarray) -> np.ndarray:
        return values.astype("f4").astype("f8")


@pytest.mark.parametrize(
    ("name", "columns", "first", "total"),
    [
        ("test.wav.fea_htk.1", 39, 3.0455287, 22_979.187),
        ("test.wav.fea_htk.2", 39, 3.0455287, 8_654.669),
        ("test.wav.fbank_htk.1", 23, 20.612585, 58_201.336),
        ("test.wav.plp_htk.1", 39, -0.86344755, 210.341),
    ],
)
def test_right_values_of_real_files(
    name: str, columns: int, first: float, total: float, real_data: Path
) -> None:
    (found,) = read_file(real_data / "formats/htk" / name, "htk", HtkOptions())
    values = found.values  # type: ignore[union-attr]
    assert values.shape == (142, columns)
    assert values[0, 0] == pytest.approx(first)
    assert values.sum() == pytest.approx(total, abs=1e-3)


def test_a_real_file_of_sphinx(real_data: Path) -> None:
    path = real_data / "formats/htk/sphinx/goforward.mfc"
    (found,) = read_file(path, "htk", HtkOptions())
    values = found.values  # type: ignore[union-attr]
    assert values.shape == (264, 13)
    assert (values[0, 0], values[-1, -1]) == (pytest.approx(26.777723), pytest.approx(-2.7354758))
    assert values.sum() == pytest.approx(5_836.128, abs=1e-3)
    data = path.read_bytes()
    turned = np.frombuffer(data, "<i4").astype(">i4").tobytes()
    np.testing.assert_array_equal(one(turned), values)
    assert one(data, HtkOptions(dimensions=39)).shape == (88, 39)
    with pytest.raises(DataError, match="3,432 numbers, which are no whole frames of 5: say by `dimensions`"):
        one(data, HtkOptions(dimensions=5))


def test_real_files_are_recognised_and_named(real_data: Path) -> None:
    files = list_files(real_data / "formats/htk")
    form, reason = recognise(files)
    assert form is HTK
    assert reason.startswith("5 file(s) such as sphinx/goforward.mfc")
    names = [Header.of(files.peek(each, 12), ">").name for each in sorted(files.contents) if ".wav." in each]
    assert names == ["FBANK", "MFCC_D_A_0", "MFCC_E_D_A", "PLP_D_A_0"]
    with pytest.raises(DataError, match=r"does not show which class its 1 file\(s\) have"):
        collect({"path": str(real_data / "formats/htk/sphinx")})
    found, _, options = collect({"path": str(real_data / "formats/htk"), "label": r"(wav|goforward)"})
    assert options.dimensions == 13  # type: ignore[attr-defined]
    assert [each.shape for each in found.sequences] == [(264, 13), (142, 23), (142, 39), (142, 39), (142, 39)]


VALUES = np.random.default_rng(5).normal(3, 20, (50, 4)).astype("f4")


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [MFCC, MFCC | K, MFCC | C, MFCC | C | K])
def test_compressed_and_checked_ones(kind: int, order: str) -> None:
    found = one(htk(VALUES, kind, order))
    assert found.dtype == np.float32
    half_a_step = (VALUES.max(axis=0) - VALUES.min(axis=0)) / (2 * 32767) / 2
    assert (np.abs(found - VALUES) <= half_a_step * 1.1 * bool(kind & C)).all()


def test_integers() -> None:
    whole = np.arange(-3, 3).reshape(6, 1)
    np.testing.assert_array_equal(one(htk(whole, WAVEFORM)), whole)
    np.testing.assert_allclose(one(htk(whole, IREFC)), whole / 32767, rtol=1e-6)


def test_what_is_odd_is_said(tmp_path: Path) -> None:
    for number in range(4):
        (tmp_path / f"{'ab'[number % 2]}_{number}.{number}").write_bytes(htk(VALUES, MFCC | K, "<"))
        (tmp_path / f"{'ab'[number % 2]}_{number}.lab").write_text("0 1 a\n")
    found, form, _ = collect({"path": str(tmp_path)})
    assert form is HTK
    assert found.labels == ["a", "a", "b", "b"]
    said = " / ".join(found.notes)
    assert "little-endian, unlike what HTK itself writes (4 of 4 files)" in said
    assert "its checksum (`_K`) is not verified (4 of 4 files)" in said
    assert "passed over 4 file(s) of other suffixes, such as a_0.lab" in said


def test_compressed_files_are_looked_into_where_they_are_small(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for label in "ab":
        for number in range(2):
            (tmp_path / f"{label}_{number}.fea.gz").write_bytes(gzip.compress(htk(VALUES)))
    found, _, _ = collect({"path": str(tmp_path)})
    np.testing.assert_array_equal(found.sequences[3], VALUES)
    monkeypatch.setattr("seqsweep.seqmodels.data.formats.htk.MOST_PACKED", 10)
    assert HTK.recognise(list_files(tmp_path)) is None


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"", "it has 0 bytes, but its header alone has 12"),
        (htk(VALUES)[:-1], r"50 frames of 16 bytes \(USER\) make 812 bytes, but it has 811"),
        (htk(VALUES) + b"x", "it has 813"),
        (struct.pack(">iihH", 2**31 - 1, 1, 4, USER), "make 8,589,934,600 bytes, but it has 12"),
        (struct.pack(">iihH", 0, 1, 4, USER), "says 0 frames"),
        (struct.pack(">iihH", 4, 1, 4, MFCC | C) + bytes(16), "says 0 frames"),
        (struct.pack(">iihH", 9, 1, -4, USER), "says -4 bytes for a frame of USER"),
        (struct.pack(">iihH", 9, 1, 6, USER), "must be a multiple of 4"),
        (struct.pack(">iihH", 9, 1, 4, 0o77), "says kind 63"),
        (struct.pack(">iihH", 5, 1, 2, MFCC | C) + bytes(10), "is 0 or not finite"),
    ],
)
def test_damaged_files_are_refused(content: bytes, rule: str) -> None:
    with pytest.raises(DataError, match=rule):
        one(content)


@settings(max_examples=200)
@given(data=st.data())
def test_hostile_files_are_refused_or_read(data: st.DataObject) -> None:
    good = bytearray(htk(VALUES[:3], data.draw(st.sampled_from([USER, MFCC | C, MFCC | K, IREFC]))))
    for _ in range(data.draw(st.integers(0, 6))):
        good[data.draw(st.integers(0, 20))] = data.draw(st.integers(0, 255))
    content = bytes(good[: data.draw(st.just(len(good)) | st.integers(0, len(good)))])
    try:
        found = one(content)
    except DataError:
        return
    assert found.ndim == 2
    assert 0 < found.size <= len(content)
