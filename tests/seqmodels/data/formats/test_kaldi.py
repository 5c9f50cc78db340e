"""Kaldi's data folders: right values of real ones, every kind of matrix, paths that moved, and commands that never run."""

import struct
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from seqsweep.seqmodels.data.errors import DataError
from seqsweep.seqmodels.data.files import list_files
from seqsweep.seqmodels.data.formats.base import RawSequence
from seqsweep.seqmodels.data.formats.kaldi import KALDI, KaldiOptions
from seqsweep.seqmodels.data.formats.kaldi_ark import ArkError, entries, read_value
from seqsweep.seqmodels.data.inputs import read_file
from seqsweep.seqmodels.data.registry import recognise
from seqsweep.seqmodels.data.source import collect
from seqsweep.seqmodels.testing.data_conformance import Data, FormatSuite


def options(**given: Any) -> KaldiOptions:
    return KaldiOptions.model_validate(given)


def binary(values: np.ndarray) -> bytes:
    """A matrix as Kaldi writes it, independent of the reader."""
    token = b"DM " if values.dtype == np.float64 else b"FM "
    kind = "<f8" if values.dtype == np.float64 else "<f4"
    return (
        b"\0B"
        + token
        + struct.pack("<bibi", 4, len(values), 4, values.shape[1])
        + values.astype(kind).tobytes()
    )


def text(values: np.ndarray) -> bytes:
    rows = "\n".join("  " + " ".join(map(repr, row)) for row in values.tolist())
    return f" [\n{rows} ]\n".encode()


class KaldiSuite(FormatSuite):
    format = KALDI
    by_table: ClassVar[bool]

    def write(self, root: Path, data: Data) -> None:
        for part in ("train", "test"):
            (root / part).mkdir(parents=True)
            ark, scp, labels = b"", "", ""
            for (name, place), sequences in data.items():
                for number, values in enumerate(sequences if place == part else []):
                    key = f"{name}-{number}"
                    ark += f"{key} ".encode()
                    scp += f"{key} {part}/raw.ark:{len(ark)}\n"
                    ark += binary(values)
                    labels += f"{key} {name}\n"
            (root / part / "raw.ark").write_bytes(ark)
            (root / part / "utt2label").write_text(labels)
            if self.by_table:
                (root / part / "feats.scp").write_text(scp)


class TestKaldiTable(KaldiSuite):
    by_table = True

    def files(self, root: Path) -> list[Path]:
        return sorted(root.rglob("feats.scp"))


class TestKaldiArchive(KaldiSuite):
    by_table = False


def parsed(path: Path, given: KaldiOptions | None = None) -> list[RawSequence]:
    found = list(read_file(path, "kaldi", given or options()))
    assert all(isinstance(each, RawSequence) for each in found), found
    return found  # type: ignore[return-value]


def test_right_values_of_a_real_compressed_archive(real_data: Path) -> None:
    folder = real_data / "formats/kaldi/mini_librispeech2"
    for name in (
        "feats.scp",
        "data/raw_mfcc_mini_librispeech2.1.scp",
        "data/raw_mfcc_mini_librispeech2.1.ark",
    ):
        found = parsed(folder / name)
        assert [each.id for each in found] == [
            "lbi-3536-23268-0000",
            "lbi-6241-61943-0000",
            "lbi-8842-304647-0000",
        ]
        assert [each.values.shape for each in found] == [(1987, 13), (693, 13), (969, 13)]
        assert [each.values[0, 0] for each in found] == pytest.approx([55.765, 56.428, 55.781], abs=1e-3)
        sums = [each.values.sum() for each in found]
        assert sums == pytest.approx([40_853.373, 13_035.927, 20_250.943], abs=1e-2)


def test_a_real_data_folder(real_data: Path) -> None:
    folder = real_data / "formats/kaldi/mini_librispeech2"
    form, reason = recognise(list_files(folder))
    assert (form, reason) == (KALDI, "a data folder with feats.scp")
    with pytest.raises(
        DataError, match=r"does not show which class its 3 utterance\(s\) have: write a file utt2label"
    ):
        collect({"path": str(folder)})
    found, _, complete = collect({"path": str(folder), "label": "spk2gender", "group": "utt2spk"})
    assert complete.group == "utt2spk"  # type: ignore[attr-defined]
    assert found.labels == ["f", "m", "f"]
    assert found.groups == ["lbi-3536-23268", "lbi-6241-61943", "lbi-8842-304647"]


def test_real_text_archives_and_their_ranges(real_data: Path) -> None:
    folder = real_data / "formats/kaldi/vesis84"
    first, second = parsed(folder / "feats_ascii.ark")
    assert (first.values.shape, second.values.shape) == ((285, 13), (199, 13))
    assert (first.values[0, 0], first.values[-1, -1]) == pytest.approx((42.32011, 9.894735))
    assert (first.values.sum(), second.values.sum()) == pytest.approx((12_351.4827, 15_666.0905))
    by_python = parsed(folder / "feats_ascii.scp", options(ranges="python"))
    whole = second.values
    for each, wanted in zip(
        by_python, [first.values, whole, whole, whole[0:5], whole[:, 7:13], whole[20:30, 7:13]], strict=True
    ):
        np.testing.assert_array_equal(each.values, wanted)
    *good, fault, other = read_file(folder / "feats_ascii.scp", "kaldi", options())  # by Kaldi's own rule
    assert [len(each.values) for each in good] == [285, 199, 199, 6]  # type: ignore[union-attr]
    for each in (fault, other):
        assert 'where its last number belongs to it (other way: `ranges = "python"`)' in str(each)
    # looking finds that out
    files = list_files(folder)
    complete, notes = KALDI.complete(files, options(label="^(AMI)"))
    assert complete.ranges == "python"  # type: ignore[attr-defined]
    assert 'ranges = "python"' in notes[0]
    assert KALDI.gather(files, complete).ids[-1] == "AMI_ES2011a_H00_FEE041_0003714_0003915_slice2#3"


def test_real_integer_vectors_are_the_same_in_binary_and_text(real_data: Path) -> None:
    folder = real_data / "formats/kaldi/vesis84"
    one, two = (parsed(folder / name) for name in ("ali.ark", "ali_ascii.ark"))
    assert [len(each.values) for each in one] == [449, 267, 246, 261, 396, 470, 242, 329, 239, 395]
    assert (one[0].values[0, 0], one[0].values[1, 0], one[0].values[-1, 0]) == (2, 1, 18)
    assert one[0].values.sum() == 2_162_067
    for each, other in zip(one, two, strict=True):
        np.testing.assert_array_equal(each.values, other.values)


VALUES = np.random.default_rng(2).normal(0, 3, (9, 4)).astype(np.float32)


def compressed(values: np.ndarray, token: bytes) -> bytes:
    """By the words of Kaldi's compressed-matrix.h."""
    least, span = float(values.min()), float(values.max() - values.min())
    header = b"\0B" + token + b" " + struct.pack("<ffii", least, span, *values.shape)
    most, kind = (65535, "<u2") if token == b"CM2" else (255, "u1")
    return header + np.round((values - least) / span * most).astype(kind).tobytes()


@pytest.mark.parametrize(
    ("content", "wanted", "tolerance"),
    [
        (binary(VALUES), VALUES, 0),
        (binary(VALUES.astype(np.float64)), VALUES, 0),
        (text(VALUES), VALUES, 1e-6),
        (compressed(VALUES, b"CM2"), VALUES, 3e-4),
        (compressed(VALUES, b"CM3"), VALUES, 0.05),
        (b"\0BFV " + struct.pack("<bi", 4, 9) + VALUES[:, 0].tobytes(), VALUES[:, :1], 0),
        (b" [ 1.5 -2 3e-1 ]\n", [[1.5], [-2], [0.3]], 1e-6),
        (b"3 -1 7\n", [[3], [-1], [7]], 0),
        (b" [\n 1 2 3 ]\n", [[1, 2, 3]], 0),
        (b"\0BFM " + struct.pack("<bibi", 4, 0, 4, 0), np.empty((0, 0)), 0),
    ],
)
def test_every_kind_of_value(content: bytes, wanted: Any, tolerance: float) -> None:
    found, end = read_value(content, 0)
    np.testing.assert_allclose(found, wanted, atol=tolerance)
    assert end in (len(content), len(content) - 1)  # after `]` the line's end is left
    assert [(key, place) for key, place, _ in entries(b"one " + content + b"two " + content)] == [
        ("one", 4),
        ("two", len(content) + 8),
    ]


def test_plain_numbers_are_a_view_of_the_file() -> None:
    found, _ = read_value(binary(VALUES), 0)
    assert found.base is not None
    assert not found.flags.owndata


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (binary(VALUES)[:-1], "is cut off: 144 bytes should follow, but 143 are there"),
        (b"\0BFM " + struct.pack("<bibi", 4, 2**31 - 1, 4, 2**31 - 1), "is cut off"),
        (b"\0BFM " + struct.pack("<bibi", 4, -1, 4, 2), "where a count should be is none"),
        (b"\0BCM " + struct.pack("<ffii", 0, 1, -4, 2), "impossible numbers"),
        (b"\0BCM2 " + struct.pack("<ffii", 0, np.nan, 4, 2), "impossible numbers"),
        (b"\0BSM \4", "holds no matrix or vector of numbers, but `SM`"),
        (b"\0B\4\2\0\0\0\4\1\0\0\0\5\1\0\0\0", "no vector of 32-bit integers"),
        (b" [\n 1 2\n 3 ]\n", "has rows of 1 to 2 numbers"),
        (b" [\n 1 x ]\n", "words that are no numbers"),
        (b" [\n 1 2\n", r"a `\[` has no `\]`"),
        (b"these are words\n", "words that are no numbers"),
        (b"1 2.5\n", "no whole numbers"),
    ],
)
def test_damaged_values_are_refused(content: bytes, rule: str) -> None:
    with pytest.raises(ArkError, match=rule):
        read_value(content, 0)


def write_folder(root: Path, lines: str) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    ark = b""
    for number in range(4):
        ark += f"{'ab'[number % 2]}-{number} ".encode() + binary(VALUES + number)
    (root / "raw.ark").write_bytes(ark)
    (root / "feats.scp").write_text(lines)
    return root


SIZE = 4 + len(binary(VALUES))


def lines(path: str) -> str:
    return "".join(f"{'ab'[n % 2]}-{n}   {path}:{4 + n * SIZE}\n" for n in range(4))


@pytest.mark.parametrize("place", ["raw.ark", "exp/old/raw.ark", "/gone/away/raw.ark", "./raw.ark"])
def test_archives_that_moved_are_found(place: str, tmp_path: Path) -> None:
    found, form, complete = collect({"path": str(write_folder(tmp_path / "set", lines(place)))})
    assert form is KALDI
    assert found.labels == ["a", "b", "a", "b"]
    assert complete.label.startswith("^")  # type: ignore[attr-defined]
    np.testing.assert_array_equal(found.sequences[3], VALUES + 3)
    moved = any(f"{place} is not where" in note for note in found.notes)
    assert moved == ("raw.ark" not in (place, place.removeprefix("./")))
    assert len(parsed(tmp_path / "set/feats.scp", complete)) == 4  # type: ignore[arg-type]


def test_a_path_may_start_above_the_folder(tmp_path: Path) -> None:
    """As in Kaldi's recipes, whose paths begin where they are run."""
    write_folder(tmp_path / "run/mfcc", "")
    (tmp_path / "run/mfcc/feats.scp").unlink()
    (tmp_path / "run/data/train").mkdir(parents=True)
    (tmp_path / "run/data/train/feats.scp").write_text(lines("mfcc/raw.ark"))
    (tmp_path / "run/data/train/text").write_text("a-0 yes\nb-1 no no\na-2 yes\nb-3 no no\n")
    found, _, _ = collect({"path": str(tmp_path / "run/data/train")})
    assert found.labels == ["yes", "no no", "yes", "no no"]
    whole, _, _ = collect({"path": str(tmp_path / "run")})
    np.testing.assert_array_equal(whole.sequences[0], found.sequences[0])


def test_commands_are_never_run(tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    write_folder(
        tmp_path / "set", f"a-0 touch {trap} |\nb-1 | touch {trap}\na-2 raw.ark:4\nb-3 ../raw.ark:4\n"
    )
    with pytest.raises(DataError) as caught:
        collect({"path": str(tmp_path / "set")})
    said = [str(problem) for problem in caught.value.problems]
    assert all("is a command, and commands of data are never run" in each for each in said[:2])
    assert ":1: " in said[0]
    assert "must have no `..` in it" in said[2]
    assert not trap.exists()
    (tmp_path / "sound").mkdir()
    (tmp_path / "sound/wav.scp").write_text(f"a-0 touch {trap} |\n")
    assert recognise(list_files(tmp_path / "sound"))[0] is KALDI
    with pytest.raises(DataError, match=r"has sound \(wav.scp\), but no features"):
        collect({"path": str(tmp_path / "sound")})
    (tmp_path / "sound/a-0.wav").write_bytes(b"RIFF\0\0\0\0WAVE")
    assert recognise(list_files(tmp_path / "sound"))[0].name == "audio"  # the sound itself is there
    assert not trap.exists()


def test_what_is_missing_or_many_is_said(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "set", lines("raw.ark"))
    (folder / "utt2label").write_text("a-0 x\nb-1 y\na-2 x\n")
    (folder / "utt2spk").write_text("a-0 s\nb-1 t\na-2 s\nb-3 t\n")
    with pytest.raises(
        DataError, match=r"feats.scp:4: `b-3` is not in `utt2label`, which says the label of each"
    ):
        collect({"path": str(folder)})
    found, _, _ = collect({"path": str(folder), "label": "utt2spk"})
    assert found.labels == found.groups == ["s", "t", "s", "t"]
    with pytest.raises(DataError, match="has no file `none` beside it, as `label` says"):
        collect({"path": str(folder), "label": "none"})
    with pytest.raises(DataError, match=r"has no file `other.scp`, as `table` says"):
        collect({"path": str(folder), "table": "other.scp", "format": "kaldi"})
    (folder / "feats.scp").rename(folder / "raw.scp")
    (folder / "other.scp").write_text(lines("raw.ark"))
    with pytest.raises(DataError, match=r"holds several tables, other.scp, raw.scp: say by `table`"):
        collect({"path": str(folder), "format": "kaldi"})
    named, _, _ = collect({"path": str(folder), "table": "other.scp", "label": "utt2spk"})
    assert len(named) == 4


@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_hostile_archives_are_refused_or_read(data: st.DataObject) -> None:
    kinds = [binary(VALUES), text(VALUES), compressed(VALUES, b"CM2"), compressed(VALUES, b"CM3"), b"1 2 3\n"]
    kinds.append(b"\0BCM " + compressed(VALUES, b"CM3")[6:] + bytes(32))
    good = bytearray(b"key " + kinds[data.draw(st.integers(0, len(kinds) - 1))] * 2)
    for _ in range(data.draw(st.integers(0, 6))):
        good[data.draw(st.integers(0, min(len(good) - 1, 40)))] = data.draw(st.integers(0, 255))
    content = bytes(good[: data.draw(st.just(len(good)) | st.integers(0, len(good)))])
    try:
        found = list(entries(content))
    except ArkError:
        return
    assert all(values.ndim == 2 and values.size <= len(content) for _, _, values in found)


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
@given(
    line=st.text(max_size=60), seed=st.sampled_from(["a-0 raw.ark:4[0:3", "a-0 /etc/passwd:4", "a-0 ", "a "])
)
def test_hostile_tables_are_refused_or_read(line: str, seed: str, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "set", "")
    (folder / "feats.scp").write_bytes((seed + line).encode("utf-8", "surrogatepass"))
    try:
        found = KALDI.gather(list_files(folder), options(label="^(.)"))
    except DataError:
        return
    assert len(found) >= 1
